from datetime import timedelta

from lxml import etree

from odoo import Command
from odoo.exceptions import AccessError
from odoo.fields import Domain
from odoo.tests import Form, new_test_user
from odoo.tools import format_date
from odoo.tools.safe_eval import safe_eval

from .common import CycleCommon

MODULE = "order_invoice_cycle."
SALES_MENUS = {
    "cycle_dashboard_menu",
    "sale_order_menu",
    "cycle_approval_menu",
    "cycle_confirmation_menu",
    "cycle_approval_menu_log",
    "cycle_renewal_menu",
    "cycle_schedule_line_menu",
    "account_move_menu",
}
COLLECTIONS_MENUS = SALES_MENUS | {
    "account_move_line_menu_overdue",
    "cycle_reminder_menu",
    "cycle_dispute_menu",
    "cycle_message_menu",
}
APPROVER_MENUS = (SALES_MENUS - {"account_move_menu"}) | {
    "cycle_approval_substitute_menu"
}
BILLING_MENUS = COLLECTIONS_MENUS | {"account_move_menu_to_publish"}
MANAGER_MENUS = (
    BILLING_MENUS
    | APPROVER_MENUS
    | {
        "cycle_plan_menu",
        "cycle_price_index_menu",
        "cycle_approval_rule_menu",
        "cycle_reminder_level_menu",
        "cycle_health_menu",
    }
)
FLOW_BUTTONS = {
    "action_confirm",
    "action_quotation_send",
    "action_submit_for_approval",
    "action_approve",
    "action_open_reject",
    "action_send_confirmation",
    "action_open_confirm_on_behalf",
    "action_open_complete",
    "action_pause",
    "action_open_resume",
    "action_open_notice",
    "action_open_terminate",
}


class ViewCase(CycleCommon):
    """Reads views as the web client does: what is in them, and with whose rights."""

    def _get_arch(self, records, view=None, view_type="form"):
        """Return the view's tree as the user of ``records`` gets it."""
        view_id = self.env.ref(view).id if view else False
        views = records.get_views([(view_id, view_type)])["views"]
        return etree.fromstring(views[view_type]["arch"])

    def _read(self, records, arch):
        """Read what the view shows of ``records``, lists in it included."""
        return records.web_read(self._get_specification(records, arch))

    def _get_specification(self, records, arch):
        specification = {}
        for node in arch.xpath(".//field[not(ancestor::field)]"):
            field = records._fields[node.get("name")]
            specification[field.name] = {}
            if field.relational:
                lines = records.env[field.comodel_name]
                specification[field.name] = {"fields": {"display_name": {}}}
                for sub_arch in node.xpath("./list | ./kanban | ./form"):
                    root = etree.fromstring(etree.tostring(sub_arch))
                    specification[field.name]["fields"].update(
                        self._get_specification(lines, root)
                    )
        return specification

    def _get_visible_buttons(self, order, user):
        """Return the flow buttons that ``user`` sees in the header of ``order``."""
        order = order.with_user(user)
        values = {"context": {}, "id": order.id}
        for name in ("state", "cycle_stage", "payment_mode", "can_decide"):
            values[name] = order[name]
        for name in ("is_paused", "date_completed", "date_terminated"):
            values[name] = order[name]
        for name in ("auto_renew", "date_notice_given"):
            values[name] = order[name]
        arch = self._get_arch(order, "sale.view_order_form")
        return {
            button.get("name")
            for button in arch.xpath("//header//button")
            if button.get("name") in FLOW_BUTTONS
            and not safe_eval(button.get("invisible", "False"), dict(values))
        }


