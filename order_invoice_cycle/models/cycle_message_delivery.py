import logging
import smtplib
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import email_normalize

from ..tools.mail import clean_header, format_address
from .cycle_message import CRON
from .cycle_message_rendering import get_causes

_logger = logging.getLogger(__name__)

RETRY_MINUTES = (5, 15, 60, 240)
IN_DOUBT_AFTER = timedelta(minutes=15)
# Raised before the server can have accepted anything, or by its own refusal.
REFUSALS = (
    smtplib.SMTPResponseException,
    smtplib.SMTPRecipientsRefused,
    smtplib.SMTPNotSupportedError,
    AssertionError,
    UnicodeError,
)


class CycleMessage(models.Model):
    """Delivery: claim and commit, hand over, write the result and commit."""

    _inherit = "cycle.message"

    # === JOB === #

    @api.model
    def _get_messages_to_send_domain(self, now):
        return Domain("state", "=", "queued") & (
            Domain("date_next_attempt", "=", False)
            | Domain("date_next_attempt", "<=", now)
        )

    @api.model
    def _get_messages_in_doubt_domain(self, now):
        return Domain("state", "=", "sending") & (
            Domain("date_claimed", "<", now - IN_DOUBT_AFTER)
        )

    @api.model
    def _cron_send_messages(self, now=None):
        """Send what is queued, one message per transaction.

        :param datetime now: the time it counts as (UTC); the clock by default
        """
        self._run_job(
            lambda model: (
                model._get_messages_in_doubt_domain(_clock(now))
                & model._get_company_domain()
            ),
            lambda messages: messages._set_in_doubt(),
            cron=CRON,
        )

        def get_domain(model):
            company = model._get_company_domain()
            return model._get_messages_to_send_domain(_clock(now)) & company

        self._run_job(
            get_domain,
            None,
            cron=CRON,
            order="is_urgent desc, id",
            batch_size=20,
            then=lambda messages: messages._send(get_domain, now),
        )

    def _get_company_domain(self):
        return Domain("company_id", "=", self.env.company.id)

    def _set_in_doubt(self):
        """Ask a person about messages whose sender died while sending them."""
        for message in self:
            message._set_uncertain(
                self.env._(
                    "The server stopped while this message was being handed to the "
                    "mail server. It may have arrived: ask the customer, then send it "
                    "again or cancel it."
                )
            )

    def _send(self, get_domain, now=None):
        """Send messages one by one, while the scheduled action has time."""
        self._make_files()
        ahead = self._render_ahead()
        for message in self:
            time_left = message._run_job_aside(
                message.ids, lambda one: one._send_one(get_domain, now, ahead)
            )
            if not time_left:
                self.env.ref(CRON)._trigger()
                break

    def _make_files(self):
        """Render what goes with the messages; if that fails, one by one.

        A message whose file is missing says so itself when it is claimed.
        """
        for model, messages in self.grouped("res_model").items():
            documents = self.env[model].browse(messages.mapped("res_id")).exists()
            try:
                documents._cycle_message_documents(messages)
                self.env["ir.cron"]._commit_progress()
            except Exception:
                self.env.cr.rollback()
                if len(messages) == 1:
                    _logger.exception("Files of %s could not be made", documents)
                    continue
                for message in messages:
                    message._make_files()

    def _send_one(self, get_domain, now=None, ahead=None):
        """Claim one message, commit, and hand it to the mail server."""
        outgoing = {}

        def claim(messages):
            outgoing.clear()
            outgoing.update(messages._claim(_clock(now), ahead or {}))

        handled, _failed = self._run_job_batch(self.ids, get_domain, claim)
        self.env["ir.cron"]._commit_progress()
        if handled and outgoing:
            self._deliver(outgoing[self.id], now)

    # === CLAIMING === #

    def _claim(self, now, ahead):
        """Re-check, render and mark as ``sending``; return {id: EmailMessage}.

        :param dict ahead: what was rendered already, see :meth:`_render_ahead`
        """
        outgoing = {}
        for message in self:
            # Known to the checks below, which judge the day the message goes out.
            message.date_claimed = now
            obstacle = message._get_obstacle()
            if obstacle:
                message._update_state("cancelled", failure_reason=obstacle)
                continue
            # The check may have made another document the one it is about.
            document = message._get_document()
            address = document._cycle_message_address(message) or ""
            email = email_normalize(address) or ""
            message.email_to = email or address
            if problem := message._get_address_problem(email):
                message._set_failed(problem)
                continue
            mail = ahead.get(message.id)
            if not mail or not mail.is_true(message, document):
                mail = message._render(document)
            outgoing[message.id] = mail.email
            message._update_state(
                "sending",
                attempts=message.attempts + 1,
                subject=mail.subject,
                body=mail.archived,
            )
        return outgoing

    def _get_address_problem(self, email):
        """Return why nothing can be sent to this address, None when it can.

        :param str email: the normalized address, empty when there is none
        """
        if not format_address(email):
            return self.env._(
                "%(partner)s has no valid single e-mail address (“%(address)s”). "
                "Correct it on the contact, then send again.",
                partner=self.partner_id.display_name,
                address=self.email_to,
            )
        blacklist = self.env["mail.blacklist"].sudo()
        if blacklist.search_count([("email", "=", email)], limit=1):
            return self.env._(
                "%(address)s is on the blacklist of e-mail addresses. Take it off, or "
                "give %(partner)s another address, then send again.",
                partner=self.partner_id.display_name,
                address=email,
            )
        return None

    def _get_obstacle(self):
        document = self._get_document()
        if not document:
            return self.env._("The document no longer exists.")
        return document._cycle_message_obstacle(self)

    # === HANDING OVER === #

    def _deliver(self, email, now=None):
        """Hand a claimed message to the mail server and write what it answered."""
        server = self.env["ir.mail_server"].sudo()
        try:
            session = server._connect__(smtp_from=email["From"])
        except Exception as problem:
            error = problem
            self._finish(lambda message: message._retry_later(error, _clock(now)))
            return
        try:
            server.send_email(email, smtp_session=session)
        except Exception as problem:
            error = problem
            self._finish(lambda message: message._refuse(error, _clock(now)))
        else:
            self._finish(lambda message: message._set_sent(_clock(now)))
        finally:
            if session:
                _close(session)

    def _finish(self, write_result):
        """Write a result in a transaction that sees what others did meanwhile."""
        self.env["ir.cron"]._commit_progress()
        self._run_job_batch(
            self.ids, lambda model: Domain("state", "=", "sending"), write_result
        )
        self.env["ir.cron"]._commit_progress()

    def _refuse(self, error, now):
        """Try again what the server refused; ask about what nobody can know."""
        if _was_refused(error):
            self._retry_later(error, now)
        else:
            self._set_uncertain(
                self.env._(
                    "The connection broke while the message was being handed over "
                    "(%(error)s). It may have arrived: ask the customer, then send it "
                    "again or cancel it.",
                    error=_describe(error),
                )
            )

    def _retry_later(self, error, now):
        """Queue again after a refusal, or give up after the last attempt."""
        reason = self.env._(
            "The mail server refused it: %(error)s", error=_describe(error)
        )
        if self.attempts > len(RETRY_MINUTES):
            self._set_failed(reason)
            return
        retry = now + timedelta(minutes=RETRY_MINUTES[self.attempts - 1])
        self._update_state("queued", date_next_attempt=retry, failure_reason=reason)
        self.env.ref(CRON)._trigger(at=retry)

    def _job_failed(self, error):
        """Park a message: a person must look at it."""
        reason = self._job_failure_reason(error)
        if isinstance(error, UserError):
            _logger.info("%s cannot be sent: %s", self, reason)
        else:
            _logger.error("%s cannot be sent: %s", self, reason, exc_info=error)
        if self.state == "sending":
            self._set_uncertain(reason)
        else:
            self._set_failed(reason)


def _clock(now):
    return now or fields.Datetime.now()


def _was_refused(error):
    """Tell whether the server answered no; otherwise nobody knows what it did."""
    causes = list(get_causes(error))
    disconnected = any(
        isinstance(cause, smtplib.SMTPServerDisconnected) for cause in causes
    )
    return not disconnected and any(isinstance(cause, REFUSALS) for cause in causes)


def _describe(error):
    """Return the error that the mail library raised, as one line."""
    causes = list(get_causes(error))
    cause = next((cause for cause in causes if isinstance(cause, OSError)), error)
    return clean_header(f"{type(cause).__name__}: {cause}")


def _close(session):
    try:
        session.quit()
    except (smtplib.SMTPException, OSError):
        session.close()
