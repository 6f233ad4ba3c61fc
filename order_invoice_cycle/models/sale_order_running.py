from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command


class SaleOrder(models.Model):
    """A running order: completed, paused, terminated, renewed, invoiced."""

    _inherit = "sale.order"

    date_completed = fields.Date(readonly=True, copy=False, tracking=True)
    date_terminated = fields.Date(readonly=True, copy=False, tracking=True)
    is_paused = fields.Boolean(readonly=True, copy=False, tracking=True)
    is_deposit_due = fields.Boolean(
        compute="_compute_is_deposit_due",
        help="The prepayment has not been paid, so work should not start.",
    )

    @api.depends("payment_mode", "state", "schedule_line_ids.state")
    def _compute_is_deposit_due(self):
        for order in self:
            order.is_deposit_due = (
                order.payment_mode == "prepayment"
                and order.state == "sale"
                and any(
                    line.kind == "deposit" and line.state not in ("paid", "cancelled")
                    for line in order.schedule_line_ids
                )
            )

    # === BUTTONS === #

    def action_mark_completed(self, date=None):
        """Record that the service is done; payments after completion become due.

        :param date date: the day of completion, today by default
        :raise UserError: when the order is not running, or its prepayment is not
            paid and the user is not a manager
        """
        for order in self:
            order.check_access("write")
            order._check_running()
            order._check_deposit_paid()
            order._mark_completed(
                fields.Date.to_date(date) or order.company_id._cycle_today()
            )

    def action_pause(self):
        """Stop billing until the orders are resumed."""
        for order in self:
            order.check_access("write")
            order._check_running()
        self.write({"is_paused": True})

    def action_resume(self):
        """Bill paused orders again; the dates stay on their anchor day."""
        self.check_access("write")
        self.write({"is_paused": False})
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

    def _check_running(self):
        self.ensure_one()
        if not self.payment_mode or self.state != "sale":
            raise UserError(
                self.env._(
                    "Order %(order)s is not running: the customer has to confirm it "
                    "first.",
                    order=self.name,
                )
            )

    def _check_deposit_paid(self):
        is_manager = self.env.user.has_group("order_invoice_cycle.group_cycle_manager")
        if self.is_deposit_due and not is_manager:
            raise UserError(
                self.env._(
                    "The prepayment of order %(order)s has not been paid. Wait for "
                    "the payment, or ask a manager to mark it as completed.",
                    order=self.name,
                )
            )

    # === STEPS === #
    # The buttons have checked the rights on the order; the schedule of a confirmed
    # order is written by these steps only, in superuser mode.

    def _start_schedule(self):
        """Date what waits for the confirmation, and plan a renewable next term."""
        for order in self.sudo():
            today = order.company_id._cycle_today()
            order.schedule_line_ids._set_triggered("confirmation", today)
            if order.date_renewal:
                order._plan_term(2)
        self._trigger_drafting()

    def _reset_schedule(self):
        """Forget what happened to a cancelled order that is offered again."""
        for order in self.sudo():
            order.date_completed = order.date_terminated = order.is_paused = False
            open_lines = order.schedule_line_ids.filtered(lambda x: not x.invoice_id)
            open_lines.filtered(lambda line: line.trigger != "date").date_due = False
            open_lines.write({"hold_reason": False, "is_skipped": False})

    def _plan_term(self, number):
        lang = self.env["res.company"]._cycle_lang(self.partner_id)
        values = self.with_context(lang=lang)._prepare_term(number)
        self.schedule_line_ids = [Command.create(line) for line in values]

    def _mark_completed(self, date):
        self.ensure_one()
        order = self.sudo()
        order.date_completed = date
        order.schedule_line_ids._set_triggered("completion", date)
        self._trigger_drafting()

    def _terminate(self, date, reason):
        self.ensure_one()
        order = self.sudo()
        order.date_terminated = date
        lines = order.schedule_line_ids.filtered(
            lambda line: (
                line.period_end > date
                and line.state not in ("invoiced", "paid", "cancelled")
            )
        )
        lines._drop_drafts()
        later = lines.filtered(lambda line: line.period_start > date)
        later.is_skipped = True
        for line in lines - later:
            line._cut_period(date)
        self.message_post(
            body=self.env._(
                "Terminated at %(date)s. %(reason)s", date=date, reason=reason or ""
            )
        )

    def _draft_next_invoice(self):
        """Draft the next planned payment of each order, as *Create invoice* asks."""
        lines = self.env["cycle.schedule.line"]
        for order in self:
            planned = order.schedule_line_ids.filtered(
                lambda line: line.state in ("planned", "held")
            ).sorted("date_due")
            if not planned:
                raise UserError(
                    self.env._(
                        "Order %(order)s has no payment to invoice now. %(hint)s",
                        order=order.name,
                        hint=order._get_nothing_to_draft_hint(),
                    )
                )
            lines |= planned[0]
        lines._draft_invoices()
        return lines.invoice_id

    def _get_nothing_to_draft_hint(self):
        waiting = self.schedule_line_ids.filtered(lambda line: line.state == "waiting")
        if waiting:
            return waiting[0]._get_drafting_hint()
        return self.env._("Everything has been invoiced.")

    def _trigger_drafting(self):
        self.env.ref("order_invoice_cycle.ir_cron_draft_invoices").sudo()._trigger()

    # === RENEWAL === #

    def _renew_terms(self, today):
        """Begin every term of recurring orders that is due, in order.

        :param datetime.date today: an order whose ``date_renewal`` is not later is
            renewed, and again until it is
        """
        for order in self:
            while order.date_renewal and order.date_renewal <= today:
                order._renew_term()
        self._job_succeeded()
        self._trigger_drafting()

    def _renew_term(self):
        """Begin the next term and plan the one after it."""
        self.ensure_one()
        self.term_number += 1
        self._plan_term(self.term_number + 1)
        self.message_post(
            body=self.env._(
                "Renewed for term %(term)s, until %(date)s, at %(price)s per period.",
                term=self.term_number,
                date=self.date_term_end,
                price=self.currency_id.format(self.amount_total),
            )
        )
