import logging

from odoo.exceptions import AccessError, UserError
from odoo.service.model import get_public_method
from odoo.tests import new_test_user

from .security_common import ADDON, SecurityCase

_logger = logging.getLogger(__name__)

# What each role may do: read, write, create, unlink. Others: nothing at all.
CYCLE_READ = dict.fromkeys(
    ["user", "approver", "billing", "collections", "manager"], "r"
)
ACCOUNT_READ = {"invoicing": "r", "readonly": "r"}
ALL_READ = {**CYCLE_READ, **ACCOUNT_READ, "sales": "r"}
ACCESS = {
    "cycle.approval": ALL_READ,
    "cycle.approval.rule": {**CYCLE_READ, "manager": "rwcu"},
    "cycle.approval.substitute": {
        **CYCLE_READ,
        "approver": "rwcu",
        "manager": "rwcu",
    },
    "cycle.confirmation": ALL_READ,
    "cycle.confirmation.code": {"manager": "r"},
    "cycle.confirmation.event": ALL_READ,
    "cycle.confirmation.token": {"manager": "r"},
    "cycle.confirmation.trace": {"manager": "r"},
    "cycle.health": {"manager": "r"},
    "cycle.dispute": {
        **CYCLE_READ,
        **ACCOUNT_READ,
        "billing": "rwc",
        "collections": "rwc",
        "manager": "rwc",
    },
    "cycle.link.miss": {},
    "cycle.message": {**CYCLE_READ, **ACCOUNT_READ},
    "cycle.pause": ALL_READ,
    "cycle.plan": {**ALL_READ, "manager": "rwcu"},
    "cycle.plan.line": {**ALL_READ, "manager": "rwcu"},
    "cycle.price.index": {**ALL_READ, "manager": "rwcu"},
    "cycle.price.index.entry": {**ALL_READ, "manager": "rwcu"},
    "cycle.reminder": {**CYCLE_READ, **ACCOUNT_READ},
    "cycle.reminder.level": {**CYCLE_READ, **ACCOUNT_READ, "manager": "rwcu"},
    "cycle.renewal": ALL_READ,
    "cycle.schedule.line": {
        **ALL_READ,
        "sales": "rwcu",
        "billing": "rwcu",
        "manager": "rwcu",
    },
}
# About visitors, not about anybody's business: only the administrator reads them.
WITHOUT_COMPANY = {"cycle.link.miss"}

# Every method that a remote call can reach. A new one must be reviewed: does it
# check the caller's rights before it does or tells anything?
PUBLIC_METHODS = {
    "account.move": {
        "action_open_dispute",
        "action_open_invoice_form",
        "action_publish",
        "action_publish_green",
        "action_view_cycle_disputes",
        "action_view_cycle_messages",
        "action_view_cycle_reminders",
    },
    "cycle.approval": {
        "action_approve",
        "action_open_approve",
        "action_open_reject",
        "action_reject",
        "action_view_order",
    },
    "cycle.approval.decide": {"action_decide"},
    "cycle.confirmation": {
        "action_revoke",
        "action_send_again",
        "action_show_verification",
        "action_verify",
    },
    "cycle.confirmation.record": {"action_confirm"},
    "cycle.dashboard": {"get_data"},
    "cycle.health": {"action_check_now", "action_view_records"},
    "cycle.dispute": {"action_open_resolve", "action_resolve"},
    "cycle.dispute.resolve": {"action_resolve"},
    "cycle.message": {
        "action_cancel",
        "action_mark_sent",
        "action_send_again",
        "action_view_document",
    },
    "cycle.payment.received": {"action_receive"},
    "cycle.schedule.line": {
        "action_draft_again",
        "action_draft_invoice",
        "action_hold",
        "action_release",
        "action_request_payment",
        "action_skip",
        "action_take_rest",
        "action_view_invoice",
    },
    "res.partner": {
        "action_view_cycle_disputes",
        "action_view_cycle_orders",
        "action_view_cycle_overdue",
    },
    "sale.order": {
        "action_amend",
        "action_approve",
        "action_confirm_on_behalf",
        "action_draft_credit_note",
        "action_give_notice",
        "action_mark_completed",
        "action_open_complete",
        "action_open_confirm_on_behalf",
        "action_open_notice",
        "action_open_payment_received",
        "action_open_reject",
        "action_open_resume",
        "action_open_terminate",
        "action_pause",
        "action_reject",
        "action_resume",
        "action_send_confirmation",
        "action_show_verification",
        "action_spread_difference",
        "action_spread_evenly",
        "action_submit_for_approval",
        "action_terminate",
        "action_view_cycle_messages",
        "action_view_schedule",
        "action_withdraw_notice",
    },
    "sale.order.complete": {"action_complete"},
    "sale.order.notice": {"action_give_notice"},
    "sale.order.resume": {"action_resume"},
    "sale.order.terminate": {"action_terminate"},
}
# They only name a window, which checks the rights itself.
OPENERS = ("action_open_", "action_view_")
# Those that a manager of another company may call: they are about the caller's own.
OWN_COMPANIES = {("cycle.dashboard", "get_data"), ("cycle.health", "action_check_now")}
# Arguments of those that need some.
ARGUMENTS = {
    "action_reject": ("No.",),
    "action_resolve": ("rejected",),
    "action_confirm_on_behalf": ({},),
}


