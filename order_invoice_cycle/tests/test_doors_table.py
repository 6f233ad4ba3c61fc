import logging

from odoo.exceptions import UserError
from odoo.tests import new_test_user
from odoo.tools import mute_logger

from .common import CycleCommon

_logger = logging.getLogger(__name__)

# What somebody who may change orders reads at each kind of door, in each stage.
TO_CONFIRM = {
    "draft": "Submit it for approval; then the customer receives the link to confirm",
    "awaiting_customer": "The customer confirms by the link in the e-mail; a manager",
}
# It would be a sale already: the sentence that also fits a sale from elsewhere.
TO_WRITE = {**TO_CONFIRM, "draft": "Submit it for approval as a quotation"}
TO_APPROVE = dict.fromkeys(TO_CONFIRM, TO_CONFIRM["draft"])
NEW_SALE = dict.fromkeys(TO_CONFIRM, "Submit it for approval as a quotation")
TO_SEND = dict.fromkeys(TO_CONFIRM, "Use “Submit for approval”, then “Send link”")
# Who has no access to what stands at the door is stopped by core, with its words. These
# are the doors that the others do not even find.
NO_ACCESS = (
    r"You are not allowed to \w+ '|doesn't have '\w+' access to"
    r"|not have enough rights to access the field|Unknown database identifier"
)
WITHOUT_ACCESS = {
    "approver": {
        "server action",
        "write",
        "import of a change",
        "import of a sale",
        "create",
        "copy",
        "changed line",
        "new line",
        "share wizard",
        "payment link",
    },
    **dict.fromkeys(["sales", "billing", "manager"], {"share wizard"}),
}
# Customers with a login read the offer once their link is out, so they find these.
FOUND_BY_PORTAL = {
    "awaiting_customer": {
        "button",
        "mass confirm",
        "context",
        "send wizard",
        "share button",
    }
}
CONTEXT = {
    "import_file": True,
    "tracking_disable": True,
    "send_email": True,
    "disable_cancel_warning": True,
    "cycle_confirmed": True,
    "cycle_checked": True,
    "cycle_confirming": True,
    "cycle_keep_schedule": True,
}


