import logging
import uuid

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain

from .cycle_job_mixin import CONTESTED, FAILURE_ACTIVITY

_logger = logging.getLogger(__name__)

CRON = "order_invoice_cycle.ir_cron_send_messages"
# Roles that decide about a message that failed or is in doubt.
RELEASING_GROUPS = (
    "order_invoice_cycle.group_cycle_billing,"
    "order_invoice_cycle.group_cycle_collections"
)
# Purposes for which a customer sits in front of a page and waits.
URGENT = ("code",)


class CycleMessage(models.Model):
    """The outbox: one e-mail to one recipient for one purpose.

    A message is claimed (``sending``) and committed before it is handed to the mail
    server, and its result is committed afterwards. A refusal is tried again; when
    nobody can know whether the server took it, it becomes ``uncertain`` and a person
    decides. So nothing is ever sent twice by itself.
    """

    _name = "cycle.message"
    _inherit = [
        "cycle.state.mixin",
        "cycle.job.mixin",
        "mail.thread",
        "mail.activity.mixin",
    ]
    _description = "Message to a Customer"
    _order = "id desc"
    _rec_name = "subject"
    # Nobody writes a message, but whoever reads it may comment on it.
    _mail_post_access = "read"
    _job_error_field = "failure_reason"
    _job_retry_field = "date_next_attempt"

    purpose = fields.Selection(
        [
            ("confirmation", "Confirmation link"),
            ("nudge", "Reminder of the link"),
            ("code", "Code to confirm"),
            ("receipt", "Confirmation receipt"),
            ("order", "Mail of the quotation template"),
            ("renewal", "Renewal announced"),
            ("renewal_refused", "Refusal acknowledged"),
            ("payment_request", "Payment request"),
            ("invoice", "Invoice"),
            ("reminder", "Payment reminder"),
            ("dispute", "Dispute acknowledged"),
        ],
        required=True,
    )
    res_model = fields.Char(string="Document model", required=True)
    res_id = fields.Many2oneReference(
        string="Document", model_field="res_model", required=True
    )
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    partner_id = fields.Many2one("res.partner", required=True, ondelete="restrict")
    email_to = fields.Char(string="To")
    subject = fields.Char()
    mail_template_id = fields.Many2one("mail.template", required=True)
    body = fields.Html(
        sanitize=False,
        readonly=True,
        help="What was sent. Secret links are masked.",
    )
    uuid = fields.Char(default=lambda self: str(uuid.uuid4()), copy=False)
    state = fields.Selection(
        [
            ("queued", "Queued"),
            ("sending", "Sending"),
            ("sent", "Sent"),
            ("failed", "Failed"),
            ("uncertain", "Uncertain"),
            ("cancelled", "Cancelled"),
        ],
        required=True,
        default="queued",
        index=True,
    )
    _transitions = {
        "queued": {"sending", "failed", "cancelled"},
        "sending": {"sent", "queued", "failed", "uncertain"},
        # It came back: whatever took it could not deliver it.
        "sent": {"failed"},
        "failed": {"queued", "cancelled"},
        "uncertain": {"queued", "sent", "failed", "cancelled"},
    }
    is_urgent = fields.Boolean(
        readonly=True, help="Somebody waits for it: it goes out before the others."
    )
    attempts = fields.Integer(readonly=True)
    date_claimed = fields.Datetime(readonly=True)
    date_sent = fields.Datetime(readonly=True)
    date_next_attempt = fields.Datetime(string="Next attempt", readonly=True)
    failure_reason = fields.Text(readonly=True)
    # Not whatever is attached to it: colleagues attach files to their notes.
    file_ids = fields.Many2many(
        "ir.attachment",
        "cycle_message_file_rel",
        string="Files made for it",
        readonly=True,
        copy=False,
    )

    _uuid_unique = models.UniqueIndex("(uuid)")
    _document = models.Index("(res_model, res_id)")
    _to_send = models.Index("(date_next_attempt) WHERE state = 'queued'")

    # === QUEUEING === #

    @api.model
    def _queue(self, record, purpose, template, partner):
        """Put one message in the outbox; it goes out after this transaction.

        A message that waits already is returned instead of a second one; one that
        failed or is in doubt is replaced.

        :param record: the document (inherits ``cycle.message.source``)
        :param str purpose: a value of the field ``purpose``
        :param template: a ``mail.template`` of the record's model
        :param res.partner partner: the recipient
        :return: the message
        """
        return self._queue_all([(record, partner)], purpose, template)

    @api.model
    def _queue_all(self, recipients, purpose, template):
        """Put messages about several documents of one model in the outbox.

        :param list recipients: pairs of a document and its recipient; otherwise as
            for :meth:`_queue`
        :return: the messages, in the order of the pairs
        """
        # Nobody writes messages; the document that asks for one has the right to.
        outbox = self.sudo().with_context(
            mail_create_nolog=True, mail_create_nosubscribe=True
        )
        queued = outbox._replace_earlier(recipients, purpose)
        values = {
            "purpose": purpose,
            "mail_template_id": template.id,
            "subject": template.name,
            "is_urgent": purpose in URGENT,
        }
        missing = [pair for pair in recipients if pair not in queued]
        created = outbox.create(
            [
                {
                    **values,
                    "res_model": record._name,
                    "res_id": record.id,
                    "company_id": record.company_id.id,
                    "partner_id": partner.id,
                }
                for record, partner in missing
            ]
        )
        for pair, message in zip(missing, created, strict=True):
            message.email_to = pair[0]._cycle_message_address(message)
            queued[pair] = message
        if created:
            self.env.ref(CRON)._trigger()
        return outbox.browse(queued[pair].id for pair in recipients)

    def _replace_earlier(self, recipients, purpose):
        """Withdraw earlier messages that did not go out, for newer ones to come.

        :return: {(record, partner): message} of those that are queued already
        """
        documents = [record for record, _partner in recipients]
        earlier = self.search(
            [
                ("purpose", "=", purpose),
                ("res_model", "in", list({record._name for record in documents})),
                ("res_id", "in", [record.id for record in documents]),
                ("partner_id", "in", [partner.id for _record, partner in recipients]),
            ]
        ).grouped(lambda one: (one.company_id, one.res_id, one.partner_id))
        queued, replaced = {}, self.browse()
        for record, partner in recipients:
            key = (record.company_id, record.id, partner)
            messages = earlier.get(key, self.browse())
            waiting = messages.filtered(lambda message: message.state == "queued")[:1]
            if waiting:
                queued[record, partner] = waiting
            else:
                replaced |= messages
        replaced.filtered(
            lambda message: message.state in ("failed", "uncertain")
        )._withdraw(self.env._("Replaced by a newer message."))
        return queued

    def _get_document(self):
        """Return the document the message is about, empty when it was deleted."""
        self.ensure_one()
        return (
            self.env[self.res_model]
            .with_company(self.company_id)
            .browse(self.res_id)
            .exists()
        )

    @api.model
    def _get_documents_domain(self, *documents):
        """Return the domain of the messages about ``documents``.

        :param documents: recordsets of models that inherit ``cycle.message.source``
        :return: list, so that it can be the domain of an action
        """
        return list(
            Domain.OR(
                Domain("res_model", "=", records._name)
                & Domain("res_id", "in", records.ids)
                for records in documents
            )
        )

    # === BUTTONS === #

    def action_send_again(self):
        """Queue failed or uncertain messages again: a person has decided so."""
        messages = self._check_can_release("failed", "uncertain")
        messages._update_state(
            "queued",
            attempts=0,
            date_next_attempt=False,
            failure_reason=False,
            # Made anew: their document may have changed since.
            file_ids=False,
        )
        messages._close_activities()
        messages._log_decision(self.env._("To be sent again."))
        self.env.ref(CRON).sudo()._trigger()

    def action_mark_sent(self):
        """Record that uncertain messages did arrive, as the customer said."""
        for message in self._check_can_release("uncertain"):
            message._set_sent(message.date_claimed)
            message._log_decision(self.env._("It did arrive."))

    def action_cancel(self):
        """Withdraw messages that have not gone out."""
        messages = self._check_can_release("queued", "failed", "uncertain")
        messages._withdraw(self.env._("Withdrawn by %s.", self.env.user.name))

    def action_view_document(self):
        """Open the document the message is about."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": self.res_model,
            "res_id": self.res_id,
            "view_mode": "form",
        }

    def _check_can_release(self, *states):
        """Return ``self`` in superuser mode, for a person who may decide about it.

        :raise AccessError: without the billing or the collections role
        :raise UserError: when a message is in none of ``states``
        """
        self.check_access("read")
        if not self.env.user.has_groups(RELEASING_GROUPS):
            raise AccessError(
                self.env._(
                    "Only the billing and the collections role of the order cycle "
                    "decide about messages."
                )
            )
        labels = dict(self._fields["state"]._description_selection(self.env))
        for message in self:
            if message.state not in states:
                raise UserError(
                    self.env._(
                        "“%(message)s” is “%(state)s”: this can only be decided about "
                        "a message that is %(states)s.",
                        message=message.subject,
                        state=labels[message.state],
                        states=", ".join(f"“{labels[state]}”" for state in states),
                    )
                )
        return self.sudo()

    def _log_decision(self, text):
        for message in self:
            message._message_log(body=text, author_id=self.env.user.partner_id.id)

    # === RESULTS === #

    def _set_sent(self, now):
        """Record that the mail server took the messages, and tell their documents."""
        self._update_state("sent", date_sent=now, failure_reason=False)
        self._close_activities()
        for message in self:
            message._tell_sent()

    def _tell_sent(self):
        """Let the document react; a failure there does not make it any less sent."""
        try:
            with self.env.cr.savepoint():
                for document in self._get_document():
                    document._cycle_message_sent(self)
        except CONTESTED:
            raise
        except Exception as error:
            _logger.exception("%s was sent, but its document failed", self)
            self._job_notify_owner(self._job_failure_reason(error))

    def _set_failed(self, reason):
        self._update_state("failed", failure_reason=reason)
        self._stop_and_tell(reason)

    def _set_uncertain(self, reason):
        self._update_state("uncertain", failure_reason=reason)
        self._stop_and_tell(reason)

    def _stop_and_tell(self, reason):
        self._job_notify_owner(reason)
        for document in self._get_document():
            document._cycle_message_failed(self)

    def _withdraw(self, reason):
        """Cancel messages that have not gone out, and tell their documents why."""
        self._update_state("cancelled", failure_reason=reason)
        self._close_activities()
        for message in self:
            for document in message._get_document():
                document._cycle_message_cancelled(message)

    def _close_activities(self):
        self.activity_unlink([FAILURE_ACTIVITY])

    def _job_owners(self):
        return self._get_document().user_id | super()._job_owners()