class TestMenus(ViewCase):
    def _get_menus(self, user):
        """Return the menus of the app that open something, {xml id: action id}."""
        menus = self.env["ir.ui.menu"].with_user(user).load_menus(False).values()
        return {
            menu["xmlid"].removeprefix(MODULE): menu["action_id"]
            for menu in menus
            if menu.get("xmlid", "").startswith(MODULE)
            and menu["action_id"]
            and not menu["children"]
        }

    def _open(self, action, user):
        """Load every view of the action and read its first page, as ``user``."""
        model = self.env[action.res_model].with_user(user)
        search = (action.search_view_id.id, "search")
        model.get_views([*action.views, search], {"toolbar": True})
        domain = safe_eval(action.domain or "[]", {"uid": user.id})
        records = model.search(domain, limit=80)
        for view_id, view_type in action.views:
            if view_type in ("list", "kanban", "form"):
                views = model.get_views([(view_id, view_type)])["views"]
                arch = etree.fromstring(views[view_type]["arch"])
                self._read(records, arch)
        return records

    def test_role_opens_each_of_its_menus(self):
        orders = self._create_order(plan="deposit_30") | self._create_order(
            plan="monthly"
        )
        self._create_order(plan="advance").action_submit_for_approval()
        self._confirm(self._approve(orders))
        moves = self._draft(orders, today="2027-03-01")
        self._publish(moves[:2])
        self._send_messages()
        self._run_cron("cycle.reminder", "_cron_send_reminders", today="2027-02-10")
        self.env["cycle.dispute"].create({"move_id": moves[0].id, "reason": "Hours"})
        roles = {
            self.user_sales: SALES_MENUS,
            self.user_approver: APPROVER_MENUS,
            self.user_billing: BILLING_MENUS,
            self.user_collections: COLLECTIONS_MENUS,
            self.user_manager: MANAGER_MENUS,
        }
        for user, expected in roles.items():
            menus = self._get_menus(user)
            self.assertEqual(set(menus), expected, user.name)
            for name, action_id in menus.items():
                with self.subTest(user=user.login, menu=name):
                    action = self.env["ir.actions.actions"].browse(action_id)
                    if action.type == "ir.actions.act_window":
                        action = self.env[action.type].browse(action_id)
                        self._open(action, user)

    def test_settings_menu_is_for_system_administrators(self):
        self.assertNotIn("res_config_settings_menu", self._get_menus(self.user_manager))
        self.user_manager.group_ids += self.env.ref("base.group_system")
        self.assertIn("res_config_settings_menu", self._get_menus(self.user_manager))

    def test_app_is_hidden_from_users_outside_the_cycle(self):
        salesman = new_test_user(
            self.env, "plain_sales", "sales_team.group_sale_salesman"
        )
        self.assertFalse(self._get_menus(salesman))


class TestForms(ViewCase):
    def test_accountant_without_cycle_role_opens_order_and_invoice(self):
        order = self._running_order(plan="advance")
        move = self._publish(self._draft(order))
        for group in (
            "group_account_invoice",
            "group_account_readonly",
        ):
            user = new_test_user(
                self.env,
                group,
                f"account.{group}",
                company_id=self.company.id,
                company_ids=[Command.set(self.company.ids)],
            )
            for record, view in (
                (order, "sale.view_order_form"),
                (move, "account.view_move_form"),
                (order.partner_id, "base.view_partner_form"),
            ):
                record = record.with_user(user)
                with self.subTest(group=group, model=record._name):
                    self._read(record, self._get_arch(record, view))

    def test_salesperson_opens_the_invoice_of_the_order(self):
        order = self._running_order(plan="advance")
        move = self._draft(order).with_user(self.user_sales)
        self._read(move, self._get_arch(move, "account.view_move_form"))

    def test_stock_order_form_keeps_its_buttons(self):
        order = self._create_order(payment_mode=False)
        buttons = self._get_visible_buttons(order, self.user_sales)
        self.assertEqual(buttons, {"action_confirm", "action_quotation_send"})

    def test_schedule_is_filled_and_totalled_while_the_order_is_written(self):
        sales = self.env["sale.order"].with_user(self.user_sales)
        with Form(sales, view="sale.view_order_form") as form:
            form.partner_id = self.customer
            form.payment_mode = "instalments"
            self.assertTrue(form.schedule_problem)
            with form.order_line.new() as line:
                line.product_id = self.service
                line.tax_ids = self.tax_23
            with form.schedule_line_ids.new() as line:
                line.name = "First"
                line.amount_type = "percent"
                line.percent = 30
                line.date_due = "2027-02-01"
                self.assertEqual(line.amount_total, 369)
            with form.schedule_line_ids.new() as line:
                line.name = "Rest"
                line.date_due = "2027-03-01"
                self.assertEqual(line.amount_total, 861)
            self.assertFalse(form.schedule_problem)
        self.assertEqual(
            form.record.schedule_line_ids.mapped("amount_total"), [369, 861]
        )

    def test_payment_loses_its_date_when_it_is_to_wait_for_an_event(self):
        order = self._create_order(plan="instalments_3")
        with Form(order, view="sale.view_order_form") as form:
            with form.schedule_line_ids.edit(0) as line:
                line.trigger = "completion"
                self.assertFalse(line.date_due)
        self.assertFalse(order.schedule_line_ids[0].date_due)

    def test_schedule_stays_editable_until_the_customer_has_confirmed(self):
        order = self._create_order(plan="instalments_3")
        order.with_user(self.user_sales).action_submit_for_approval()
        self._set_first_due(order, "2027-02-01")
        self.assertEqual(order.cycle_stage, "draft")
        self._approve(order)
        self._send_messages()
        link = order.confirmation_ids.filtered(lambda c: c.state == "sent")
        self._set_first_due(order, "2027-03-01")
        self.env.cr.precommit.run()
        self.assertEqual((order.cycle_stage, link.state), ("draft", "superseded"))
        self._confirm(self._approve(order))
        with Form(order, view="sale.view_order_form") as form:
            with self.assertRaises(AssertionError):
                form.payment_mode = "recurring"
            with self.assertRaises(AssertionError):
                form.schedule_line_ids.remove(0)

    def _set_first_due(self, order, day):
        with Form(order, view="sale.view_order_form") as form:
            with form.schedule_line_ids.edit(0) as line:
                line.trigger = "date"
                line.date_due = day

    def test_stage_note_says_who_has_to_act_and_what_was_answered(self):
        order = self._create_order(plan="advance")
        order.with_user(self.user_sales).action_submit_for_approval()
        self.assertIn(self.user_approver.name, order.cycle_stage_note)
        order.with_user(self.user_approver).action_reject("Too cheap")
        self.assertIn("Too cheap", order.cycle_stage_note)
        self._approve(order)
        self.assertIn("has not gone out", order.cycle_stage_note)
        self._send_messages()
        self.assertIn(order.confirmation_ids.email, order.cycle_stage_note)
        confirmation = order.confirmation_ids.filtered(lambda c: c.state == "sent")
        confirmation.sudo()._comment(
            order.terms_hash, "Ewa", "Start later <b>please</b>"
        )
        self.assertIn("Start later <b>please</b>", order.cycle_stage_note)

    def test_evidence_is_verified_in_one_sentence(self):
        order = self._running_order(plan="advance")
        result = order.with_user(self.user_sales).action_show_verification()
        self.assertEqual(result["params"]["type"], "success")
        self.env.cr.execute(
            "ALTER TABLE cycle_confirmation_event "
            "DISABLE TRIGGER cycle_event_no_change; "
            "UPDATE cycle_confirmation_event SET name = 'Somebody else' "
            "WHERE order_id = %s AND event = 'confirmed'",
            [order.id],
        )
        self.env.invalidate_all()
        result = order.with_user(self.user_sales).action_show_verification()
        self.assertEqual(result["params"]["type"], "danger")
        self.assertIn(order.name, result["params"]["message"])


