import logging
from collections import Counter

from hypothesis import Phase, seed, settings
from hypothesis import strategies as st

from odoo.fields import Command

from .amounts_common import AmountsCommon
from .many_rows import ManyRows
from .seeds import IS_FULL, SEED, get_progress_logger

_logger = logging.getLogger(__name__)
_progress = get_progress_logger(__name__)

# Only the full run looks for the smallest order that goes wrong.
RUN = {
    "deadline": None,
    "database": None,
    "max_examples": 400 if IS_FULL else 40,
    "phases": tuple(Phase) if IS_FULL else (Phase.explicit, Phase.generate),
}

EXCLUDED = ["23", "8", "0", "none"]
INCLUDED = ["23 incl", "8 incl"]
MIXED = ["23 on 5", "23 + 8", "fixed"]


def get_lines(taxes):
    """Return a strategy for the lines of an order: (price, quantity, discount, tax)."""
    return st.lists(
        st.tuples(
            st.integers(1, 500000).map(lambda cents: cents / 100),
            st.integers(1, 4000).map(lambda hours: hours / 100),
            st.sampled_from([0, 0, 5, 12.5, 100]),
            st.sampled_from(taxes),
        ),
        min_size=1,
        max_size=4,
    )


LINES = get_lines(EXCLUDED + INCLUDED + MIXED)
CASH = st.sampled_from([None, "add_invoice_line", "biggest_tax"])
CURRENCIES = st.sampled_from(["PLN", "EUR", "JPY", "TND"])
METHODS = st.sampled_from(["round_globally", "round_per_line"])


def try_many(test):
    """Run a test that ``given`` gives its orders, as often as the run asks for."""
    return seed(SEED)(settings(**RUN)(test))


class PropertyCase(ManyRows, AmountsCommon):
    """Whatever is ordered, and however it is paid: the invoices are the order."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.figures = Counter()
        cls.cash_roundings = {
            strategy: cls.env["account.cash.rounding"].create(
                {
                    "name": f"0.05 {strategy}",
                    "rounding": 0.05,
                    "strategy": strategy,
                    "rounding_method": "HALF-UP",
                    "profit_account_id": cls.company_data["default_account_revenue"].id,
                    "loss_account_id": cls.company_data["default_account_expense"].id,
                }
            )
            for strategy in ("add_invoice_line", "biggest_tax")
        }
        cls.abroad = cls.env["account.fiscal.position"].create(
            {"name": "Abroad", "company_id": cls.company.id}
        )
        cls._create_tax(0, name="Abroad 0 %").write(
            {
                "fiscal_position_ids": [Command.set(cls.abroad.ids)],
                "original_tax_ids": [Command.set((cls.tax_23 + cls.tax_8).ids)],
            }
        )

    @classmethod
    def tearDownClass(cls):
        figures = dict(cls.figures)
        _logger.info("Random orders, CYCLE_TEST_SEED=%s: %s", SEED, figures)
        super().tearDownClass()

    @classmethod
    def _create_order(cls, **values):
        _progress.info("Another order")
        return super()._create_order(**values)

    def _bill_all(self, order):
        """Publish every payment in its order, the one after completion last."""
        moves = self._publish(self._draft(order))
        if order.schedule_line_ids.filtered(lambda x: x.trigger == "completion"):
            order.action_mark_completed(self.start)
            moves |= self._publish(self._draft(order))
        return moves

    def _round_cash(self, drafts, strategy):
        """Round what is paid in cash, or leave it when there is no strategy."""
        if strategy:
            drafts.invoice_cash_rounding_id = self.cash_roundings[strategy]
            self.figures[f"rounded by {strategy}"] += 1

    def assertIsTheOrder(self, order, moves):
        """The invoices are the order: untaxed, each tax, total; cash rounding aside."""
        rounding = moves.line_ids.filtered(lambda x: x.display_type == "rounding")
        rounded = sum(rounding.mapped("amount_currency"))
        # The biggest tax may be chosen to take it.
        in_tax = rounding.filtered("tax_line_id")
        tax_rounded = sum(in_tax.mapped("amount_currency"))
        currency = order.currency_id
        for field, extra in (
            ("amount_untaxed", rounded - tax_rounded),
            ("amount_tax", tax_rounded),
            ("amount_total", rounded),
        ):
            total = currency.round(sum(moves.mapped(field)) + extra)
            self.assertEqual(total, order[field], field)
        self.assertTaxesAddUp(order, moves)
        self.figures["orders"] += 1
        self.figures["invoices"] += len(moves)

    def _get_parts(self, order):
        return order.schedule_line_ids.mapped("amount_total")
