from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tools import email_normalize, format_date

from .cycle_plan import DEPOSIT_DOCUMENTS


class SaleOrder(models.Model):
    """Prepayment: how it is asked for, and how its payment becomes known."""

    _inherit = "sale.order"

    deposit_document = fields.Selection(
        DEPOSIT_DOCUMENTS,
        compute="_compute_deposit_document",
        store=True,
        readonly=False,
        help="What asks for the prepayment: an invoice up front, or a payment request "
        "without a number, whose invoice is drafted when the payment arrives.",
    )
    is_payment_awaited = fields.Boolean(compute="_compute_is_payment_awaited")
    is_deposit_due = fields.Boolean(
        compute="_compute_is_deposit_due",
        help="The prepayment has not been paid, so work should not start.",
    )

    @api.depends("plan_id", "payment_mode")
    def _compute_deposit_document(self):
        for order in self:
            order.deposit_document = order.payment_mode == "prepayment" and (
                order.plan_id.deposit_document or "invoice"
            )

    @api.depends(
        "payment_mode",
        "state",
        "schedule_line_ids.state",
        "schedule_line_ids.is_skipped",
        "schedule_line_ids.deposit_payment_id.state",
    )
    def _compute_is_deposit_due(self):
        for order in self:
            unpaid = order.schedule_line_ids._get_unpaid_deposits()
            order.is_deposit_due = bool(unpaid)

    @api.depends("schedule_line_ids.is_payment_awaited")
    def _compute_is_payment_awaited(self):
        for order in self:
            order.is_payment_awaited = bool(order._get_unpaid_requests())

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

    # === THE PAYMENT ARRIVES === #

    def action_open_payment_received(self):
        """Open the dialog that records the payment of a payment request."""
        self.ensure_one()
        return self._get_cycle_dialog(
            "cycle.payment.received",
            self.env._("Payment received"),
            default_order_id=self.id,
        )

    def _get_unpaid_requests(self):
        """Return the prepayments that are asked for by request and not paid yet."""
        return self.schedule_line_ids.filtered("is_payment_awaited").sorted(
            lambda line: (not line.date_due, line.date_due or False, line.sequence)
        )

    def _get_request_paid_by(self, amount, currency):
        """Return the open request that asks for an amount, else the first, or none.

        :param float amount: what arrived
        :param currency: its ``res.currency``
        """
        requests = self._get_unpaid_requests()
        fitting = requests.filtered(
            lambda line: not self._get_amount_problem(amount, currency, line)
        )
        return fitting[:1] or requests[:1]

    def _take_deposit_payment(self, payment):
        """Draft the invoice of the prepayment that a payment has paid.

        A draft that fails says so on the scheduled payment, and is tried again; the
        payment stays known.

        :param payment: a posted ``account.payment`` of the customer
        :return: the prepayment; empty when the payment fits no open request, which
            the salesperson is told
        """
        self.ensure_one()
        order = self.sudo()
        paid = order.schedule_line_ids.filtered(
            lambda line: line.deposit_payment_id == payment
        )
        if paid:
            return paid
        line = order._get_request_paid_by(payment.amount, payment.currency_id)
        problem = order._get_payment_problem(payment, line)
        if problem:
            order._tell_payment_does_not_fit(problem)
            return self.env["cycle.schedule.line"]
        line.deposit_payment_id = payment
        line._tell_live_amendment()
        order.message_post(
            body=self.env._(
                "The prepayment “%(line)s” was paid: %(amount)s on %(date)s.",
                line=line.name,
                amount=order.currency_id.format(payment.amount),
                date=format_date(self.env, payment.date),
            )
        )
        line._run_job_halving(line, lambda lines: lines._draft_invoices())
        return line

    def _prepare_invoice_transactions(self, line):
        """Return the online payments that posting the invoice of ``line`` settles.

        Core settles an invoice with every payment of its order; what paid a
        prepayment is kept for the invoice of that prepayment, and what is on its way
        for the one that is asked for.
        """
        self.ensure_one()
        if self.deposit_document != "request":
            return {}
        reserved = self.schedule_line_ids.deposit_payment_id - line.deposit_payment_id
        transactions = self.sudo().transaction_ids
        settling = transactions.filtered(
            lambda transaction: (
                transaction.state == "done"
                and transaction.payment_id not in reserved
                and not transaction.payment_id.is_reconciled
            )
        )
        if not self._get_unpaid_requests():
            settling |= transactions.filtered(
                lambda transaction: transaction.state in ("pending", "authorized")
            )
        return {"transaction_ids": [Command.set(settling.ids)]}

    def _get_payment_problem(self, payment, line):
        """Return why a payment is not what a request asks for, or False.

        :param payment: an ``account.payment``
        :param line: the prepayment that is asked for, or an empty one
        """
        self.ensure_one()
        payment, name = payment.sudo(), payment.display_name
        is_posted = payment.state in ("in_process", "paid")
        if not line:
            return self.env._(
                "Order %(order)s awaits no payment of a payment request.",
                order=self.name,
            )
        if payment.cycle_schedule_line_ids:
            return self.env._(
                "Payment %(payment)s has paid “%(line)s” already. Choose another one.",
                payment=name,
                line=payment.cycle_schedule_line_ids[0].display_name,
            )
        if payment.payment_type != "inbound" or not is_posted:
            return self.env._(
                "%(payment)s is no confirmed payment that came in. Choose another one.",
                payment=name,
            )
        if payment.company_id != self.company_id or not self._is_paid_by(payment):
            return self.env._(
                "Payment %(payment)s does not come from the customer of order "
                "%(order)s. Choose another one.",
                payment=name,
                order=self.name,
            )
        if payment.is_reconciled:
            return self.env._(
                "Payment %(payment)s has paid other invoices already. Choose another "
                "one.",
                payment=name,
            )
        return self._get_amount_problem(payment.amount, payment.currency_id, line)

    def _is_paid_by(self, payment):
        """Tell whether a payment is the customer's, or was made for this order.

        Online, somebody else may pay for the customer.
        """
        payers = self.partner_invoice_id | self.partner_id
        return (
            payment.partner_id.commercial_partner_id in payers.commercial_partner_id
            or self in payment.payment_transaction_id.sale_order_ids
        )

    def _get_amount_problem(self, amount, currency, line):
        """Return why an amount is not what a request asks for, or False."""
        requested = line.currency_id
        if currency == requested and not currency.compare_amounts(
            amount, line.amount_total
        ):
            return False
        return self.env._(
            "The payment is %(amount)s, the payment request says %(requested)s. The "
            "invoice is drafted when the whole amount has arrived: record a part as a "
            "payment in Invoicing, or agree another schedule with the customer.",
            amount=currency.format(amount),
            requested=requested.format(line.amount_total),
        )

    def _tell_payment_does_not_fit(self, problem):
        text = self.env._(
            "A payment arrived. %(problem)s Record it with “Payment received” once "
            "that is clear.",
            problem=problem,
        )
        self.activity_schedule(
            "order_invoice_cycle.mail_activity_type_payment_unclear",
            note=text,
            user_id=self._job_owner().id,
        )

    # === PAYING ONLINE === #

    def _get_due_payment(self):
        """Return what the customer can pay now.

        :return: (amount, what for, path of core's page with its form), or None
        """
        self.ensure_one()
        request = self._get_unpaid_requests().filtered(
            lambda line: line.date_due and not line.hold_reason
        )[:1]
        invoice = self.schedule_line_ids.invoice_id.filtered(
            lambda move: (
                move.state == "posted"
                and move.payment_state in ("not_paid", "partial")
                and move.amount_residual
            )
        ).sorted("invoice_date_due")[:1]
        if request:
            amount = request.amount_total
            query = f"&payment_amount={amount}"
            return amount, request.name, self.get_portal_url(query_string=query)
        if invoice:
            return invoice.amount_residual, invoice.name, invoice.get_portal_url()
        return None

    def _can_pay_online(self, amount):
        """Tell whether a payment provider takes ``amount`` in the order's currency."""
        providers = self.env["payment.provider"].sudo()
        return bool(
            providers._get_compatible_providers(
                self.company_id.id,
                self.partner_id.id,
                amount,
                currency_id=self.currency_id.id,
            )
        )

    def _get_payment_offer(self):
        """Return (amount, what for) of what can be paid online now, or None."""
        self.ensure_one()
        due = self._get_due_payment()
        return due[:2] if due and self._can_pay_online(due[0]) else None

    def _get_bank_account(self):
        """Return the account that a payment request names, empty without one."""
        self.ensure_one()
        return self.company_id.partner_id.bank_ids.filtered(
            lambda bank: not bank.currency_id or bank.currency_id == self.currency_id
        )[:1]

    def _get_request_recipient(self):
        """Return who is asked to pay: the invoice contact, if it has an address."""
        self.ensure_one()
        payer = self.partner_invoice_id
        return payer if email_normalize(payer.email or "") else self.partner_id