class TestButtons(ViewCase):
    def test_draft_order_offers_to_submit(self):
        order = self._create_order(plan="advance")
        buttons = self._get_visible_buttons(order, self.user_sales)
        self.assertEqual(buttons, {"action_submit_for_approval"})

    def test_only_who_is_asked_sees_the_decision(self):
        order = self._create_order(plan="advance")
        order.with_user(self.user_sales).action_submit_for_approval()
        self.assertFalse(self._get_visible_buttons(order, self.user_sales))
        self.assertEqual(
            self._get_visible_buttons(order, self.user_approver),
            {"action_approve", "action_open_reject"},
        )

    def test_only_a_manager_may_confirm_on_behalf(self):
        order = self._approve(self._create_order(plan="advance"))
        self.assertEqual(
            self._get_visible_buttons(order, self.user_sales),
            {"action_send_confirmation"},
        )
        self.assertEqual(
            self._get_visible_buttons(order, self.user_manager),
            {"action_send_confirmation", "action_open_confirm_on_behalf"},
        )

    def test_running_order_is_completed_or_paused(self):
        order = self._running_order(plan="completion_14")
        self.assertEqual(
            self._get_visible_buttons(order, self.user_sales),
            {"action_open_complete", "action_pause"},
        )
        order.action_pause()
        self.assertEqual(
            self._get_visible_buttons(order, self.user_sales),
            {"action_open_complete", "action_open_resume"},
        )

    def test_recurring_order_is_terminated_not_completed(self):
        order = self._running_order(plan="monthly")
        self.assertEqual(
            self._get_visible_buttons(order, self.user_sales),
            {"action_pause", "action_open_notice", "action_open_terminate"},
        )