class TestDoorsTable(CycleCommon):
    """Every door to a sale or to the customer is shut for everybody, and says why."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.cycle_auto_send_confirmation = False
        admin = cls.env.ref("base.user_admin")
        admin.company_ids += cls.company
        portal = new_test_user(
            cls.env,
            "cycle_table_portal",
            "base.group_portal",
            partner_id=cls._create_customer(
                "Anna", parent_id=cls.customer.id, is_company=False
            ).id,
        )
        cls.roles = {
            "public": cls.env.ref("base.public_user"),
            "portal": portal,
            "sales": cls.user_sales,
            "approver": cls.user_approver,
            "billing": cls.user_billing,
            "manager": cls.user_manager,
            "admin": admin,
        }
        cls.server_action = cls.env["ir.actions.server"].create(
            {
                "name": "Confirm",
                "model_id": cls.env.ref("sale.model_sale_order").id,
                "state": "code",
                "code": "records.action_confirm()",
            }
        )
        cls.template = cls.env.ref("sale.email_template_edi_sale")

    def setUp(self):
        super().setUp()
        drafts = self._create_order() | self._create_order()
        waiting = self._approve(self._create_order() | self._create_order())
        waiting.action_send_confirmation()
        self._send_messages()
        self.orders = {"draft": drafts, "awaiting_customer": waiting}

    # === DOORS === #

    def _get_doors(self):
        """Return {door: (what goes through it with two orders, {stage: the words})}."""
        return {
            "button": (lambda own: own[0].action_confirm(), TO_CONFIRM),
            "mass confirm": (lambda own: own.action_confirm(), TO_CONFIRM),
            "context": (
                lambda own: own[0].with_context(**CONTEXT).action_confirm(),
                TO_CONFIRM,
            ),
            "server action": (self._run_server_action, TO_CONFIRM),
            "write": (lambda own: own[0].write({"state": "sale"}), TO_WRITE),
            "import of a change": (self._import_change, TO_WRITE),
            "import of a sale": (self._import_sale, NEW_SALE),
            "create": (self._create_sale, NEW_SALE),
            "copy": (lambda own: own[0].copy({"state": "sale"}), NEW_SALE),
            "changed line": (self._change_line, TO_APPROVE),
            "new line": (self._add_line, TO_APPROVE),
            "send wizard": (lambda own: own[0].action_quotation_send(), TO_SEND),
            "composer": (self._compose, TO_SEND),
            "mail template": (self._send_template, TO_SEND),
            "share button": (lambda own: own[0].action_share(), TO_SEND),
            "share wizard": (self._share, TO_SEND),
            "payment link": (self._ask_for_payment, TO_SEND),
        }

    def _run_server_action(self, own):
        self.server_action.with_env(own.env).with_context(
            active_model="sale.order", active_ids=own.ids, active_id=own[0].id
        ).run()

    def _load(self, own, columns, row):
        """Import a row; raise what the import says of it."""
        result = own.browse().load(columns, [row])
        if not result["ids"]:
            raise UserError(result["messages"][0]["message"])

    def _import_change(self, own):
        self._load(own, [".id", "state"], [str(own[0].id), "Sales Order"])

    def _import_sale(self, own):
        columns = ["partner_id/.id", "payment_mode", "state"]
        self._load(own, columns, [str(self.customer.id), "Recurring", "Sales Order"])

    def _create_sale(self, own):
        own.create(
            {
                "partner_id": self.customer.id,
                "payment_mode": "after_completion",
                "state": "sale",
                "order_line": [self._create_line()],
            }
        )

    def _change_line(self, own):
        own[0].order_line[0].write({"price_unit": 999.99})
        own[0].action_confirm()

    def _add_line(self, own):
        values = {"order_id": own[0].id, "product_id": self.service.id}
        own[0].order_line.create(values)
        own[0].action_confirm()

    def _compose(self, own):
        composer = own.env["mail.compose.message"].create(
            {
                "model": "sale.order",
                "res_ids": own[:1].ids,
                "template_id": self.template.id,
                "partner_ids": self.customer.ids,
                "composition_mode": "comment",
            }
        )
        composer._action_send_mail()

    def _send_template(self, own):
        self.template.with_env(own.env).send_mail(own[0].id)

    def _share(self, own):
        values = {
            "res_model": "sale.order",
            "res_id": own[0].id,
            "partner_ids": self.customer.ids,
        }
        own.env["portal.share"].create(values).action_send_mail()

    def _ask_for_payment(self, own):
        own.env["payment.link.wizard"].create(
            {
                "res_model": "sale.order",
                "res_id": own[0].id,
                "amount": 1,
                "currency_id": self.company.currency_id.id,
                "partner_id": self.customer.id,
            }
        )

    # === THE TABLE === #

    def _has_access(self, role, door, stage):
        """Tell whether it is the cycle, not core, that stops this role at the door."""
        if role == "public":
            return False
        if role == "portal":
            return door in FOUND_BY_PORTAL.get(stage, ())
        return door not in WITHOUT_ACCESS.get(role, ())

    @mute_logger(
        "odoo.addons.base.models.ir_actions", "odoo.addons.base.models.ir_rule"
    )
    def test_every_door_is_shut_for_every_role_and_says_what_to_do(self):
        self.outbox.clear()
        before = self._get_traces()
        cells = told = 0
        doors = self._get_doors()
        for stage, orders in self.orders.items():
            for door, (go_through, words) in doors.items():
                for role, user in self.roles.items():
                    is_ours = self._has_access(role, door, stage)
                    with self.subTest(stage=stage, door=door, role=role):
                        said = self._try_door(go_through, orders, user)
                        if is_ours:
                            self.assertIn(words[stage], said)
                        else:
                            self.assertRegex(said, NO_ACCESS)
                        cells += 1
                        told += is_ours
        self.assertEqual(self._get_traces(), before)
        self._send_messages()
        self.assertFalse(self.outbox)
        _logger.info(
            "%s doors, %s roles, %s stages: %s cells shut, %s with a sentence of ours",
            len(doors),
            len(self.roles),
            len(self.orders),
            cells,
            told,
        )

    def _try_door(self, go_through, orders, user):
        """Return what the user reads who goes through the door."""
        own = orders.with_user(user).with_company(self.company)
        with self.assertRaises(UserError) as refused, self.env.cr.savepoint():
            go_through(own)
            self.env.flush_all()
        self.env.invalidate_all()
        return str(refused.exception)

    def _get_traces(self):
        """Return what a door that is open would change."""
        self.env.invalidate_all()
        orders = self.env["sale.order"].search([("company_id", "=", self.company.id)])
        return (
            [(order.id, order.state, order.cycle_stage) for order in orders],
            orders.message_ids.ids,
            self.env["mail.mail"].search_count([]),
        )
