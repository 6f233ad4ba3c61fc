from odoo.exceptions import UserError
from odoo.fields import Command

from .common import CycleCommon

ITEM_FIELDS = [
    "display_type",
    "name",
    "account_id",
    "product_id",
    "product_uom_id",
    "quantity",
    "price_unit",
    "discount",
    "price_subtotal",
    "price_total",
    "balance",
    "amount_currency",
    "currency_id",
    "tax_ids",
    "tax_line_id",
    "tax_tag_ids",
    "tax_base_amount",
    "tax_repartition_line_id",
    "analytic_distribution",
    "sale_line_ids",
]


class TestDraftingRows(CycleCommon):
    """A draft is what core would make of the same order, for a few queries."""

    def _confirm_quietly(self, orders):
        self._approve(orders)
        return self._confirm(orders)

    def _get_items(self, move):
        """Return the journal items of an invoice, without its dates and ids."""
        keys = [name for name in ITEM_FIELDS if name != "sale_line_ids"]
        rows = []
        for item in move.line_ids.sorted(lambda item: (item.display_type, item.id)):
            row = {}
            for name in keys:
                value = item[name]
                row[name] = value.ids if hasattr(value, "ids") else value
            row["order_lines"] = len(item.sale_line_ids)
            row["texts"] = item.sale_line_ids.mapped("name")
            # Where core has no reference of the order, its line has no text.
            row.pop("name" if item.display_type == "payment_term" else "texts")
            rows.append(row)
        return rows

    def _assert_same_as_core(self, lines, **values):
        """Compare the draft of a cycle order with core's invoice of a plain one."""
        cycle = self._create_order(payment_mode="prepayment", lines=lines, **values)
        plain = self._create_order(lines=lines, **{**values, "payment_mode": False})
        self._confirm_quietly(cycle)
        plain.action_confirm()
        draft = self._draft(cycle)
        invoice = plain._create_invoices()
        self.assertEqual(self._get_items(draft), self._get_items(invoice))
        for name in ("amount_untaxed", "amount_tax", "amount_total", "currency_id"):
            self.assertEqual(draft[name], invoice[name], name)
        self.assertEqual(draft.journal_id, invoice.journal_id)
        self.assertEqual(draft.fiscal_position_id, invoice.fiscal_position_id)
        return draft

    def test_draft_has_the_journal_items_of_core_when_it_is_the_whole_order(self):
        included = self._create_tax(23, price_include_override="tax_included")
        tag = self.env["account.account.tag"].create(
            {"name": "+K_19", "applicability": "taxes"}
        )
        base = self.tax_8.invoice_repartition_line_ids.filtered(
            lambda line: line.repartition_type == "base"
        )
        base.tag_ids = tag
        lines = [
            Command.create({"display_type": "line_section", "name": "Work"}),
            self._create_line(99.99, product_uom_qty=7, discount=12.5),
            self._create_line(33.33, taxes=self.tax_8, product_uom_qty=3),
            self._create_line(123, taxes=included),
            self._create_line(10, taxes=self.tax_8 + self.tax_23),
            self._create_line(5, taxes=self.env["account.tax"]),
        ]
        for method in ("round_per_line", "round_globally"):
            with self.subTest(method=method):
                self.company.tax_calculation_rounding_method = method
                draft = self._assert_same_as_core(lines)
                self.assertIn(tag, draft.line_ids.tax_tag_ids)

    def test_draft_has_the_journal_items_of_core_in_a_foreign_currency(self):
        currency = self.setup_other_currency("EUR", rates=[("2016-01-01", 0.25)])
        pricelist = self.env["product.pricelist"].create(
            {"name": "EUR", "currency_id": currency.id}
        )
        draft = self._assert_same_as_core(
            [self._create_line(99.99, product_uom_qty=7)], pricelist_id=pricelist.id
        )
        self.assertEqual(draft.currency_id, currency)
        self.assertNotEqual(draft.amount_total, draft.amount_total_signed)

    def test_draft_has_the_analytic_distribution_of_the_order_and_of_the_models(self):
        plan = self.env["account.analytic.plan"].create({"name": "Projects"})
        accounts = self.env["account.analytic.account"].create(
            [{"name": name, "plan_id": plan.id} for name in ("A", "B")]
        )
        by_hand = {str(accounts[0].id): 100}
        lines = [self._create_line(analytic_distribution=by_hand), self._create_line()]
        draft = self._assert_same_as_core(lines)
        self.assertEqual(
            draft.invoice_line_ids.mapped("analytic_distribution"), [by_hand, False]
        )
        account = draft.invoice_line_ids.account_id
        by_model = {str(accounts[1].id): 100}
        self.env["account.analytic.distribution.model"].create(
            {
                "account_prefix": account.code,
                "analytic_distribution": by_model,
                "company_id": self.company.id,
            }
        )
        draft = self._assert_same_as_core([self._create_line()])
        self.assertEqual(draft.invoice_line_ids.analytic_distribution, by_model)

    def test_amounts_that_are_given_cannot_make_an_invoice_wrong(self):
        order = self._running_order(payment_mode="prepayment")
        lines = type(order.schedule_line_ids)
        give = lines._give_journal_amounts

        def give_wrong(records, values, items, company):
            give(records, values, items, company)
            for item in items:
                item.update(balance=-1, amount_currency=-1)

        self.patch(lines, "_give_journal_amounts", give_wrong)
        draft = self._draft(order)
        self.assertEqual(draft.amount_total, 1230.0)
        self.assertEqual(draft.invoice_line_ids.balance, -1000.0)

    def test_fifty_drafts_take_at_most_five_queries_each(self):
        orders = self.env["sale.order"].union(
            *(
                self._create_order(
                    plan="instalments_3",
                    lines=[self._create_line(), self._create_line(taxes=self.tax_8)],
                )
                for _order in range(17)
            )
        )
        self._confirm_quietly(orders)
        due = orders.schedule_line_ids[:50]
        self.env.flush_all()
        self.env.invalidate_all()
        before = self.cr.sql_log_count
        due._draft_invoices()
        self.env.flush_all()
        queries = self.cr.sql_log_count - before
        self.assertEqual(len(due.invoice_id), 50)
        self.assertLessEqual(queries / 50, 5)

    # === WHAT CORE SAYS ABOUT THE ORDER === #

    def _assert_figures(self, order, **expected):
        for name, value in expected.items():
            self.assertEqual(order[name], value, name)

    def test_figures_of_core_follow_the_schedule_from_draft_to_credit_note(self):
        self.service.invoice_policy = "delivery"
        order = self._running_order(
            plan="instalments_3", lines=[self._create_line(product_uom_qty=3)]
        )
        line = order.order_line
        self._assert_figures(
            order,
            invoice_status="to invoice",
            amount_invoiced=0,
            amount_to_invoice=3690,
            invoice_count=0,
        )
        self._assert_figures(
            line,
            invoice_status="to invoice",
            qty_to_invoice=3,
            qty_invoiced=0,
            amount_to_invoice=3690,
            untaxed_amount_to_invoice=3000,
        )
        first = self._draft(order, "2027-01-08")
        self._assert_figures(line, qty_invoiced=1, qty_to_invoice=2)
        self._assert_figures(order, amount_invoiced=0, amount_to_invoice=3690)
        self._publish(first)
        self._assert_figures(
            order,
            invoice_status="to invoice",
            amount_invoiced=1230,
            amount_to_invoice=2460,
            invoice_count=1,
        )
        self._assert_figures(
            line,
            qty_invoiced_posted=1,
            amount_invoiced=1230,
            amount_to_invoice=2460,
            untaxed_amount_invoiced=1000,
            untaxed_amount_to_invoice=2000,
        )
        self._publish(self._draft(order))
        self._assert_figures(
            order, invoice_status="invoiced", amount_invoiced=3690, amount_to_invoice=0
        )
        self._assert_figures(
            line, invoice_status="invoiced", qty_to_invoice=0, qty_invoiced=3
        )
        self._reverse_invoice(first, post=True)
        self._assert_figures(
            order,
            invoice_status="invoiced",
            amount_invoiced=2460,
            amount_to_invoice=0,
            invoice_count=4,
        )
        self._assert_figures(line, qty_invoiced=2, amount_to_invoice=0)

    def test_figures_of_core_leave_out_what_is_skipped(self):
        order = self._running_order(plan="instalments_3")
        order.schedule_line_ids[2].action_skip()
        self._assert_figures(order, amount_to_invoice=820, invoice_status="to invoice")
        self._assert_figures(order.order_line, amount_to_invoice=820)
        self._draft(order)
        self._assert_figures(order.order_line, qty_to_invoice=0)
        self._assert_figures(order, invoice_status="invoiced")

    def test_sales_report_has_the_figures_of_the_schedule(self):
        order = self._running_order(plan="instalments_3")
        self._publish(self._draft(order, "2027-01-08"))
        self.env.flush_all()
        report = self.env["sale.report"].search(
            [("order_reference", "=", f"sale.order,{order.id}")]
        )
        self.assertRecordValues(
            report,
            [
                {
                    "invoice_status": "to invoice",
                    "line_invoice_status": "to invoice",
                    "untaxed_amount_invoiced": 333.34,
                    "untaxed_amount_to_invoice": 666.66,
                }
            ],
        )

    def test_orders_outside_the_cycle_keep_the_figures_of_core(self):
        order = self._create_order(payment_mode=False)
        order.action_confirm()
        self._assert_figures(
            order.order_line, qty_to_invoice=1, invoice_status="to invoice"
        )
        self._assert_figures(order, invoice_status="to invoice", amount_to_invoice=1230)
        move = order._create_invoices()
        move.action_post()
        self._assert_figures(
            order.order_line, qty_to_invoice=0, invoice_status="invoiced"
        )
        self._assert_figures(order, invoice_status="invoiced", amount_to_invoice=0)

    def test_deletion_of_invoiced_orders_and_published_invoices_is_refused(self):
        order = self._running_order(plan="instalments_3")
        move = self._publish(self._draft(order, "2027-01-08"))
        with self.assertRaises(UserError):
            move.unlink()
        with self.assertRaises(UserError):
            order.unlink()
        order._action_cancel()
        with self.assertRaises(UserError):
            order.unlink()
        self.assertEqual(move.state, "posted")
        self.assertLess(order.amount_invoiced, order.amount_total)
        self.assertEqual(order.invoice_ids, move)
