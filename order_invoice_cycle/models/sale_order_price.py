from odoo import fields, models
from odoo.tools import float_repr

from ..tools.shares import base_line_amounts
from .cycle_plan import PRICE_INDEXES
from .sale_order_schedule import from_plan


class SaleOrder(models.Model):
    """Price of a recurring order: the agreed one, and how it changes with a renewal."""

    _inherit = "sale.order"

    price_index = fields.Selection(
        PRICE_INDEXES,
        string="Price at renewal",
        compute=from_plan("price_index"),
        store=True,
        readonly=False,
        help="How the price changes with each renewal. It is part of the terms that "
        "the customer confirms, and is announced before each renewal.",
    )
    price_index_percent = fields.Float(
        string="Price change",
        digits=(7, 4),
        compute=from_plan("price_index_percent"),
        store=True,
        readonly=False,
        help="Percent that the price changes by at each renewal.",
    )
    price_index_id = fields.Many2one(
        "cycle.price.index",
        string="Index",
        compute=from_plan("price_index_id"),
        store=True,
        readonly=False,
        check_company=True,
    )

    _price_index_possible = models.Constraint(
        "CHECK (price_index_percent IS NULL OR price_index_percent > -100)",
        "A price cannot fall by 100 % or more.",
    )

    def _get_renewal_terms(self):
        """Return the terms of a recurring order that only some orders have.

        The rule of the index is a term, what it comes to is not: so a renewal at
        another price leaves the customer's confirmation valid.
        """
        self.ensure_one()
        terms = {}
        if self.recurrence_day:
            terms["day"] = self.recurrence_day
        if self.price_index == "percent":
            terms["price_change"] = float_repr(self.price_index_percent, 4)
        elif self.price_index:
            terms["price_index"] = self.price_index_id.id
        return terms

    def _get_term_factor(self, number):
        """Return what the agreed prices are multiplied by in a term.

        What was announced stays, whatever becomes of the index. Each change is
        applied once: a percentage at each renewal, an entry of a table at the first
        renewal that is announced on or after its date and knows it.

        :param int number: the term, from 1
        """
        self.ensure_one()
        if number <= 1:
            return 1.0
        renewal = self._get_renewal(number)
        if renewal:
            return renewal.price_factor
        factor = self._get_term_factor(number - 1)
        if not self.price_index:
            return factor
        if self.price_index == "percent":
            return factor * (1 + self.price_index_percent / 100)
        entries = self._get_index_entries(number) - self._get_index_entries(number - 1)
        return factor * entries._get_factor()

    def _get_index_entries(self, number):
        """Return the entries of the index that are in the price of a term.

        Renewals know which they applied: so an entry that is recorded after the
        announcement that it was dated for is in the next one, and none is lost.
        """
        self.ensure_one()
        entries = self.env["cycle.price.index.entry"].sudo()
        if number <= 1:
            return entries
        entries = self._get_index_entries(number - 1)
        renewal = self._get_renewal(number).sudo()
        if renewal:
            return entries | renewal.index_entry_ids
        since, until = self._get_index_start(number), self._get_index_day(number)
        return entries | self.price_index_id.sudo().entry_ids.filtered(
            lambda entry: since < entry.date <= until
        )

    def _get_index_start(self, number):
        """Return the day after which the entries of the index count.

        That is the service start or, when an amendment chose the index later, the
        last day whose prices did not follow it.
        """
        others = self.renewal_ids.filtered(
            lambda renewal: (
                renewal.term_number < number
                and renewal.state in ("announced", "renewed")
                and renewal.price_index_id != self.price_index_id
            )
        )
        return max(others.mapped("date_index"), default=self.service_date_start)

    def _get_period_price(self, factor):
        """Return (untaxed, tax) of a whole billing period, in the order's currency."""
        amounts = [
            base_line_amounts(base_line)
            for base_line in self._get_rounded_base_lines(factor)
        ]
        return (
            self.currency_id.round(sum(untaxed for untaxed, _tax in amounts)),
            self.currency_id.round(sum(tax for _untaxed, tax in amounts)),
        )

    def _get_index_day(self, number):
        """Return the day whose index entries are the last to count for a term."""
        renewal = self._get_renewal(number)
        if renewal:
            return renewal.date_index
        return max(self.service_date_start, self._get_announcement_day(number))
