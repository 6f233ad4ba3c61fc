from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError


class CyclePaymentReceived(models.TransientModel):
    """Asks which payment paid a payment request, or records it."""

    _name = "cycle.payment.received"
    _description = "Payment of a Payment Request"

    order_id = fields.Many2one("sale.order", required=True)
    company_id = fields.Many2one(related="order_id.company_id")
    currency_id = fields.Many2one(related="order_id.currency_id")
    commercial_partner_id = fields.Many2one(
        related="order_id.partner_invoice_id.commercial_partner_id"
    )
    amount_requested = fields.Monetary(compute="_compute_requested", string="Requested")
    payment_id = fields.Many2one(
        "account.payment",
        string="Recorded payment",
        domain="[('payment_type', '=', 'inbound'), ('is_reconciled', '=', False),"
        " ('cycle_schedule_line_ids', '=', False),"
        " ('state', 'in', ('in_process', 'paid')), ('company_id', '=', company_id),"
        " ('currency_id', '=', currency_id),"
        " ('partner_id.commercial_partner_id', '=', commercial_partner_id)]",
        help="A payment of the customer that is in the books already. Empty: it is "
        "recorded now.",
    )
    amount = fields.Monetary(
        compute="_compute_amount", store=True, readonly=False, required=True
    )
    date = fields.Date(
        required=True, default=lambda self: self.env.company._cycle_today()
    )
    journal_id = fields.Many2one(
        "account.journal",
        domain="[('type', 'in', ('bank', 'cash')), ('company_id', '=', company_id)]",
        compute="_compute_journal_id",
        store=True,
        readonly=False,
    )

    @api.depends("order_id")
    def _compute_requested(self):
        for wizard in self:
            line = wizard.order_id._get_unpaid_requests()[:1]
            wizard.amount_requested = line.amount_total

    @api.depends("amount_requested")
    def _compute_amount(self):
        for wizard in self:
            wizard.amount = wizard.amount_requested

    @api.depends("order_id")
    def _compute_journal_id(self):
        for wizard in self:
            wizard.journal_id = self.env["account.journal"].search(
                [
                    ("type", "=", "bank"),
                    ("company_id", "=", wizard.company_id.id),
                ],
                limit=1,
            )

    def action_receive(self):
        """Record the payment and draft the invoice of the prepayment.

        :return: action that shows the draft invoice
        :raise AccessError: without the right to record payments, or to read the order
        :raise UserError: when nothing is awaited, or the payment does not fit
        """
        self.ensure_one()
        if not self.env.user.has_group("order_invoice_cycle.group_cycle_billing"):
            raise AccessError(
                self.env._("Only the billing role of the order cycle records payments.")
            )
        # Before anything is told about the order, in superuser mode.
        self.order_id.check_access("read")
        self._check_payment()
        payment = self.payment_id or self._create_payment()
        line = self.order_id._take_deposit_payment(payment)
        if not line:
            # Somebody else was faster; nothing is recorded.
            raise UserError(
                self.env._(
                    "Order %s awaits no such payment any more. Open it again to see "
                    "what is asked for.",
                    self.order_id.name,
                )
            )
        if line.invoice_id:
            return line.invoice_id.get_formview_action()
        # The payment is known all the same; the draft follows when it can be made.
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "warning",
                "sticky": True,
                "message": self.env._(
                    "The payment is recorded. Its invoice cannot be drafted yet: "
                    "%(reason)s",
                    reason=line.error,
                ),
                "next": {"type": "ir.actions.act_window_close"},
            },
        }

    def _check_payment(self):
        order = self.order_id.sudo()
        payment = self.payment_id.sudo()
        line = order._get_request_paid_by(
            payment.amount if payment else self.amount,
            payment.currency_id or self.currency_id,
        )
        if self.payment_id or not line:
            problem = order._get_payment_problem(self.payment_id, line)
        else:
            problem = order._get_amount_problem(self.amount, self.currency_id, line)
        if not problem and not self.payment_id and not self.journal_id:
            problem = self.env._("Choose the journal the payment arrived in.")
        if problem:
            raise UserError(problem)

    def _create_payment(self):
        payment = self.env["account.payment"].create(
            {
                "payment_type": "inbound",
                "partner_type": "customer",
                "partner_id": self.commercial_partner_id.id,
                "amount": self.amount,
                "currency_id": self.currency_id.id,
                "date": self.date,
                "journal_id": self.journal_id.id,
                "company_id": self.company_id.id,
                "memo": self.order_id.name,
            }
        )
        payment.action_post()
        return payment
