import logging
from datetime import timedelta
from typing import NamedTuple

from odoo import api, fields, models
from odoo.exceptions import AccessError
from odoo.fields import Domain
from odoo.tools import plaintext2html

_logger = logging.getLogger(__name__)

CRON = "order_invoice_cycle.ir_cron_daily_control"
GROUP = "order_invoice_cycle.group_cycle_manager"
# Jobs run hourly: what is a day and two hours old, nobody is going to do.
OVERDUE = timedelta(hours=26)
# Named one by one up to here; the count is always that of all.
NAMED = 50
COMPANY_CHECKS = (
    "drafts",
    "renewals",
    "reminders",
    "links",
    "messages",
    "evidence",
)
SYSTEM_CHECKS = (
    "jobs",
    "base_url",
    "mail_server",
    "wkhtmltopdf",
    "proxy",
    "python",
)


class Finding(NamedTuple):
    """What one check found: nothing to name means that all is well."""

    # {what tells one difference from another: its text for people}
    differences: dict
    count: int = 0
    records: object = None
    # A hint is shown, but nobody is called because of it.
    is_hint: bool = False


class CycleHealth(models.Model):
    """One thing that is controlled every day: what was expected was done."""

    _name = "cycle.health"
    _inherit = ["cycle.job.mixin"]
    _description = "Health Check"
    # Problems first, then hints: the states happen to be in that order.
    _order = "state desc, company_id, id"
    _rec_name = "key"

    key = fields.Char(required=True, readonly=True)
    name = fields.Char(string="Check", compute="_compute_name")
    advice = fields.Text(string="What to do", compute="_compute_name")
    company_id = fields.Many2one(
        "res.company",
        readonly=True,
        ondelete="cascade",
        help="Empty: it is about the whole system.",
    )
    state = fields.Selection(
        [
            ("unknown", "Not checked yet"),
            ("good", "Good"),
            ("hint", "Hint"),
            ("problem", "Problem"),
        ],
        required=True,
        default="unknown",
        readonly=True,
    )
    count = fields.Integer(string="Differences", readonly=True)
    detail = fields.Text(string="Result", readonly=True)
    day_checked = fields.Date(readonly=True)
    date_checked = fields.Datetime(string="Checked on", readonly=True)
    date_since = fields.Datetime(
        string="Since", readonly=True, help="When the difference was first seen."
    )
    found = fields.Json(readonly=True, help="What the last check found, by its key.")
    told = fields.Json(readonly=True, help="Keys of what managers know about.")
    day_told = fields.Date(readonly=True)
    res_model = fields.Char(readonly=True)
    res_ids = fields.Json(readonly=True)
    error = fields.Text(readonly=True)
    retry_at = fields.Datetime(readonly=True)

    _company_key = models.UniqueIndex("(key, COALESCE(company_id, 0))")

    @api.depends("key")
    @api.depends_context("lang")
    def _compute_name(self):
        texts = self._get_texts()
        for check in self:
            check.name, check.advice = texts.get(check.key, (check.key, ""))

    @api.depends("name")
    def _compute_display_name(self):
        for check in self:
            check.display_name = check.name

    # === BUTTONS === #

    @api.model
    def action_check_now(self):
        """Run every check of the user's companies at once.

        :raise AccessError: for anybody but a manager of the order cycle
        """
        if not self.env.user.has_group(GROUP):
            raise AccessError(
                self.env._("Only a manager of the order cycle runs the checks.")
            )
        checks = self.sudo()
        checks._make_rows()
        now = fields.Datetime.now()
        for company in self.env.companies:
            model = checks._with_job_company(company)
            for check in model.search(model._get_scope_domain()):
                check._check(now)
        return {"type": "ir.actions.client", "tag": "soft_reload"}

    def action_view_records(self):
        """Open the records the check is about."""
        self.ensure_one()
        self.check_access("read")
        return {
            "type": "ir.actions.act_window",
            "name": self.name,
            "res_model": self.res_model,
            "view_mode": "list,form",
            "domain": [("id", "in", self.res_ids or [])],
        }

    # === JOB === #

    @api.model
    def _cron_daily_control(self, now=None):
        """Compare what was expected with what was done, once a day, and tell.

        :param datetime now: the time it counts as (UTC); the clock by default
        """
        now = now or fields.Datetime.now()
        self._make_rows()
        self._run_job(
            lambda model: model._get_due_domain(now),
            lambda checks: checks._check_all(now),
            cron=CRON,
            order="id",
        )
        self._run_job(
            lambda model: model._get_untold_domain(now),
            lambda checks: checks._tell_managers(now),
            cron=CRON,
            order="id",
            group=lambda check: check.env.company,
        )

    @api.model
    def _make_rows(self):
        """Make sure that every check of every company has its row."""
        wanted = {(key, False) for key in SYSTEM_CHECKS} | {
            (key, company.id)
            for key in COMPANY_CHECKS
            for company in self.env["res.company"].sudo().search([])
        }
        checks = self.sudo()
        rows = checks.search([])
        there = {(row.key, row.company_id.id): row for row in rows}
        rows.browse(
            row.id for place, row in there.items() if place not in wanted
        ).unlink()
        checks.create(
            [
                {"key": key, "company_id": company_id}
                for key, company_id in sorted(wanted - set(there), key=str)
            ]
        )

    @api.model
    def _get_scope_domain(self):
        """Return the domain of what is checked with the present company.

        What is about the whole system is checked with the first one.
        """
        first = self.env["res.company"].sudo().search([], order="id", limit=1)
        company = self.env.company
        domain = Domain("company_id", "=", company.id)
        return domain | Domain("company_id", "=", False) if company == first else domain

    @api.model
    def _get_due_domain(self, now):
        today = self.env.company._cycle_date(now)
        return (
            self._get_scope_domain()
            & (Domain("day_checked", "=", False) | Domain("day_checked", "!=", today))
            & (Domain("retry_at", "=", False) | Domain("retry_at", "<=", now))
        )

    @api.model
    def _get_untold_domain(self, now):
        """Return the domain of what managers have to be told today, once."""
        scope = self._get_scope_domain()
        today = self.env.company._cycle_date(now)
        if self.search_count([*scope, ("day_told", "=", today)], limit=1):
            return Domain.FALSE
        problems = self.search([*scope, ("state", "=", "problem")])
        untold = problems.filtered(
            lambda check: set(check.found or ()) - set(check.told or ())
        )
        return Domain("id", "in", untold.ids)

    # === STEPS === #

    def _check_all(self, now):
        for check in self:
            check._check(now)

    def _check(self, now):
        """Look, and write down what was found.

        :param datetime now: the time it counts as (UTC)
        """
        self.ensure_one()
        company = self.company_id or self.env.company
        finding = getattr(self, f"_find_{self.key}")(company, now)
        texts = list(finding.differences.values())
        state = "good"
        if texts:
            state = "hint" if finding.is_hint else "problem"
        self.write(
            {
                "state": state,
                "count": finding.count or len(texts),
                "detail": "\n".join(texts) or False,
                "day_checked": company._cycle_date(now),
                "date_checked": now,
                "date_since": (self.date_since or now) if texts else False,
                "found": finding.differences,
                # What was mended and comes back is told again.
                "told": [key for key in self.told or () if key in finding.differences],
                "res_model": finding.records._name if finding.records else False,
                "res_ids": finding.records.ids if finding.records else False,
                "error": False,
                "retry_at": False,
            }
        )

    def _job_failed(self, error):
        """A check that cannot be made is a difference of its own."""
        self.ensure_one()
        reason = self._job_failure_reason(error)
        _logger.error("Health check %s failed: %s", self.key, reason, exc_info=error)
        now = fields.Datetime.now()
        self.write(
            {
                "state": "problem",
                "detail": reason,
                "found": {"failed": reason},
                "date_checked": now,
                "date_since": self.date_since or now,
                "error": reason,
                "retry_at": now + timedelta(hours=1),
            }
        )

    def _tell_managers(self, now):
        """Send the managers one message about what they have not been told yet."""
        company = self.env.company
        managers = (
            self.env.ref(GROUP)
            .sudo()
            .all_user_ids.filtered(
                lambda user: (
                    user.active and not user.share and company in user.company_ids
                )
            )
        )
        self.env["mail.thread"].message_notify(
            partner_ids=managers.partner_id.ids,
            subject=self.env._(
                "%(company)s: the daily control of the order cycle found differences",
                company=company.name,
            ),
            body=plaintext2html(self._get_message_text()),
            email_layout_xmlid="mail.mail_notification_light",
        )
        today = company._cycle_date(now)
        for check in self:
            check.write({"told": list(check.found), "day_told": today})

    def _get_message_text(self):
        """Return what is new about each check, as a text for people."""
        parts = []
        for check in self:
            told = set(check.told or ())
            new = [text for key, text in check.found.items() if key not in told]
            parts.append("\n".join([check.name, *new, check.advice]))
        parts.append(self.env._("All results: Order Cycle > Configuration > Health."))
        return "\n\n".join(parts)