class TestRecords(ViewCase):
    def test_salesperson_sees_schedules_of_own_orders_only(self):
        order = self._create_order(plan="advance")
        colleague = new_test_user(
            self.env,
            "colleague",
            "order_invoice_cycle.group_cycle_user,sales_team.group_sale_salesman",
            company_id=self.company.id,
            company_ids=[Command.set(self.company.ids)],
        )
        line = order.schedule_line_ids
        self.assertEqual(line.with_user(self.user_sales).name, line.name)
        self.assertFalse(line.with_user(colleague).search([("id", "in", line.ids)]))
        with self.assertRaises(AccessError):
            line.with_user(colleague).read(["name"])

    def test_partner_counts_open_what_they_count(self):
        order = self._running_order(
            plan="instalments_3", service_date_start="2020-01-15"
        )
        draft = self._draft(order, today="2020-01-15")
        move = self._publish(draft, today="2020-01-15")
        self.env["cycle.dispute"].create(
            {"move_id": move.id, "reason": "Hours", "amount": 100}
        )
        partner = self.customer.with_user(self.user_manager)
        self.assertEqual(partner.cycle_order_count, 1)
        self.assertEqual(partner.cycle_amount_overdue, move.amount_residual)
        self.assertEqual(partner.cycle_dispute_count, 1)
        for action, model, expected in (
            (partner.action_view_cycle_orders(), "sale.order", order),
            (
                partner.action_view_cycle_overdue(),
                "account.move.line",
                move.line_ids.filtered(lambda x: x.account_type == "asset_receivable"),
            ),
            (partner.action_view_cycle_disputes(), "cycle.dispute", move.dispute_ids),
        ):
            self.assertEqual(self.env[model].search(action["domain"]), expected)

    def test_order_finds_the_messages_about_it_and_its_invoices(self):
        order = self._running_order(plan="advance")
        other = self._running_order(plan="advance", partner_id=self.other_customer.id)
        self._publish(self._draft(order | other))
        messages = self.env["cycle.message"].search(
            order.with_user(self.user_sales).action_view_cycle_messages()["domain"]
        )
        self.assertEqual(messages.partner_id, self.customer)
        self.assertEqual(
            set(messages.mapped("purpose")), {"confirmation", "receipt", "invoice"}
        )
        self.assertEqual(order.cycle_message_count, len(messages))

    def test_order_finds_the_mail_of_its_quotation_template(self):
        order = self._running_order()
        message = self.env["cycle.message"]._queue(
            order,
            "order",
            self.env.ref("sale.mail_template_sale_confirmation"),
            self.customer,
        )
        before = order.cycle_message_count
        action = order.with_user(self.user_sales).action_view_cycle_messages()
        found = self.env["cycle.message"].search(action["domain"])
        self.assertIn(message, found)
        self.assertEqual(before, len(found))

    def test_next_due_date_is_of_the_first_payment_not_paid(self):
        order = self._running_order(plan="instalments_3")
        self.assertEqual(order.date_next_due, self.start)
        self._pay(self._publish(self._draft(order, today=self.start)))
        order.invalidate_recordset(["date_next_due"])
        self.assertEqual(str(order.date_next_due), "2027-02-15")

    def test_state_note_names_no_day_that_has_passed_for_a_draft_to_come(self):
        line = self._running_order(plan="deposit_30").schedule_line_ids[0]
        today = self.company._cycle_today()
        for day, text in (
            (today - timedelta(days=30), "by the next run of the job; its day was"),
            (today, "by the next run of the job; its day was"),
            (today + timedelta(days=1), "is made on"),
        ):
            line.sudo().date_due = day + timedelta(days=7)
            line.invalidate_recordset(["state_note"])
            with self.subTest(day=day):
                self.assertIn(text, line.state_note)
                self.assertIn(format_date(self.env, day), line.state_note)

    def test_state_note_says_why_a_payment_waits(self):
        order = self._running_order(plan="deposit_30")
        deposit, rest = order.schedule_line_ids
        self.assertIn("draft invoice is made", deposit.state_note)
        self.assertIn("Mark the order as completed", rest.state_note)
        deposit.action_hold("The customer asked for a later date")
        self.assertIn("later date. Release it", deposit.state_note)

    def test_state_note_says_why_a_payment_is_never_invoiced(self):
        order = self._running_order(plan="deposit_30")
        deposit, rest = order.schedule_line_ids
        deposit.action_skip()
        self.assertIn("it was skipped", deposit.state_note)
        order._action_cancel()
        self.assertIn("the order is cancelled", rest.state_note)
        order = self._running_order(plan="monthly")
        order.action_terminate("2027-03-31")
        left_out = order.schedule_line_ids.filtered("is_left_out")[0]
        self.assertIn("the end of the order", left_out.state_note)

    def test_filters_of_the_order_search_hold(self):
        """Each filter's domain is one that the server can search with."""
        for view in (
            "sale_order_view_search",
            "cycle_schedule_line_view_search",
            "cycle_approval_view_search",
            "cycle_confirmation_view_search",
            "cycle_message_view_search",
            "cycle_reminder_view_search",
            "cycle_dispute_view_search",
            "account_move_view_search_to_publish",
            "account_move_line_view_search_overdue",
        ):
            model = self.env[self.env.ref(MODULE + view).model]
            arch = self._get_arch(model, MODULE + view, "search")
            for node in arch.xpath("//filter[@domain]"):
                with self.subTest(view=view, filter=node.get("name")):
                    domain = safe_eval(node.get("domain"), {"uid": self.env.uid})
                    model.search(Domain(domain), limit=1)
