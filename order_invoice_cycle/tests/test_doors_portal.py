from odoo.exceptions import AccessError, UserError
from odoo.tests import JsonRpcException, new_test_user, tagged
from odoo.tools import mute_logger

from .common import CycleHttpCase

REFUSALS = r"^(odoo|werkzeug)\.(exceptions|http)\."
STAGES = ("draft", "to_approve", "rejected", "approved", "cancelled")


@tagged("post_install", "-at_install")
class TestDoorsPortal(CycleHttpCase):
    """Before their link is out customers learn nothing, by no page and no call."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.cycle_auto_send_confirmation = False
        cls.portal = new_test_user(
            cls.env,
            "cycle_portal_customer",
            "base.group_portal",
            partner_id=cls._create_customer(
                "Anna Nowak", parent_id=cls.customer.id, is_company=False
            ).id,
        )
        cls.orders = {stage: cls._create_order(plan="advance") for stage in STAGES}
        for stage in STAGES[1:]:
            cls.orders[stage].with_user(cls.user_sales).action_submit_for_approval()
        approver = cls.user_approver
        cls.orders["rejected"].with_user(approver).action_reject("No.")
        for stage in ("approved", "cancelled"):
            cls.orders[stage].with_user(approver).action_approve()
        cls.orders["cancelled"].action_cancel()
        for order in cls.orders.values():
            order.write({"require_signature": True, "require_payment": True})
            order._portal_ensure_token()
            order.message_post(body="Costs us 700", subtype_xmlid="mail.mt_comment")
            cls.env["ir.attachment"].create(
                {
                    "name": "calculation.txt",
                    "raw": b"Costs us 700",
                    "res_model": "sale.order",
                    "res_id": order.id,
                }
            )

    def setUp(self):
        super().setUp()
        for stage, order in self.orders.items():
            self.assertEqual(order.cycle_stage, stage)

    def _get_roles(self):
        """Return {role: (login, whether an old link of core is known)}."""
        return {
            "public": (None, False),
            "public with an old link": (None, True),
            "portal": (self.portal.login, False),
            "portal with an old link": (self.portal.login, True),
        }

    # === PAGES === #

    def _get_pages(self, order):
        """Return the pages of core that show an order, {name: path}."""
        path = f"/my/orders/{order.id}"
        return {
            "page": path,
            "pdf": f"{path}?report_type=pdf&download=true",
            "html": f"{path}?report_type=html",
            "edi": f"{path}/download_edi",
            "document": f"{path}/document/1",
            "report": f"/report/pdf/sale.report_saleorder/{order.id}",
            "report html": f"/report/html/sale.report_saleorder/{order.id}",
            "redirect": f"/mail/view?model=sale.order&res_id={order.id}",
        }

    @mute_logger("odoo.http", "odoo.addons.base.models.ir_rule")
    def test_page_of_core_shows_nothing_before_the_link_is_out(self):
        for role, (login, has_link) in self._get_roles().items():
            self.authenticate(login, login)
            for stage, order in self.orders.items():
                for name, path in self._get_pages(order).items():
                    # Core's route of a document fails without any token.
                    if has_link or name == "document":
                        token = order.access_token if has_link else "guess"
                        path += "&" if "?" in path else "?"
                        path += f"access_token={token}"
                    with self.subTest(role=role, stage=stage, page=name):
                        response = self.url_open(path)
                        self.assertLess(response.status_code, 500)
                        self.assertNotIn(order.name, response.text)
                        self.assertNotIn("1,230.00", response.text)
                        self.assertNotIn("%PDF", response.text)

    def test_lists_of_core_show_nothing_before_the_link_is_out(self):
        self.authenticate(self.portal.login, self.portal.login)
        for path in ("/my", "/my/quotes", "/my/orders"):
            response = self.url_open(path)
            self.assertEqual(response.status_code, 200)
            for order in self.orders.values():
                self.assertNotIn(order.name, response.text)

    @mute_logger("odoo.http", "odoo.addons.base.models.ir_rule")
    def test_answers_and_payments_of_core_are_refused(self):
        colleagues = {
            name: (getattr(self, f"user_{name}").login, False)
            for name in ("sales", "approver", "billing", "manager")
        }
        roles = {**self._get_roles(), **colleagues, "admin": ("admin", False)}
        for role, (login, has_link) in roles.items():
            self.authenticate(login, login)
            for stage, order in self.orders.items():
                token = order.access_token if has_link else None
                path = f"/my/orders/{order.id}"
                calls = {
                    "accept": {"name": "Jan", "signature": "iVBORw0KGgo="},
                    "transaction": {"payment_method_id": 1, "provider_id": 1},
                    "update_line_dict": {"line_id": order.order_line.id},
                }
                for name, params in calls.items():
                    with self.subTest(role=role, stage=stage, call=name):
                        self._call(f"{path}/{name}", access_token=token, **params)
                response = self.url_open(
                    f"{path}/decline", {"decline_message": "x", "access_token": token}
                )
                self.assertLess(response.status_code, 500)
                self.env.invalidate_all()
                self.assertEqual(order.cycle_stage, stage)
                self.assertFalse(order.signature)
                self.assertFalse(order.transaction_ids)
                self.assertEqual(order.order_line.product_uom_qty, 1)

    def _call(self, path, **params):
        """Call a JSON route; what it answers tells nothing of an order.

        It is refused on purpose, or answers; an accident is no refusal.
        """
        try:
            answer = str(self.make_jsonrpc_request(path, params))
        except JsonRpcException as error:
            answer = str(error)
            self.assertRegex(answer, REFUSALS)
        if not self.session.uid or self.session.uid == self.portal.id:
            for order in self.orders.values():
                self.assertNotIn(order.name, answer)
        return answer

    @mute_logger("odoo.http", "odoo.addons.base.models.ir_rule")
    def test_chatter_is_shut_before_the_link_is_out(self):
        for role, (login, has_link) in self._get_roles().items():
            self.authenticate(login, login)
            for stage, order in self.orders.items():
                thread = {"thread_model": "sale.order", "thread_id": order.id}
                token = {"token": order.access_token} if has_link else {}
                with self.subTest(role=role, stage=stage):
                    for path, params in (
                        ("/mail/thread/messages", thread),
                        ("/mail/chatter_fetch", {**thread, **token}),
                        ("/portal/chatter_init", {**thread, **token}),
                        (
                            "/mail/message/post",
                            {**thread, **token, "post_data": {"body": "Hello"}},
                        ),
                    ):
                        self.assertNotIn("Costs us", self._call(path, **params))
                    self.assertNotIn("Hello", str(order.message_ids.mapped("body")))

    # === REMOTE CALLS === #

    def _get_reads(self, order):
        """Return remote calls that would tell something, {name: call}."""
        own = order.with_user(self.portal)
        here = [("id", "=", order.id)]
        lines = order.order_line.with_user(self.portal)
        about = [("model", "=", "sale.order"), ("res_id", "=", order.id)]
        messages = self.env["mail.message"].with_user(self.portal)
        files = self.env["ir.attachment"].with_user(self.portal)
        attached = [("res_model", "=", "sale.order"), ("res_id", "=", order.id)]
        return {
            "read": lambda: own.read(["name", "amount_total"]),
            "web_read": lambda: own.web_read({"name": {}}),
            "search": lambda: own.search(here).ids,
            "search_read": lambda: own.search_read(here, ["name"]),
            "web_search_read": lambda: own.web_search_read(here, {"name": {}})[
                "records"
            ],
            "name_search": lambda: own.name_search(order.name),
            "count": lambda: own.search_count(here),
            "group": lambda: own.formatted_read_group(
                here, ["partner_id"], ["amount_total:sum"]
            ),
            "export": lambda: own.export_data(["name"]),
            "copy": lambda: own.copy(),
            "lines": lambda: lines.read(["name", "price_unit"]),
            "search lines": lambda: lines.search([("order_id", "=", order.id)]).ids,
            "messages": lambda: messages.search(about).ids,
            "read messages": lambda: messages.browse(order.message_ids.ids).read(
                ["body"]
            ),
            "files": lambda: files.search(attached).ids,
            "approvals": lambda: (
                self.env["cycle.approval"].with_user(self.portal).search([])
            ),
            "approvals of the order": lambda: own.read(["approval_ids"]),
            "schedule": lambda: (
                self.env["cycle.schedule.line"].with_user(self.portal).search([])
            ),
        }

    @mute_logger("odoo.addons.base.models.ir_rule", "odoo.models")
    def test_customer_reads_nothing_by_remote_calls(self):
        for stage, order in self.orders.items():
            for name, call in self._get_reads(order).items():
                with self.subTest(stage=stage, call=name):
                    self.env.invalidate_all()
                    try:
                        self.assertFalse(call())
                    except UserError as refusal:
                        self.assertNotIn(order.name, str(refusal))

    @mute_logger("odoo.addons.base.models.ir_rule")
    def test_customer_reads_the_offer_when_the_link_is_out(self):
        order = self.orders["approved"]
        order.with_user(self.user_sales).action_send_confirmation()
        own = order.with_user(self.portal)
        self.env.flush_all()
        self.assertFalse(own.search([("id", "=", order.id)]))
        self._send_messages()
        self.assertEqual(own.search([("id", "=", order.id)]), own)
        self.assertEqual(own.read(["name"])[0]["name"], order.name)
        for internal in ("cycle_error", "cycle_stage_note", "cycle_changes"):
            with self.assertRaises(AccessError):
                own.read([internal])
        with self.assertRaises(AccessError):
            own.read(["approval_ids"])
        order.order_line.price_unit = 900
        self.env.flush_all()
        self.assertFalse(own.search([("id", "=", order.id)]))

    def test_stock_quotation_stays_readable(self):
        order = self._create_order(payment_mode=False)
        own = order.with_user(self.portal)
        self.assertEqual(own.search([("id", "=", order.id)]), own)
        self.assertTrue(own.order_line.read(["price_unit"]))

    # === CATALOG === #

    @mute_logger("odoo.http")
    def test_catalog_changes_no_confirmed_and_approves_no_changed_order(self):
        approved = self.orders["approved"]
        running = self._confirm_order()
        self.authenticate(self.user_sales.login, self.user_sales.login)
        for order in (running, approved):
            self._update_from_catalog(order)
        self.assertEqual(running.order_line.product_uom_qty, 1)
        self.assertEqual(running.cycle_stage, "confirmed")
        self.assertEqual(approved.order_line.product_uom_qty, 5)
        self.assertEqual(approved.cycle_stage, "draft")
        self.authenticate(self.user_approver.login, self.user_approver.login)
        self._update_from_catalog(self.orders["to_approve"])
        self.assertEqual(self.orders["to_approve"].order_line.product_uom_qty, 1)

    def _confirm_order(self):
        order = self._approve(self._create_order(plan="advance"))
        order.with_user(self.user_sales).action_send_confirmation()
        return self._confirm(order)

    def _update_from_catalog(self, order):
        self.env.flush_all()
        params = {
            "res_model": "sale.order",
            "order_id": order.id,
            "product_id": self.service.id,
            "quantity": 5,
        }
        self._call("/product/catalog/update_order_line_info", **params)
        self.env.invalidate_all()

    # === SENDING === #

    def test_nothing_is_sent_around_the_link(self):
        template = self.env.ref("sale.email_template_edi_sale")
        self.user_sales.group_ids += self.env.ref("base.group_partner_manager")
        for stage, order in self.orders.items():
            env = order.with_user(self.user_sales).env
            compose = {
                "model": "sale.order",
                "res_ids": order.ids,
                "template_id": template.id,
                "partner_ids": self.customer.ids,
            }
            reference = {"res_model": "sale.order", "res_id": order.id}
            doors = {
                "composer": lambda env=env, compose=compose: (
                    env["mail.compose.message"]
                    .create({**compose, "composition_mode": "comment"})
                    ._action_send_mail()
                ),
                "mass mail": lambda env=env, compose=compose: (
                    env["mail.compose.message"]
                    .create({**compose, "composition_mode": "mass_mail"})
                    ._action_send_mail()
                ),
                "template": lambda env=env, order=order: template.with_env(
                    env
                ).send_mail(order.id),
                "share": lambda env=env, reference=reference: (
                    env["portal.share"]
                    .create({**reference, "partner_ids": self.customer.ids})
                    .action_send_mail()
                ),
                "payment link": lambda env=env, reference=reference: env[
                    "payment.link.wizard"
                ].create(
                    {
                        **reference,
                        "amount": 1,
                        "currency_id": self.company.currency_id.id,
                        "partner_id": self.customer.id,
                    }
                ),
            }
            for name, door in doors.items():
                with (
                    self.subTest(stage=stage, door=name),
                    self.assertRaisesRegex(UserError, "Submit for approval"),
                    self.env.cr.savepoint(),
                ):
                    door()
        self._send_messages()
        self.assertFalse(self.outbox)

    def test_message_to_the_customer_names_no_amount_and_no_page(self):
        stock = self._create_order(payment_mode=False)
        for order, shown in ((self.orders["approved"], False), (stock, True)):
            message = order.message_post(body="We will call you.")
            context = order._notify_by_email_prepare_rendering_context(message)
            self.assertEqual("1,230.00" in str(context["subtitles"]), shown)
            groups = order._notify_get_recipients_groups(message, "Order")
            buttons = {name: options for name, _test, options in groups}
            options = buttons["portal_customer"]
            self.assertEqual(options.get("has_button_access", True), shown)
