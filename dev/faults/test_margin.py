"""Approvals next to the app Margins, which the addon knows but does not need.

On a database of its own: an app stays installed for whoever comes after.
"""

from __future__ import annotations

from lxml import etree

from odoo import sql_db
from odoo.modules.registry import Registry
from odoo.tools import config

from dev import database, odoo_process
from dev.environment import LOGS

from . import world
from .case import FaultCase

INSTALL = """
module = env["ir.module.module"].search([("name", "=", "sale_margin")])
module.button_immediate_install()
"""
COST = 600.0
VIEWS = {
    "list": "order_invoice_cycle.cycle_approval_view_list",
    "form": "order_invoice_cycle.cycle_approval_view_form",
}


class TestMargin(FaultCase):
    """Approvers see the margin as the app computes it, and orders go their way."""

    @classmethod
    def setUpClass(cls) -> None:
        name = cls.database()
        database.create_template(name)
        cls.addClassCleanup(cls._forget, name)
        log = LOGS / "test-faults-margin.log"
        odoo_process.shell(name, INSTALL, log=log)
        super().setUpClass()

    @staticmethod
    def database() -> str:
        """Return the name of the database with the app."""
        return f"{config['db_name'][0]}_margin"

    @staticmethod
    def _forget(name: str) -> None:
        sql_db.close_db(name)
        Registry.delete(name)
        database.drop(name)

    def test_approver_decides_with_the_margin_in_view(self):
        with self.env() as env:
            order = world.create_orders(env, 1, plan="advance")
            order.order_line.purchase_price = COST
            world.submit(order)
            margin = 1 - 2 * COST / order.amount_untaxed
            self.assertAlmostEqual(order.margin_percent, margin)
            approval = world.as_role(order.approval_ids, "approver")
            for kind, view in VIEWS.items():
                shown = self._read_through(approval, view, kind)
                self.assertAlmostEqual(shown["margin_percent"], margin)
            world.approve(order)
            self.assertEqual(approval.state, "approved")
        self.tell(margin=f"{100 * margin:.2f} %", views=len(VIEWS))

    def test_order_runs_from_approval_to_invoice(self):
        with self.env() as env:
            order = world.run_orders(env, 1, plan="advance")
            order.schedule_line_ids.action_draft_invoice()
            move = order.schedule_line_ids.invoice_id
            world.as_role(move, "billing").action_publish()
            self.assertEqual(move.state, "posted")
            self.assertEqual(move.amount_total, order.amount_total)

    def _read_through(self, approval, view: str, kind: str) -> dict:
        """Return what a view shows of an approval, margin included."""
        env = approval.env
        arch = etree.fromstring(approval.get_view(env.ref(view).id, kind)["arch"])
        names = {field.get("name") for field in arch.iter("field")}
        self.assertIn("margin_percent", names)
        names &= approval._fields.keys()
        return approval.web_read({name: {} for name in names})[0]
