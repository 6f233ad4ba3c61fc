from odoo import models


class PaymentTransaction(models.Model):
    _inherit = "payment.transaction"

    def _post_process(self):
        """Let a payment that arrived online draft the invoice of its prepayment.

        Drafts of the cycle stay drafts: they are looked at before they are published,
        and core settles them then.
        """
        drafts = {}
        for transaction in self.filtered(lambda tx: not tx.payment_id):
            moves = transaction.invoice_ids._get_cycle_drafts()
            if moves:
                # Core can reconcile the payment with what is posted only.
                drafts[transaction] = moves
                transaction.invoice_ids -= moves
        waiting = self.with_context(cycle_leave_drafts=True)
        super(PaymentTransaction, waiting)._post_process()
        for transaction in self.filtered(lambda tx: tx.state == "done"):
            for order in transaction.sale_order_ids:
                if transaction.payment_id and order._get_unpaid_requests():
                    order._take_deposit_payment(transaction.payment_id)
        for transaction, moves in drafts.items():
            # Unless it paid a prepayment.
            if not transaction.payment_id.cycle_schedule_line_ids:
                transaction.invoice_ids += moves

    def _check_amount_and_confirm_order(self):
        """Leave unconfirmed cycle orders alone: a payment is not a confirmation.

        Refusing them loudly would make the post-processing of a real payment fail
        and be retried for days.
        """
        unconfirmed = self.filtered(
            lambda tx: any(
                order.payment_mode and not order._is_confirmed_by_customer()
                for order in tx.sale_order_ids
            )
        )
        return super(
            PaymentTransaction, self - unconfirmed
        )._check_amount_and_confirm_order()

    def _invoice_sale_orders(self):
        """Invoice paid orders automatically, except those with a schedule."""
        scheduled = self.filtered(
            lambda tx: any(order.payment_mode for order in tx.sale_order_ids)
        )
        return super(PaymentTransaction, self - scheduled)._invoice_sale_orders()
