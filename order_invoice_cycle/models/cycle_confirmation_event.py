from psycopg2.errors import UniqueViolation

from odoo import api, fields, models
from odoo.exceptions import ConcurrencyError, UserError

from ..tools.terms import chain_hash

EVENTS = [
    ("sent", "Link sent"),
    ("bounced", "Mail bounced"),
    ("opened", "Page opened"),
    ("downloaded", "PDF downloaded"),
    ("commented", "Comments sent"),
    ("confirmed", "Confirmed"),
    ("declined", "Declined"),
    ("expired", "Expired"),
    ("revoked", "Revoked"),
    ("superseded", "Superseded by a new version"),
]


class CycleConfirmationEvent(models.Model):
    """One line of the evidence of an order: appended, hash-chained, never changed."""

    _name = "cycle.confirmation.event"
    _description = "Confirmation Event"
    _order = "order_id, sequence"
    _rec_name = "event"

    confirmation_id = fields.Many2one(
        "cycle.confirmation", required=True, index=True, ondelete="restrict"
    )
    order_id = fields.Many2one(
        "sale.order", required=True, index=True, ondelete="restrict"
    )
    company_id = fields.Many2one(related="order_id.company_id", store=True)
    sequence = fields.Integer(required=True)
    event = fields.Selection(EVENTS, required=True)
    date = fields.Datetime(string="Time (UTC)", required=True)
    name = fields.Char(string="Declared name")
    email = fields.Char()
    user_id = fields.Many2one("res.users", string="Logged in as")
    ip = fields.Char(string="IP address", groups="base.group_system")
    user_agent = fields.Char(groups="base.group_system")
    note = fields.Text()
    terms_hash = fields.Char(string="Terms", required=True)
    previous_hash = fields.Char(string="Previous event")
    hash = fields.Char(string="This event", required=True)

    _chain_position = models.UniqueIndex(
        "(order_id, sequence)",
        "Two events of one order cannot share a place in the chain.",
    )

    def init(self):
        """Let PostgreSQL itself refuse to change or delete evidence."""
        self.env.cr.execute(
            """
            CREATE OR REPLACE FUNCTION cycle_confirmation_event_append_only()
            RETURNS trigger AS $$
            BEGIN
                RAISE EXCEPTION 'cycle_confirmation_event is append-only';
            END;
            $$ LANGUAGE plpgsql;
            DROP TRIGGER IF EXISTS cycle_event_no_change ON cycle_confirmation_event;
            CREATE TRIGGER cycle_event_no_change
                BEFORE UPDATE OF confirmation_id, order_id, sequence, event, date,
                    name, email, user_id, note, terms_hash, previous_hash, hash
                    OR DELETE ON cycle_confirmation_event
                FOR EACH ROW EXECUTE FUNCTION cycle_confirmation_event_append_only();
            DROP TRIGGER IF EXISTS cycle_event_no_truncate ON cycle_confirmation_event;
            CREATE TRIGGER cycle_event_no_truncate
                BEFORE TRUNCATE ON cycle_confirmation_event
                FOR EACH STATEMENT
                EXECUTE FUNCTION cycle_confirmation_event_append_only();
            """
        )

    # Never calls super: there is nothing that may be written.
    def write(self, vals):  # pylint: disable=method-required-super
        """Refuse: evidence is only ever appended."""
        raise UserError(
            self.env._("The evidence of a confirmation is never changed, only added.")
        )

    @api.ondelete(at_uninstall=False)
    def _unlink_except_never(self):
        raise UserError(self.env._("The evidence of a confirmation is never deleted."))

    @api.model
    def _append(self, confirmation, event, **values):
        """Add one event at the end of the order's chain.

        The caller holds the lock on the order, which serialises the chain. An event
        committed after our snapshot cannot be seen all the same; then the unique index
        refuses the place, and the whole request is tried again.

        :param confirmation: the ``cycle.confirmation`` it happened to
        :param str event: a value of :data:`EVENTS`
        :param values: ``name``, ``email``, ``user_id``, ``ip``, ``user_agent``,
            ``note``
        :return: the new event
        :raise ConcurrencyError: when somebody else added an event meanwhile
        """
        order = confirmation.order_id
        last = self.sudo().search(
            [("order_id", "=", order.id)], order="sequence desc", limit=1
        )
        row = {
            "confirmation_id": confirmation.id,
            "order_id": order.id,
            "sequence": last.sequence + 1,
            "event": event,
            "date": fields.Datetime.now().replace(microsecond=0),
            "email": confirmation.email,
            "terms_hash": confirmation.terms_hash,
            "previous_hash": last.hash or "",
            **values,
        }
        row["hash"] = chain_hash(row["previous_hash"], self._get_chained_content(row))
        try:
            with self.env.cr.savepoint():
                return self.sudo().create(row)
        except UniqueViolation as error:
            raise ConcurrencyError(str(error)) from error

    @api.model
    def _get_chained_content(self, row):
        """Return what the hash of an event covers.

        IP address and user agent are personal data that may be erased later, so the
        chain does not cover them.
        """
        return {
            "order": row["order_id"],
            "confirmation": row["confirmation_id"],
            "sequence": row["sequence"],
            "event": row["event"],
            "date": fields.Datetime.to_string(row["date"]),
            "name": row.get("name") or "",
            "email": row.get("email") or "",
            "user": row.get("user_id") or 0,
            "note": row.get("note") or "",
            "terms": row["terms_hash"],
        }

    def _verify_chain(self):
        """Recompute the chain of ``self``, all events of one order.

        :return: True, or the first event that does not fit
        """
        previous = ""
        for position, event in enumerate(self.sorted("sequence"), start=1):
            row = event.read(
                [
                    "sequence",
                    "event",
                    "date",
                    "name",
                    "email",
                    "note",
                    "terms_hash",
                    "previous_hash",
                    "hash",
                ]
            )[0]
            row.update(
                order_id=event.order_id.id,
                confirmation_id=event.confirmation_id.id,
                user_id=event.user_id.id,
            )
            expected = chain_hash(previous, self._get_chained_content(row))
            if (
                row["sequence"] != position
                or (row["previous_hash"] or "") != previous
                or row["hash"] != expected
            ):
                return event
            previous = row["hash"]
        return True
