import logging
import secrets
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain

from ..tools.terms import trace_hash

_logger = logging.getLogger(__name__)

CRON = "order_invoice_cycle.ir_cron_erase_traces"


class CycleConfirmationTrace(models.Model):
    """IP address and browser of one event: personal data, kept for a limited time.

    The chain of evidence holds only a salted hash of them. As long as a trace is kept
    the hash proves it; once it is erased, salt included, the hash says nothing, and
    the chain is as valid as before.
    """

    _name = "cycle.confirmation.trace"
    _description = "Trace of a Confirmation Event"
    _order = "id"
    _rec_name = "ip"

    event_id = fields.Many2one(
        "cycle.confirmation.event", required=True, index=True, ondelete="restrict"
    )
    confirmation_id = fields.Many2one(
        related="event_id.confirmation_id", store=True, index=True
    )
    company_id = fields.Many2one(related="event_id.company_id", store=True)
    date = fields.Datetime(string="Time (UTC)", required=True, index=True)
    ip = fields.Char(string="IP address")
    user_agent = fields.Char(string="Browser")
    salt = fields.Char(required=True, groups="base.group_system")

    # Never calls super: there is nothing that may be written.
    def write(self, vals):  # pylint: disable=method-required-super
        """Refuse: a trace is kept as it is, or erased."""
        raise UserError(
            self.env._(
                "The IP address of a confirmation is never changed, only erased."
            )
        )

    @api.model
    def _prepare(self, ip, user_agent):
        """Return the values of a trace, None when there is nothing to keep.

        :param str ip: address of the visitor, anything falsy when it is not known
        :param str user_agent: what the browser says it is
        """
        if not ip and not user_agent:
            return None
        return {
            "ip": ip or "",
            "user_agent": user_agent or "",
            "salt": secrets.token_hex(16),
        }

    def _get_hash(self):
        self.ensure_one()
        return trace_hash(self.salt, self.ip or "", self.user_agent or "")


class CycleConfirmation(models.Model):
    """Traces: where an answer came from, for as long as the company keeps it."""

    _inherit = "cycle.confirmation"

    trace_ids = fields.One2many(
        "cycle.confirmation.trace",
        "confirmation_id",
        groups="order_invoice_cycle.group_cycle_manager",
    )
    decided_ip = fields.Char(
        string="IP address",
        compute="_compute_decided_trace",
        compute_sudo=True,
        groups="order_invoice_cycle.group_cycle_manager",
        help="Address the answer came from; erased after the company's retention time.",
    )
    decided_user_agent = fields.Char(
        string="Browser",
        compute="_compute_decided_trace",
        compute_sudo=True,
        groups="order_invoice_cycle.group_cycle_manager",
    )

    @api.depends("trace_ids", "state")
    def _compute_decided_trace(self):
        for confirmation in self:
            trace = confirmation._get_decision_trace()
            confirmation.decided_ip = trace.ip
            confirmation.decided_user_agent = trace.user_agent

    def _get_decision_trace(self):
        """Return the trace of the answer, empty when it has been erased."""
        self.ensure_one()
        return self.trace_ids.filtered(
            lambda trace: trace.event_id.event == self.state
        )[-1:]

    # === ERASING === #

    @api.model
    def _get_traces_to_erase_domain(self, now):
        """Return the domain of the confirmations with a trace older than is kept.

        :param datetime now: the time it counts as (UTC)
        """
        kept_since = now - timedelta(days=self.env.company.cycle_trace_days)
        needed = self.env["sale.order"]._get_evidence_needed_domain(kept_since)
        return Domain.AND(
            [
                [("company_id", "=", self.env.company.id)],
                [("trace_ids.date", "<", kept_since)],
                Domain("order_id", "not any", needed),
                Domain("order_id.amendment_of_id", "not any", needed),
                Domain("job_retry_at", "=", False) | Domain("job_retry_at", "<=", now),
            ]
        )

    @api.model
    def _cron_erase_traces(self, now=None):
        """Erase IP addresses and browsers that the company keeps no longer.

        :param datetime now: the time it counts as (UTC); the clock by default
        """
        now = now or fields.Datetime.now()
        self._run_job(
            lambda model: model._get_traces_to_erase_domain(now),
            lambda confirmations: confirmations._erase_traces(now),
            cron=CRON,
        )
        self.env["cycle.renewal"]._run_job(
            lambda model: model._get_traces_to_erase_domain(now),
            lambda renewals: renewals._erase_traces(),
            cron=CRON,
        )

    def _erase_traces(self, now):
        """Erase the traces of ``self`` that are older than the company keeps them."""
        kept_since = now - timedelta(days=self.env.company.cycle_trace_days)
        traces = self.trace_ids.filtered(lambda trace: trace.date < kept_since)
        _logger.info(
            "Erased %s IP addresses of confirmations in %s, older than %s days",
            len(traces),
            self.env.company.display_name,
            self.env.company.cycle_trace_days,
        )
        traces.unlink()
        self._job_succeeded()


class SaleOrder(models.Model):
    _inherit = "sale.order"

    @api.model
    def _get_evidence_needed_domain(self, since):
        """Return the domain of the orders that somebody may still dispute.

        They run, something of them is to be paid, or was paid not long ago.

        :param datetime since: until when the last payment is long ago (UTC)
        """
        unpaid = [
            ("state", "=", "posted"),
            ("payment_state", "in", ("not_paid", "in_payment", "partial")),
        ]
        payments = "schedule_line_ids.move_ids.line_ids.matched_credit_ids"
        return (
            Domain("cycle_stage", "=", "confirmed")
            | Domain("schedule_line_ids.move_ids", "any", unpaid)
            | Domain(f"{payments}.max_date", ">=", since.date())
        )
