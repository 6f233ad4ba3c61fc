from psycopg2.errors import UniqueViolation

from odoo import api, fields, models
from odoo.exceptions import ConcurrencyError, UserError

from ..tools.terms import canonical_json, chain_hash, trace_hash

EVENTS = [
    ("sent", "Link sent"),
    ("bounced", "Mail could not be delivered"),
    ("nudged", "Reminder of the link sent"),
    ("opened", "Page opened (or scanned)"),
    ("downloaded", "PDF downloaded"),
    ("code_sent", "Code sent"),
    ("code_refused", "Wrong code entered"),
    ("code_entered", "Code from the e-mail entered"),
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
    note = fields.Text()
    terms_hash = fields.Char(string="Terms", required=True)
    pdf_sha256 = fields.Char(
        string="PDF", help="SHA-256 of the PDF that was shown at that moment."
    )
    trace_hash = fields.Char(
        string="Fingerprint of the trace",
        help="Salted SHA-256 of the IP address and the browser, which are kept apart "
        "from the evidence and erased after the company's retention time.",
    )
    trace_ids = fields.One2many(
        "cycle.confirmation.trace",
        "event_id",
        groups="order_invoice_cycle.group_cycle_manager",
    )
    ip = fields.Char(
        string="IP address",
        compute="_compute_trace",
        compute_sudo=True,
        groups="order_invoice_cycle.group_cycle_manager",
    )
    user_agent = fields.Char(
        string="Browser",
        compute="_compute_trace",
        compute_sudo=True,
        groups="order_invoice_cycle.group_cycle_manager",
    )
    previous_hash = fields.Char(string="Previous event")
    hash = fields.Char(string="This event", required=True)

    _chain_position = models.UniqueIndex(
        "(order_id, sequence)",
        "Two events of one order cannot share a place in the chain.",
    )

    def _get_event_text(self):
        """Return what happened, in words."""
        self.ensure_one()
        return dict(self._fields["event"]._description_selection(self.env))[self.event]

    @api.depends("trace_ids")
    def _compute_trace(self):
        for event in self:
            event.ip = event.trace_ids[:1].ip
            event.user_agent = event.trace_ids[:1].user_agent

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
                BEFORE UPDATE OF id, confirmation_id, order_id, sequence, event, date,
                    name, email, user_id, note, terms_hash, pdf_sha256, trace_hash,
                    previous_hash, hash
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
    def _append(self, confirmation, event, date=None, **values):
        """Add one event at the end of the order's chain.

        The caller holds the lock on the order, which serialises the chain. An event
        committed after our snapshot cannot be seen all the same; then the unique index
        refuses the place, and the whole request is tried again.

        :param confirmation: the ``cycle.confirmation`` it happened to
        :param str event: a value of :data:`EVENTS`
        :param datetime date: UTC, whole seconds; by default now
        :param values: ``name``, ``email``, ``user_id``, ``note``, ``pdf_sha256``;
            ``ip`` and ``user_agent`` are kept apart, as a trace
        :return: the new event
        :raise ConcurrencyError: when somebody else added an event meanwhile
        """
        order = confirmation.order_id
        traces = self.env["cycle.confirmation.trace"].sudo()
        trace = traces._prepare(values.pop("ip", None), values.pop("user_agent", None))
        last = self.sudo().search(
            [("order_id", "=", order.id)], order="sequence desc", limit=1
        )
        row = {
            "confirmation_id": confirmation.id,
            "order_id": order.id,
            "sequence": last.sequence + 1,
            "event": event,
            "date": date or self._get_time(),
            "email": confirmation.email,
            "terms_hash": confirmation.terms_hash,
            "trace_hash": trace_hash(**trace) if trace else "",
            "previous_hash": last.hash or "",
            **values,
        }
        content = self._get_chained_content(row)
        row["hash"] = chain_hash(row["previous_hash"], content)
        try:
            with self.env.cr.savepoint():
                appended = self.sudo().create(row)
        except UniqueViolation as error:
            raise ConcurrencyError(str(error)) from error
        if trace:
            traces.create({**trace, "event_id": appended.id, "date": row["date"]})
        return appended

    @api.model
    def _get_time(self):
        """Return the time of the database, in UTC and whole seconds.

        It is one clock for all servers, so that each event of a chain is later than
        the one before it.
        """
        self.env.cr.execute(
            "SELECT date_trunc('second', clock_timestamp() AT TIME ZONE 'UTC')"
        )
        return self.env.cr.fetchone()[0]

    @api.model
    def _get_chained_json(self, row):
        """Return the very text that was hashed, for those who want to recompute it."""
        return canonical_json(self._get_chained_content(row))

    @api.model
    def _get_chained_content(self, row):
        """Return what the hash of an event covers.

        IP address and browser are personal data that are erased later, so the chain
        covers a salted hash of them only.
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
            "pdf": row.get("pdf_sha256") or "",
            "trace": row.get("trace_hash") or "",
        }
