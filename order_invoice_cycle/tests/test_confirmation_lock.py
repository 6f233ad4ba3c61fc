import logging

from odoo.exceptions import UserError
from odoo.fields import Command

from .common import CycleCommon

_logger = logging.getLogger(__name__)


class TestConfirmedTerms(CycleCommon):
    """After the confirmation what was agreed is locked, and work around it goes on."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other_service = cls._create_product(name="Training", type="service")
        cls.terms = cls.env["account.payment.term"].create({"name": "90 days"})
        cls.hour = cls.env.ref("uom.product_uom_hour")

    def _get_order_writes(self):
        """Return {what is tried: values of the order} for an order with a deposit."""
        return {
            "customer": {"partner_id": self.other_customer.id},
            "terms text": {"note": "<p>Other terms</p>"},
            "payment terms": {"payment_term_id": self.terms.id},
            "payment mode": {"payment_mode": "after_completion"},
            "no payment mode": {"payment_mode": False},
            "service start": {"service_date_start": "2027-06-01"},
            "service end": {"service_date_end": "2027-06-01"},
        }

    def _get_recurrence_writes(self):
        return {
            "interval": {"recurrence_interval": 2},
            "unit": {"recurrence_unit": "year"},
            "periods per term": {"recurrence_count": 24},
            "in arrears": {"recurrence_in_advance": False},
            "renewal": {"auto_renew": False},
            "notice": {"notice_days": 1},
        }

    def _get_line_writes(self, line):
        """Return {what is tried: commands for the order's lines}."""
        changes = {
            "product": {"product_id": self.other_service.id},
            "description": {"name": "Something else"},
            "more": {"product_uom_qty": 2},
            "less": {"product_uom_qty": 0.5},
            "unit": {"product_uom_id": self.hour.id},
            "one cent": {"price_unit": line.price_unit - 0.01},
            "discount": {"discount": 1},
            "other tax": {"tax_ids": [Command.set(self.tax_8.ids)]},
            "no tax": {"tax_ids": [Command.clear()]},
        }
        commands = {key: Command.update(line.id, new) for key, new in changes.items()}
        commands["new line"] = self._create_line()
        commands["line removed"] = Command.delete(line.id)
        commands["section"] = Command.create(
            {"display_type": "line_section", "name": "Free of charge"}
        )
        return commands

    def _get_schedule_writes(self, line):
        changes = {
            "payment renamed": {"name": "Free"},
            "share": {"amount_type": "percent", "percent": 10},
            "amount": {"amount_type": "fixed", "amount_fixed": 1},
            "due": {"trigger": "date", "date_due": "2030-01-01"},
            "trigger": {"trigger": "confirmation"},
            "delay": {"offset_value": 90},
            "delay in months": {"offset_unit": "month", "offset_value": 3},
        }
        commands = {key: Command.update(line.id, new) for key, new in changes.items()}
        commands["payment removed"] = Command.delete(line.id)
        return commands

    def assertLocked(self, records, what, do, words="“Amend”"):
        """The salesperson, the manager and the superuser are told what to do."""
        for env in (
            self.env(user=self.user_sales),
            self.env(user=self.user_manager),
            self.env(su=True),
        ):
            with self.subTest(what, user=env.user.login, su=env.su):
                with self.assertRaises(UserError) as refused, self.env.cr.savepoint():
                    do(records.with_env(env))
                    self.env.flush_all()
                self.env.invalidate_all()
                self.assertIn(words, str(refused.exception))
        return 1

    def test_commercial_writes_are_refused_after_the_confirmation(self):
        order = self._running_order(plan="deposit_30")
        recurring = self._running_order(plan="monthly")
        agreed = (order.terms_hash, recurring.terms_hash)
        refused = 0
        for what, values in self._get_order_writes().items():
            refused += self.assertLocked(
                order, what, lambda own, values=values: own.write(values)
            )
        for what, values in self._get_recurrence_writes().items():
            refused += self.assertLocked(
                recurring, what, lambda own, values=values: own.write(values)
            )
        for what, command in self._get_line_writes(order.order_line).items():
            refused += self.assertLocked(
                order,
                what,
                lambda own, command=command: own.write({"order_line": [command]}),
            )
        schedule = order.schedule_line_ids.sorted("sequence")[-1]
        for what, command in self._get_schedule_writes(schedule).items():
            refused += self.assertLocked(
                order,
                what,
                lambda own, command=command: own.write(
                    {"schedule_line_ids": [command]}
                ),
            )
        self.assertGreaterEqual(refused, 30)
        self.assertEqual((order.terms_hash, recurring.terms_hash), agreed)
        _logger.info("%s commercial writes of 3 people each: all refused", refused)

    def test_internal_work_goes_on_after_the_confirmation(self):
        order = self._running_order(plan="deposit_30")
        own = order.with_user(self.user_sales)
        tag = self.env["crm.tag"].create({"name": "Important"})
        own.write(
            {
                "client_order_ref": "PO 7",
                "origin": "Fair",
                "tag_ids": [Command.set(tag.ids)],
                "user_id": self.user_sales.id,
            }
        )
        own.message_post(body="Call on Monday")
        self.assertTrue(order._is_confirmed_by_customer())
        self.assertEqual(order.tag_ids, tag)