class TestSecurity(SecurityCase):
    """Who may do what, by whichever way they come."""

    # === TABLE OF RIGHTS === #

    def test_every_role_has_the_rights_of_the_table(self):
        operations = ("read", "write", "create", "unlink")
        models = [
            name for name, cls in self._get_own_models().items() if not cls._transient
        ]
        self.assertCountEqual(models, ACCESS)
        for name in models:
            for role, user in self.users.items():
                model = self.env[name].with_user(user)
                allowed = "".join(op[0] for op in operations if model.has_access(op))
                with self.subTest(model=name, role=role):
                    self.assertEqual(allowed, ACCESS[name].get(role, ""))

    def test_dialogs_are_for_internal_users_with_a_role_only(self):
        dialogs = [
            name for name, cls in self._get_own_models().items() if cls._transient
        ]
        for name in dialogs:
            for role in ("portal", "public", "employee", "readonly"):
                with self.subTest(model=name, role=role):
                    model = self.env[name].with_user(self.users[role])
                    self.assertFalse(model.has_access("create"))

    def test_people_of_other_roles_read_the_fields_added_to_what_core_shows_them(self):
        """The addon takes nothing from whoever has no role in the order cycle."""
        order = self._running_order()
        order.action_mark_completed(self.start)
        invoice = self._draft(order)
        sales = new_test_user(
            self.env,
            "plain_sales",
            groups="sales_team.group_sale_salesman_all_leads",
            company_id=self.company.id,
        )
        clerk = new_test_user(
            self.env,
            "plain_clerk",
            groups="account.group_account_invoice",
            company_id=self.company.id,
        )
        for user, records in (
            (sales, order),
            (sales, order.order_line),
            (clerk, invoice),
            (clerk, invoice.line_ids),
            (clerk, order.partner_id),
        ):
            with self.subTest(user=user.login, records=records):
                own = records.with_user(user)
                # What core adds itself is not always readable for them either.
                names = [
                    field.name
                    for field in own._fields.values()
                    if ADDON in field._modules and own._has_field_access(field, "read")
                ]
                self.assertTrue(names)
                self.assertEqual(len(own.read(names)), len(own))

    def test_evidence_cannot_be_written_by_the_manager(self):
        order = self._running_order()
        evidence = (
            (order.approval_ids, {"comment": "x"}),
            (order.confirmation_ids, {"decided_name": "x"}),
            (order.confirmation_ids.event_ids, {"name": "x"}),
            (self.env["cycle.message"].search([], limit=1), {"state": "sent"}),
        )
        for records, values in evidence:
            own = records.with_user(self.user_manager)
            with self.subTest(records._name):
                with self.assertRaises(UserError):
                    own.write(values)
                with self.assertRaises(AccessError):
                    own.unlink()
                with self.assertRaises(AccessError):
                    own.create({})

    # === COMPANIES === #

    def test_user_of_another_company_sees_nothing(self):
        records = self._create_one_of_each()
        other = self.setup_other_company()["company"]
        stranger = self._create_user("manager", company=other)
        self.assertCountEqual(
            [record._name for record in records], set(ACCESS) - WITHOUT_COMPANY
        )
        for record in records:
            own = record.with_user(stranger).with_context(allowed_company_ids=other.ids)
            with self.subTest(record._name):
                self.assertTrue(record.with_user(self.user_manager).has_access("read"))
                self.assertNotIn(record, own.search([]))
                with self.assertRaises(AccessError):
                    own.read(["id"])

    # === REMOTE CALLS === #

    def _get_public_methods(self, name):
        """Return the methods that this addon adds to a model and RPC can call."""
        model = self.env[name]
        own, core = set(), set()
        for cls in type(model).__mro__:
            module = getattr(cls, "__module__", "")
            names = own if module.startswith(f"odoo.addons.{ADDON}.") else core
            names.update(key for key, value in vars(cls).items() if callable(value))
        return {key for key in own - core if self._is_public(model, key)}

    def _is_public(self, model, method):
        try:
            get_public_method(model, method)
        except (AccessError, AttributeError):
            return False
        return True

    def test_remote_calls_reach_only_the_reviewed_methods(self):
        for name in self.env.registry:
            if not self.env[name]._abstract or name.startswith("cycle."):
                with self.subTest(name):
                    self.assertEqual(
                        self._get_public_methods(name), PUBLIC_METHODS.get(name, set())
                    )

    def test_outsiders_are_refused_by_every_reviewed_method(self):
        records = self._get_records()
        order = records["sale.order"]
        outsiders = self._get_outsiders()
        refused = 0
        for name, methods in PUBLIC_METHODS.items():
            record = records.get(name, self.env[name])
            if not record and name != "cycle.dashboard":
                continue
            for method in sorted(methods):
                if method.startswith(OPENERS):
                    continue
                for role, user in outsiders.items():
                    if role == "other company" and (name, method) in OWN_COMPANIES:
                        continue
                    own = record.with_user(user).with_context(
                        allowed_company_ids=user.company_ids.ids
                    )
                    with self.subTest(model=name, method=method, role=role):
                        with self.assertRaises(AccessError):
                            getattr(own, method)(*ARGUMENTS.get(method, ()))
                        refused += 1
        self.assertEqual(order.cycle_stage, "confirmed")
        _logger.info("%s calls of methods by outsiders: all refused", refused)

    def test_customer_does_not_learn_who_approves(self):
        order = self._create_order()
        order.with_user(self.user_sales).action_submit_for_approval()
        portal = self.users["portal"]
        portal.partner_id.parent_id = self.customer
        own = order.with_user(portal)
        for call in (
            own.action_approve,
            own.action_submit_for_approval,
            lambda: own.action_reject("No."),
            lambda: own.read(["approval_ids"]) and own.approval_ids.mapped("rule_name"),
        ):
            with self.assertRaises(AccessError) as refusal:
                call()
            self.assertNotIn(self.user_approver.name, str(refusal.exception))
