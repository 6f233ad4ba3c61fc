from odoo.fields import Command
from odoo.tests import Form

from .common import CycleCommon


class SettlementCase(CycleCommon):
    """Orders of which invoices take something else than was scheduled."""

    def _create_deposit_order(self, **values):
        """Return a running order with a deposit of 30 %, 369.00 of 1230.00."""
        order = self._running_order(plan="deposit_30", **values)
        deposit = self._draft(order)
        self.assertEqual(deposit.amount_total, 369.0)
        return order, deposit

    def _draft_final(self, order):
        order.action_mark_completed("2027-03-01")
        return self._draft(order)

    def _edit(self, move, **values):
        """Change the first product line of a draft, as a person does in the form."""
        line = move.invoice_line_ids.filtered(lambda x: x.display_type == "product")[0]
        with Form(move) as form:
            index = move.invoice_line_ids.sorted().ids.index(line.id)
            with form.invoice_line_ids.edit(index) as edited:
                for field, value in values.items():
                    edited[field] = value

    def _type(self, move, price, taxes):
        """Replace the lines of a draft by one that belongs to no order line."""
        move.invoice_line_ids.unlink()
        values = {"name": "By hand", "price_unit": price}
        values["tax_ids"] = [Command.set(taxes.ids)]
        move.invoice_line_ids = [Command.create(values)]

    def _create_abroad(self, rate, original=None, **values):
        """Return a fiscal position that maps a tax, by default 23 %, to another."""
        position = self.env["account.fiscal.position"].create({"name": "Abroad"})
        self._create_tax(
            rate,
            name=f"Abroad {rate} %",
            fiscal_position_ids=[Command.set(position.ids)],
            original_tax_ids=[Command.set((original or self.tax_23).ids)],
            **values,
        )
        return position

    def _offer_again(self, order):
        order._action_cancel()
        order.action_draft()
