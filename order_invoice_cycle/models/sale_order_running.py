import hashlib

from odoo import fields, models
from odoo.exceptions import UserError

from ..tools.mail import clean_header


class SaleOrder(models.Model):
    """A running order: its payments are triggered, it is completed and invoiced."""

    _inherit = "sale.order"

    date_completed = fields.Date(readonly=True, copy=False, tracking=True)
    acceptance_id = fields.Many2one(
        "ir.attachment",
        string="Acceptance document",
        readonly=True,
        copy=False,
        help="The customer's acceptance of the completed service.",
    )
    # === BUTTONS === #

    def action_mark_completed(self, date=None, document=None, document_name=None):
        """Record that the service is done; payments after completion become due.

        :param date date: the day of completion, today by default
        :param document: the customer's acceptance, in base64, if there is one; it is
            kept with the evidence of the confirmation and cannot be deleted
        :param str document_name: its file name
        :raise UserError: when the order is not running, or its prepayment is not
            paid and the user is not a manager
        """
        for order in self:
            order.check_access("write")
            order._check_running()
            order._check_deposit_paid()
            if document:
                order.sudo()._keep_acceptance(document, document_name)
            order._mark_completed(
                fields.Date.to_date(date) or order.company_id._cycle_today()
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

    # === STEPS === #
    # The buttons have checked the rights on the order; the schedule of a confirmed
    # order is written by these steps only, in superuser mode.

    def _start_schedule(self):
        """Date what waits for the confirmation, and plan a renewable next term."""
        for order in self.sudo():
            today = order.company_id._cycle_today()
            order.schedule_line_ids._set_triggered("confirmation", today)
            if order.date_renewal:
                # The last day for notice that the customer confirmed never moves.
                order.renewal_days = order._get_renewal_days()
                order._plan_terms()
        self._trigger_drafting()

    def _reset_schedule(self):
        """Forget what happened to a cancelled order that is offered again.

        Of an amendment nothing happened: its payments say what became of those of its
        order.
        """
        for order in self.sudo().filtered(lambda order: not order.amendment_of_id):
            order.date_completed = order.date_terminated = order.is_paused = False
            order.date_notice_given = order.renewal_days = False
            order.pause_ids.filtered(lambda pause: not pause.date_end).unlink()
            order._get_payments_to_reopen()._reopen()
            if order.payment_mode != "recurring":
                order._settle_published()
            if order._can_recur():
                order._reset_terms()

    def _get_payments_to_reopen(self):
        """Return what is to be paid if the customer confirms the order again.

        Also what was credited in full, and what was given up, unless other invoices
        took its share. Not the credited periods of a recurring order: the terms that
        are confirmed again name none of them.
        """
        self.ensure_one()
        lines = self.schedule_line_ids
        reopened = lines.filtered(
            # What an amendment took out is no part of the offer.
            lambda line: (
                not line.invoice_id and (line.period_number or not line.is_left_out)
            )
        )
        if self.payment_mode == "recurring":
            return reopened
        reopened |= lines.filtered(lambda line: line._is_credited_in_full())
        return reopened - reopened._get_taken_by_others()

    def _keep_acceptance(self, document, name):
        """Keep the customer's acceptance with the evidence, where nobody deletes it."""
        self.ensure_one()
        confirmation = self._get_valid_confirmation()
        self.acceptance_id = self.env["ir.attachment"].create(
            {
                "name": clean_header(name or self.env._("Acceptance")),
                "datas": document,
                "res_model": confirmation._name,
                "res_id": confirmation.id,
            }
        )
        self.message_post(
            body=self.env._(
                "Acceptance document %(name)s, SHA-256 %(hash)s.",
                name=self.acceptance_id.name,
                hash=hashlib.sha256(self.acceptance_id.raw).hexdigest(),
            )
        )

    def _mark_completed(self, date):
        self.ensure_one()
        order = self.sudo()
        order.date_completed = date
        order.schedule_line_ids._set_triggered("completion", date)
        self._trigger_drafting()

    def _draft_next_invoice(self):
        """Draft the next planned payment of each order, as *Create invoice* asks."""
        lines = self.env["cycle.schedule.line"]
        for order in self:
            planned = order.schedule_line_ids.filtered(
                lambda line: (
                    line.state in ("planned", "held") and not line._is_waiting()
                )
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
