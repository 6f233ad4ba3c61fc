from datetime import timedelta

from odoo import fields, models
from odoo.exceptions import UserError
from odoo.tools import format_date


class SaleOrder(models.Model):
    """Pause, resume and terminate a running order."""

    _inherit = "sale.order"

    is_paused = fields.Boolean(readonly=True, copy=False, tracking=True)
    date_terminated = fields.Date(readonly=True, copy=False, tracking=True)
    pause_ids = fields.One2many("cycle.pause", "order_id", readonly=True, copy=False)

    # === BUTTONS === #

    def action_pause(self, date=None):
        """Stop billing from a day until the orders are resumed.

        :param date date: first paused day, today by default
        :raise UserError: when an order is not running
        """
        for order in self:
            order.check_access("write")
            order._check_running()
            if not order.is_paused:
                order.sudo()._pause(
                    fields.Date.to_date(date) or order.company_id._cycle_today()
                )

    def action_resume(self, date=None, bill_paused_days=False):
        """Bill paused orders again; the dates stay on their anchor day.

        :param date date: first day that is billed again, today by default
        :param bool bill_paused_days: bill the days of the pause all the same
        :raise UserError: when the pause would end before it began
        """
        for order in self:
            order.check_access("write")
            if order.is_paused:
                day = fields.Date.to_date(date) or order.company_id._cycle_today()
                order._check_resume_date(day)
                order.sudo()._resume(day, bill_paused_days)
        self._trigger_drafting()

    def action_terminate(self, date=None, reason=None):
        """End recurring orders at a date; later periods are never billed.

        :param date date: last day of the service, today by default
        :param str reason: kept in the chatter
        :raise UserError: when an order is not running or not recurring
        """
        for order in self:
            order.check_access("write")
            order._check_running()
            if order.payment_mode != "recurring":
                raise UserError(
                    self.env._(
                        "Order %(order)s is not recurring: it ends by itself. Mark it "
                        "as completed, or cancel it.",
                        order=order.name,
                    )
                )
            order._terminate(
                fields.Date.to_date(date) or order.company_id._cycle_today(), reason
            )

    # === STEPS === #

    def _pause(self, date):
        self.ensure_one()
        self._shorten_pauses(date)
        self.env["cycle.pause"].create(
            {"order_id": self.id, "date_start": date, "user_id": self.env.uid}
        )
        self.is_paused = True
        # A draft of paused days must not be published; it comes back when resumed.
        drafted = self.schedule_line_ids.filtered("period_number").filtered(
            lambda line: line.state == "drafted" and line.period_end >= date
        )
        drafted._drop_drafts()
        self._log_pause(self.env._("Paused from %s.", format_date(self.env, date)))

    def _shorten_pauses(self, date):
        """End pauses that were to last longer the day before a new one begins.

        Who pauses again before the day of a resumption decides anew how long: what
        ends the new pause ends these days, too.
        """
        longer = self.pause_ids.filtered(
            lambda pause: pause.date_end and pause.date_end >= date
        )
        begun = longer.filtered(lambda pause: pause.date_start < date)
        begun.date_end = date - timedelta(days=1)
        # Not a day is left of one that began on the same day; a later one stays.
        longer.filtered(lambda pause: pause.date_start == date).unlink()

    def _resume(self, date, bill_paused_days):
        self.ensure_one()
        pause = self.pause_ids.filtered(lambda pause: not pause.date_end)[:1]
        self.is_paused = False
        if pause.date_start == date:
            # Not a single day was paused.
            pause.unlink()
        else:
            pause.write(
                {
                    "date_end": date - timedelta(days=1),
                    "is_billed": bill_paused_days,
                    "resumed_by_id": self.env.uid,
                }
            )
        if self._can_recur():
            self._replan_periods()
        text = self.env._("Resumed from %s.", format_date(self.env, date))
        if pause.exists() and not bill_paused_days:
            text += " " + self._get_paused_invoices_text(pause)
        self._log_pause(text)

    def _terminate(self, date, reason):
        self.ensure_one()
        order = self.sudo()
        order.date_terminated = date
        order._replan_periods()
        order._cancel_renewals()
        order._trigger_drafting()
        self.message_post(
            body=self.env._(
                "Terminated at %(date)s. %(reason)s %(invoices)s",
                date=format_date(self.env, date),
                reason=reason or "",
                invoices=order._get_invoiced_days_text(date + timedelta(days=1)),
            )
        )

    # === RULES === #

    def _check_resume_date(self, date):
        self.ensure_one()
        start = self._get_pause_start()
        if date < start:
            raise UserError(
                self.env._(
                    "Order %(order)s is paused since %(start)s and cannot be resumed "
                    "before, on %(date)s. Give a later day.",
                    order=self.name,
                    start=format_date(self.env, start),
                    date=format_date(self.env, date),
                )
            )

    def _get_pause_start(self):
        """Return the first day of the pause the order is in."""
        self.ensure_one()
        running = self.sudo().pause_ids.filtered(lambda pause: not pause.date_end)
        return running[:1].date_start or fields.Date.to_date("1900-01-01")

    def _get_unbilled_pauses(self):
        """Return the paused days that are not billed, as (first day, last day)."""
        return [
            (pause.date_start, pause.date_end)
            for pause in self.sudo().pause_ids
            if pause.date_end and not pause.is_billed
        ]

    def _get_paused_invoices_text(self, pause):
        """Return which invoices bill paused days, for a person to credit them."""
        return self._get_invoiced_days_text(pause.date_start, pause.date_end)

    def _get_invoiced_days_text(self, since, until=None):
        """Return a sentence about the invoices of days that need not be paid.

        :param datetime.date since: first of these days
        :param datetime.date until: last of these days, none when it has no end
        :return: str, empty when no such day was invoiced
        """
        lines = self.schedule_line_ids.filtered(
            lambda line: (
                line.state in ("invoiced", "paid")
                and line.period_end
                and line.period_end >= since
                and (not until or line.period_start <= until)
            )
        )
        if not lines:
            return ""
        return self.env._(
            "Already invoiced, to be credited if that is agreed: %(invoices)s.",
            invoices=", ".join(lines.invoice_id.mapped("name")),
        )

    def _log_pause(self, text):
        self.message_post(body=text)
