from odoo import api, fields, models
from odoo.fields import Domain


class CycleScheduleLine(models.Model):
    """The job that tells about renewals and begins the next terms."""

    _inherit = "cycle.schedule.line"

    @api.model
    def _get_orders_to_renew_domain(self, today, now):
        """Return the domain of the orders whose renewal has a step to take."""
        return (
            Domain("state", "=", "sale")
            & Domain("is_paused", "=", False)
            & (
                Domain("date_renewal_notice", "<=", today)
                | Domain("date_renewal", "<=", today)
            )
            & (
                Domain("cycle_retry_at", "=", False)
                | Domain("cycle_retry_at", "<=", now)
            )
        )

    @api.model
    def _cron_renew_terms(self, today=None):
        """Announce renewals in time, and renew when notice can be given no more.

        :param date today: the day it counts as; by default each company's own
        """
        now = fields.Datetime.now()

        def get_day(model):
            return fields.Date.to_date(today) or model.env.company._cycle_today()

        def get_domain(model):
            company = Domain("company_id", "=", model.env.company.id)
            return company & self._get_orders_to_renew_domain(get_day(model), now)

        self.env["sale.order"]._run_job(
            get_domain,
            lambda orders: orders._renew_terms(get_day(orders)),
            cron="order_invoice_cycle.ir_cron_renew_terms",
            order="date_renewal, id",
        )
