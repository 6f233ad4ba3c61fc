from odoo import models


class AccountMove(models.Model):
    """The invoice of a prepayment whose payment came first."""

    _inherit = "account.move"

    def _post(self, soft=True):
        """Settle the invoice of a payment request with the payment that paid it."""
        posted = super()._post(soft)
        for move in posted.sudo().filtered("schedule_line_id.deposit_payment_id"):
            move._settle_with(move.schedule_line_id.deposit_payment_id)
        return posted

    def _settle_with(self, payment):
        """Reconcile what is open of the invoice with a payment, as core does.

        :param payment: an ``account.payment``, with or without a journal entry
        """
        self.ensure_one()
        if payment.state not in ("in_process", "paid"):
            return
        entries = (payment.move_id.line_ids + self.line_ids).filtered(
            lambda line: (
                line.account_id == payment.destination_account_id
                and not line.reconciled
                and line.parent_state == "posted"
            )
        )
        if payment.move_id and len(entries.move_id) == 2:
            entries.reconcile()
        if payment not in self.matched_payment_ids:
            self.matched_payment_ids += payment
