from datetime import timedelta

from odoo import fields
from odoo.fields import Command

from .common import CycleCommon

# The field whose sum a list shows, by model; and how it counts for a figure.
SUMS = {
    "account.move.line": ("amount_residual", "company_currency_id"),
    "account.move": ("amount_total_signed", "company_currency_id"),
    "sale.order": ("amount_total", "currency_id"),
    "cycle.schedule.line": ("amount_total", "currency_id"),
    "cycle.dispute": ("amount", "currency_id"),
    "cycle.message": (None, None),
}


class DashboardCase(CycleCommon):
    """Invoices and orders of every kind, seen on a Wednesday."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.today = fields.Date.to_date("2027-03-03")  # a Wednesday
        rates = [("2020-01-01", 0.25), ("2027-03-01", 0.2)]
        cls.eur = cls.setup_other_currency("EUR", rates=rates)
        cls.usd = cls.setup_other_currency("USD", rates=[("2020-01-01", 0.3)])

    def setUp(self):
        super().setUp()
        self._print_blank()  # no figure depends on a PDF

    # === HELPERS === #

    def _get_data(self, user=None, **filters):
        self.env.flush_all()
        dashboard = self.env["cycle.dashboard"].with_user(user or self.user_manager)
        return dashboard.get_data({"today": str(self.today), **filters})

    def _invoice(self, days_to_due, amount=1000.0, partner=None, post=True, **values):
        """Return an invoice without tax that is due so many days after today."""
        due = self.today + timedelta(days=days_to_due)
        invoice = self.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": (partner or self.customer).id,
                "invoice_date": min(due, self.today) - timedelta(days=5),
                "invoice_date_due": due,
                "invoice_payment_term_id": False,
                "invoice_line_ids": [
                    Command.create(
                        {
                            "product_id": self.service.id,
                            "price_unit": amount,
                            "tax_ids": False,
                        }
                    )
                ],
                **values,
            }
        )
        if post:
            invoice.action_post()
        return invoice

    def _dispute(self, invoice, amount):
        return self.env["cycle.dispute"].create(
            {"move_id": invoice.id, "amount": amount, "reason": "Not as agreed"}
        )

    def _get_ledger_balance(self):
        """Return what the receivable accounts say is open."""
        [(balance,)] = self.env["account.move.line"]._read_group(
            [
                ("account_id.account_type", "=", "asset_receivable"),
                ("parent_state", "=", "posted"),
                ("company_id", "=", self.company.id),
            ],
            [],
            ["balance:sum"],
        )
        return balance

    def _assertTiesOut(self, tile, user=None):
        """The records that a figure opens are as many as it says, and add up to it."""
        action = tile["action"]
        records = (
            self.env[action["res_model"]]
            .with_user(user or self.user_manager)
            .search(action["domain"])
        )
        self.assertEqual(len(records), tile["count"], tile["label"])
        field, currency_field = SUMS[action["res_model"]]
        if "amount" in tile:
            total = sum(
                record[currency_field]._convert(
                    record[field],
                    self.company.currency_id,
                    self.company,
                    self.today,
                    round=False,
                )
                for record in records
            )
            self.assertAlmostEqual(total, tile["amount"], 2, tile["label"])

    def _get_amounts(self, tiles):
        return {tile["key"]: tile["amount"] for tile in tiles}

    def _get_expected(self, forecast):
        """Return the forecast's amounts, {bucket: {source: amount}}."""
        return {
            bucket["key"]: {
                source: tile["amount"] for source, tile in bucket["sources"].items()
            }
            for bucket in forecast["buckets"]
            if bucket["sources"]
        }

    def _create_invoices(self):
        """Invoices of every kind: three currencies, partly paid, credited, disputed."""
        self._invoice(10)
        self._invoice(2)
        part_paid = self._invoice(-5, 2000.0)
        self._pay(part_paid, 500.0, self.today - timedelta(days=2))
        euro = self._invoice(-40, 300.0, self.other_customer, currency_id=self.eur.id)
        self._pay(euro, 100.0, self.today)
        self._dispute(euro, 50.0)
        self._invoice(-70, 70.0, self.other_customer, currency_id=self.usd.id)
        self._invoice(-100, 40.0)
        self._pay(self._invoice(-3, 77.0), date=self.today - timedelta(days=1))
        self._invoice(0, 333.0, move_type="out_refund")
        self._create_loose_payment(45.0)
        written_off = self._invoice(-8, 500.0)
        self._register_payment(
            written_off,
            amount=499.0,
            payment_date=self.today,
            payment_difference_handling="reconcile",
            writeoff_account_id=self.company_data["default_account_expense"].id,
        )

    def _create_orders(self):
        """Orders of every stage, and scheduled payments in every state."""
        self._create_order().action_submit_for_approval()
        pricelist = self.env["product.pricelist"].create(
            {"name": "Euro", "currency_id": self.eur.id}
        )
        self._approve(self._create_order(pricelist_id=pricelist.id))
        self._running_schedule(6, 20, 200)[0].action_draft_invoice()
        failed, held = self._running_schedule(0, 30)
        failed.error = "A product is archived."
        held.action_hold()

    def _running_schedule(self, *days, **values):
        """Return equal instalments of a running order, due so many days after today."""
        order = self._running_order(
            payment_mode="instalments",
            schedule_line_ids=[
                Command.create(
                    {
                        "name": f"Instalment {number}",
                        "date_due": self.today + timedelta(days=day),
                    }
                )
                for number, day in enumerate(days, start=1)
            ],
            **values,
        )
        return order.sudo().schedule_line_ids

    def _create_loose_payment(self, amount):
        payment = self.env["account.payment"].create(
            {
                "payment_type": "inbound",
                "partner_type": "customer",
                "partner_id": self.customer.id,
                "amount": amount,
                "date": self.today,
            }
        )
        payment.action_post()
        return payment
