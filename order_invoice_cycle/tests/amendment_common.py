from .common import CycleCommon


class AmendmentCommon(CycleCommon):
    """Running orders, of which the first payments are published, and amendments."""

    def _create_running(self, plan="instalments_3", paid=1, **values):
        """Return a running order of which the first payments are published."""
        order = self._running_order(plan=plan, **values)
        lines = order.schedule_line_ids[:paid]
        if lines:
            lines.action_draft_invoice()
            self._publish(lines.invoice_id)
        return order

    def _amend(self, order, **values):
        action = order.with_user(self.user_sales).action_amend()
        amendment = self.env["sale.order"].browse(action["res_id"])
        if values:
            amendment.with_user(self.user_sales).order_line[0].write(values)
        return amendment

    def _agree(self, amendment):
        return self._confirm(self._approve(amendment))

    def _get_totals(self, order):
        return order.schedule_line_ids.sorted().mapped("amount_total")

    def assertSame(self, order, amendment):
        self.assertEqual(order.terms_hash, amendment.terms_hash)
        self.assertTrue(order._is_confirmed_by_customer())
        self.assertEqual(order.state, "sale")
