from odoo import fields, models

from ..tools.buckets import make_buckets


class AccountMove(models.Model):
    """What an invoice tells its scheduled payment: what it took, what it gave back."""

    _inherit = "account.move"

    is_replaced = fields.Boolean(
        readonly=True,
        copy=False,
        help="It was credited in full, and its payment is invoiced again by another.",
    )

    def _get_cycle_buckets(self):
        """Return the amounts of the lines by order line and taxes.

        Negative for a credit note. A cash rounding is no part of an order, and not
        among them.
        """
        self.ensure_one()
        base_lines = self._get_base_lines_before_rounding()
        products = self.invoice_line_ids.filtered(
            lambda line: line.display_type == "product"
        )
        return make_buckets(
            [line for line in base_lines if line["record"] in products],
            sign=-1 if self.move_type == "out_refund" else 1,
            get_order_line=lambda line: line["record"].sale_line_ids[:1].id,
        )

    def _get_base_lines_before_rounding(self):
        """Return the base lines with the taxes as they are without a cash rounding.

        Core counts what was rounded in the biggest tax as this tax.
        """
        base_lines, tax_lines = self._get_rounded_base_and_tax_lines()
        own = [line for line in tax_lines if line["record"].display_type != "rounding"]
        if own != tax_lines:
            base_lines, _tax_lines = self._get_rounded_base_and_tax_lines(False)
            self.env["account.tax"]._round_tax_details_tax_amounts_from_tax_lines(
                base_lines, self.company_id, own
            )
        return base_lines

    def _post(self, soft=True):
        posted = super()._post(soft)
        posted._settle_payments()
        (posted | posted.reversed_entry_id).schedule_line_id._tell_live_amendment()
        return posted

    def button_draft(self):
        result = super().button_draft()
        self._settle_payments()
        return result

    def _settle_payments(self):
        """Let the schedule follow what was posted, credited or reset to draft."""
        moves = self.filtered(
            lambda move: move.schedule_line_id or move.reversed_entry_id
        )
        lines = (moves | moves.reversed_entry_id).schedule_line_id
        lines._settle_deposits()
        lines._settle_credited_offer()
        # The customer agreed to the amendment that this credits the excess of.
        agreed = self.filtered("amended_order_id").reversed_entry_id.schedule_line_id
        agreed._settle_credited_excess()

    def _hold_scheduled_payments(self, lines, reason):
        """The payment takes its share again once its invoice is gone."""
        lines._unsettle()
        return super()._hold_scheduled_payments(lines, reason)

    def _set_replaced(self):
        """Let the payments of these credited invoices be invoiced again by others."""
        self.is_replaced = True
        # The unique index has to know before the next invoice takes the payment.
        self.flush_recordset(["is_replaced"])

    def _hand_schedule_over(self, new_move):
        """Let ``new_move``, made in place of this invoice, be that of its payment.

        In superuser mode: nobody writes these links by hand.
        """
        self.ensure_one()
        move = self.sudo()
        line = move.schedule_line_id
        if not line or line.invoice_id != move:
            return
        move._set_replaced()
        line._unsettle()
        new_move.sudo().write(
            {
                "schedule_line_id": line.id,
                "invoice_payment_term_id": False,
                "invoice_date_due": move.invoice_date_due,
            }
        )
        line._tell_live_amendment()

    def _get_amount_findings(self):
        findings = super()._get_amount_findings()
        # In superuser mode: the other invoice may be one that the user cannot see.
        replaced = self.sudo().schedule_line_id.move_ids.filtered(
            lambda move: (
                move.is_replaced
                and move.state == "posted"
                and "posted" not in move.reversal_move_ids.mapped("state")
            )
        )
        for invoice in replaced:
            text = self.env._(
                "It replaces %(invoice)s, which is not credited any more: the customer "
                "would be charged twice. Credit that invoice, or delete this draft.",
                invoice=invoice.name,
            )
            findings.append(("red", text))
        return findings
