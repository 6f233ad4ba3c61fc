from datetime import timedelta

from odoo import api, fields, models
from odoo.fields import Domain

GRACE_DAYS = 7


class AccountMoveLine(models.Model):
    """A receivable line carries the state of its own reminders."""

    _name = "account.move.line"
    _inherit = ["account.move.line", "cycle.job.mixin"]
    _job_error_field = "cycle_error"
    _job_retry_field = "cycle_retry_at"

    cycle_reminder_level_id = fields.Many2one(
        "cycle.reminder.level",
        string="Reminder level",
        readonly=True,
        copy=False,
        ondelete="restrict",
        help="The last reminder level that was delivered.",
    )
    cycle_date_reminded = fields.Date(
        string="Reminded on",
        readonly=True,
        copy=False,
        help="The day the last reminder level was delivered.",
    )
    cycle_days_paused = fields.Integer(
        string="Days paused",
        readonly=True,
        copy=False,
        help="Days of disputes that do not count as overdue.",
    )
    cycle_date_reminder_from = fields.Date(
        string="No reminder before", readonly=True, copy=False
    )
    cycle_reminder_ids = fields.One2many("cycle.reminder", "move_line_id")
    cycle_days_overdue = fields.Integer(
        string="Days overdue", compute="_compute_cycle_reminder"
    )
    cycle_date_next_reminder = fields.Date(
        string="Next reminder", compute="_compute_cycle_reminder"
    )
    cycle_reminder_note = fields.Char(
        string="What happens next",
        compute="_compute_cycle_reminder",
        help="One sentence: what the reminders do next with this line, and why.",
    )
    cycle_error = fields.Text(readonly=True, copy=False)
    cycle_retry_at = fields.Datetime(readonly=True, copy=False)

    @api.depends(
        "amount_residual",
        "date_maturity",
        "no_followup",
        "cycle_reminder_level_id",
        "cycle_date_reminded",
        "cycle_date_reminder_from",
        "cycle_days_paused",
        "cycle_reminder_ids.state",
        "move_id.amount_disputed",
    )
    def _compute_cycle_reminder(self):
        for company, lines in self.grouped("company_id").items():
            today = company._cycle_today()
            judgements = self.env["cycle.reminder"]._judge(lines, today)
            for line in lines:
                judgement = judgements[line]
                line.cycle_days_overdue = max(judgement.days_overdue, 0)
                line.cycle_date_next_reminder = judgement.date_next
                line.cycle_reminder_note = judgement.note

    @api.model
    def _get_lines_to_remind_domain(self, today, company):
        """Return the domain of one company's receivable lines that are overdue.

        The account ids are looked up first: only then does PostgreSQL use core's
        index on unreconciled lines.
        """
        account_model = self.env["account.account"]
        accounts = account_model.search(
            Domain("account_type", "=", "asset_receivable")
            & Domain(account_model._check_company_domain(company))
        )
        domain = (
            Domain("account_id", "in", accounts.ids)
            & Domain("company_id", "=", company.id)
            & Domain("parent_state", "=", "posted")
            & Domain("reconciled", "=", False)
            & Domain("amount_residual", ">", 0)
            & Domain("move_type", "=", "out_invoice")
            & Domain("date_maturity", "<", today)
        )
        if not company.cycle_remind_all_invoices:
            domain &= Domain("move_id.schedule_line_id", "!=", False)
        return domain

    @api.model
    def _get_lines_held_in_vain_domain(self, company):
        """Return the domain of lines with a held reminder, but nothing to claim."""
        return (
            Domain("company_id", "=", company.id)
            & Domain("cycle_reminder_ids", "any", [("state", "=", "held")])
            & (Domain("reconciled", "=", True) | Domain("parent_state", "!=", "posted"))
        )

    def unlink(self):
        """Close what is under way; what was sent stays, on the invoice.

        Core replaces the receivable lines of an invoice that is set back to draft
        and gets another due date.
        """
        self.sudo().cycle_reminder_ids._close_under_way()
        return super().unlink()

    def _can_be_reminded(self):
        """Tell whether reminders are about this line at all."""
        self.ensure_one()
        return (
            self.account_type == "asset_receivable"
            and self.move_type == "out_invoice"
            and self.parent_state == "posted"
            and bool(
                self.move_id.schedule_line_id
                or self.company_id.cycle_remind_all_invoices
            )
        )

    def _postpone_reminders(self, today):
        """Let no reminder go out for these lines before the grace has passed."""
        self.cycle_date_reminder_from = today + timedelta(days=GRACE_DAYS)

    def _job_document(self):
        return self.move_id
