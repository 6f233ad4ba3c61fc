import logging
import smtplib
import uuid
from datetime import timedelta
from email.utils import formataddr
from urllib.parse import urlsplit

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import email_normalize

from ..tools.mail import clean_header

_logger = logging.getLogger(__name__)

RETRY_MINUTES = (5, 15, 60, 240)
IN_DOUBT_AFTER = timedelta(minutes=15)
LAYOUT = "mail.mail_notification_light"


class CycleMessage(models.Model):
    """The outbox: one e-mail to one recipient for one purpose.

    A message is claimed (``sending``) and committed before it is handed to the mail
    server, and its result is committed afterwards. A refusal is tried again; when
    nobody can know whether the server took it, it becomes ``uncertain`` and a person
    decides. So nothing is ever sent twice by itself.
    """

    _name = "cycle.message"
    _inherit = ["cycle.state.mixin", "cycle.job.mixin", "mail.thread", "mail.activity.mixin"]
    _description = "Message to a Customer"
    _order = "id desc"
    _rec_name = "subject"
    _job_error_field = "failure_reason"
    _job_retry_field = "date_next_attempt"

    purpose = fields.Selection(
        [
            ("confirmation", "Confirmation link"),
            ("receipt", "Confirmation receipt"),
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
        tracking=True,
    )
    _transitions = {
        "queued": {"sending", "failed", "cancelled"},
        "sending": {"sent", "queued", "failed", "uncertain"},
        "failed": {"queued", "cancelled"},
        "uncertain": {"queued", "sent", "cancelled"},
    }
    attempts = fields.Integer(readonly=True)
    date_claimed = fields.Datetime(readonly=True)
    date_sent = fields.Datetime(readonly=True)
    date_next_attempt = fields.Datetime(string="Next attempt", readonly=True)
    failure_reason = fields.Text(readonly=True)

    _uuid_unique = models.UniqueIndex("(uuid)")
    _to_send = models.Index("(date_next_attempt) WHERE state = 'queued'")

    # === QUEUEING === #

    @api.model
    def _queue(self, record, purpose, template, partner, email=None):
        """Put one message in the outbox; it goes out after this transaction.

        :param record: the document (inherits ``cycle.message.source``)
        :param str purpose: a value of the field ``purpose``
        :param template: a ``mail.template`` of the record's model
        :param res.partner partner: the recipient
        :param str email: the address, when it is not the partner's
        :return: the new message
        """
        message = self.sudo().create(
            {
                "purpose": purpose,
                "res_model": record._name,
                "res_id": record.id,
                "company_id": record.company_id.id,
                "partner_id": partner.id,
                "email_to": email or partner.email,
                "mail_template_id": template.id,
                "subject": template.name,
            }
        )
        self.env.ref("order_invoice_cycle.ir_cron_send_messages")._trigger()
        return message

    def _get_document(self):
        """Return the document the message is about, empty when it was deleted."""
        self.ensure_one()
        return (
            self.env[self.res_model]
            .with_company(self.company_id)
            .browse(self.res_id)
            .exists()
        )

    # === BUTTONS === #

    def action_send_again(self):
        """Queue failed or uncertain messages again: a person has decided so."""
        self.check_access("write")
        for message in self:
            if message.state not in ("failed", "uncertain"):
                raise UserError(
                    self.env._(
                        "“%(message)s” is not waiting for a decision: only a failed "
                        "or uncertain message can be sent again.",
                        message=message.subject,
                    )
                )
        self._update_state(
            "queued", attempts=0, date_next_attempt=False, failure_reason=False
        )
        self._job_clear_activity()
        self.env.ref("order_invoice_cycle.ir_cron_send_messages").sudo()._trigger()

    def action_cancel(self):
        """Withdraw messages that have not gone out."""
        self.check_access("write")
        self._update_state("cancelled")
        self._job_clear_activity()

    def action_view_document(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": self.res_model,
            "res_id": self.res_id,
            "view_mode": "form",
        }

    # === SENDING === #

    @api.model
    def _get_messages_to_send_domain(self, now):
        return Domain("state", "=", "queued") & (
            Domain("date_next_attempt", "=", False)
            | Domain("date_next_attempt", "<=", now)
        )

    @api.model
    def _cron_send_messages(self, now=None):
        """Send what is queued, one message per transaction.

        :param datetime now: the time it counts as (UTC); the clock by default
        """
        now = now or fields.Datetime.now()
        self._release_claims_in_doubt(now)
        outgoing = {}

        def get_domain(model):
            return model._get_messages_to_send_domain(now) & Domain(
                "company_id", "=", model.env.company.id
            )

        self._prepare_documents(now)
        self._run_job(
            get_domain,
            lambda messages: outgoing.update(messages._claim(now)),
            cron="order_invoice_cycle.ir_cron_send_messages",
            order="id",
            batch_size=1,
            then=lambda messages: messages._deliver(outgoing, now),
        )

    def _prepare_documents(self, now):
        """Render the files of the queued messages, before any of them is claimed."""
        queued = self.search(self._get_messages_to_send_domain(now), order="id")
        for (model, company), messages in queued.grouped(
            lambda message: (message.res_model, message.company_id)
        ).items():
            for ids in _chunks(messages.ids, 20):
                batch = self.browse(ids)
                documents = self.env[model].with_company(company)
                documents = documents.browse(batch.mapped("res_id")).exists()
                try:
                    documents._cycle_message_documents(batch)
                    self.env["ir.cron"]._commit_progress()
                except Exception:
                    self.env.cr.rollback()
                    _logger.exception("Files of %s could not be made", documents)

    def _release_claims_in_doubt(self, now):
        """Ask a person about messages whose sender died while sending them."""
        abandoned = self.search(
            [("state", "=", "sending"), ("date_claimed", "<", now - IN_DOUBT_AFTER)]
        ).try_lock_for_update()
        for message in abandoned:
            message._set_uncertain(
                self.env._(
                    "The server stopped while this message was being handed to the "
                    "mail server. It may have arrived: ask the customer, then send it "
                    "again or cancel it."
                )
            )

    def _claim(self, now):
        """Re-check, render and mark as ``sending``; return {id: EmailMessage}."""
        outgoing = {}
        for message in self:
            document = message._get_document()
            obstacle = (
                document._cycle_message_obstacle(message)
                if document
                else self.env._("The document no longer exists.")
            )
            if obstacle:
                message._update_state("cancelled", failure_reason=obstacle)
                continue
            address = email_normalize(message.email_to or "")
            if not address:
                message._set_failed(
                    self.env._(
                        "%(partner)s has no valid single e-mail address "
                        "(“%(address)s”). Correct it on the contact, then send again.",
                        partner=message.partner_id.display_name,
                        address=message.email_to or "",
                    )
                )
                document._cycle_message_failed(message)
                continue
            message.email_to = address
            outgoing[message.id] = message._render(document)
            message._update_state(
                "sending", date_claimed=now, attempts=message.attempts + 1
            )
        return outgoing

    def _render(self, document):
        """Return the e-mail as it goes out, and archive it without its secrets."""
        self.ensure_one()
        context = document._cycle_message_render_context(self)
        secret = context.get("cycle_secret")
        lang = self.partner_id.lang or self.env.lang
        template = self.mail_template_id.sudo().with_context(lang=lang, **context)
        values = template._generate_template(
            [document.id], ("subject", "body_html", "email_from", "reply_to")
        )[document.id]
        body = template._render_encapsulate(
            LAYOUT,
            values["body_html"],
            add_context={"company": self.company_id},
            context_record=document.with_context(lang=lang),
        )
        subject = clean_header(values["subject"])
        self.write(
            {
                "subject": subject,
                "body": body.replace(secret, "…") if secret else body,
            }
        )
        sender = values.get("email_from") or self.company_id.email_formatted
        reply_to = values.get("reply_to") or sender
        host = urlsplit(self.get_base_url()).hostname or "localhost"
        return self.env["ir.mail_server"]._build_email__(
            email_from=clean_header(sender),
            email_to=[formataddr((clean_header(self.partner_id.name), self.email_to))],
            subject=subject,
            body=body,
            reply_to=clean_header(reply_to),
            attachments=[
                (attachment.name, attachment.raw, attachment.mimetype)
                for attachment in document._cycle_message_attachments(self).sudo()
            ],
            message_id=f"<cycle-{self.uuid}@{host}>",
            subtype="html",
            headers={"Auto-Submitted": "auto-generated"},
        )

    def _deliver(self, outgoing, now):
        """Hand claimed messages to the mail server and write what it answered."""
        for message in self.filtered(lambda message: message.state == "sending"):
            server = self.env["ir.mail_server"].sudo()
            email = outgoing.pop(message.id)
            try:
                session = server._connect__(smtp_from=email["From"])
            except Exception as error:
                message._retry_later(error, now)
                continue
            try:
                server.send_email(email, smtp_session=session)
            except Exception as error:
                if _was_refused(error):
                    message._retry_later(error, now)
                else:
                    message._set_uncertain(
                        self.env._(
                            "The connection broke while the message was being handed "
                            "over (%(error)s). It may have arrived: ask the customer, "
                            "then send it again or cancel it.",
                            error=_describe(error),
                        )
                    )
            else:
                message._set_sent(now)
            finally:
                if session:
                    _close(session)

    # === RESULTS === #

    def _set_sent(self, now):
        self._update_state("sent", date_sent=now, failure_reason=False)
        for message in self:
            document = message._get_document()
            if document:
                document._cycle_message_sent(message)

    def _retry_later(self, error, now):
        """Queue again after a refusal, or give up after the last attempt."""
        reason = self.env._(
            "The mail server refused it: %(error)s", error=_describe(error)
        )
        if self.attempts > len(RETRY_MINUTES):
            self._set_failed(reason)
            return
        minutes = RETRY_MINUTES[self.attempts - 1]
        retry = now + timedelta(minutes=minutes)
        self._update_state("queued", date_next_attempt=retry, failure_reason=reason)
        self.env.ref("order_invoice_cycle.ir_cron_send_messages")._trigger(at=retry)

    def _set_failed(self, reason):
        self._update_state("failed", failure_reason=reason)
        self._stop_and_tell(reason)

    def _set_uncertain(self, reason):
        self._update_state("uncertain", failure_reason=reason)
        self._stop_and_tell(reason)

    def _stop_and_tell(self, reason):
        self._job_notify_owner(reason)
        document = self._get_document()
        if document:
            document._cycle_message_failed(self)

    def _job_failed(self, error):
        """Park a message that cannot even be rendered: a person must look at it."""
        self._set_failed(self._job_failure_reason(error))
        _logger.info("%s cannot be sent", self, exc_info=error)

    def _job_owner(self):
        document = self._get_document()
        for field in ("user_id", "invoice_user_id"):
            if field in document._fields and document[field]:
                return document[field]
        return self.create_uid

    def _job_clear_activity(self):
        self.sudo().activity_unlink(
            ["order_invoice_cycle.mail_activity_type_job_failure"]
        )


def _was_refused(error):
    """Tell whether the server answered no; otherwise nobody knows what it did."""
    cause = error.__context__ or error
    return isinstance(
        cause, (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused)
    )


def _describe(error):
    cause = error.__context__ if isinstance(error.__context__, OSError) else error
    return clean_header(f"{type(cause).__name__}: {cause}")


def _close(session):
    try:
        session.quit()
    except (smtplib.SMTPException, OSError):
        session.close()


def _chunks(ids, size):
    return (ids[start : start + size] for start in range(0, len(ids), size))
