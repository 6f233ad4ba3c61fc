import logging
from datetime import datetime, timedelta

from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from .common import CycleHttpCase
from .test_doors_table import NEW_SALE, NO_ACCESS, TO_CONFIRM, TO_SEND, TO_WRITE

_logger = logging.getLogger(__name__)

# Whom core stops before the cycle does, as it stops them for any order.
WITHOUT_ACCESS = {
    "portal": {"confirm", "write", "create", "copy", "send", "share"},
    "approver": {"write", "create", "copy"},
}


@tagged("post_install", "-at_install")
class TestDoorsRemote(CycleHttpCase):
    """Remote calls find the doors shut that people find shut."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.cycle_auto_send_confirmation = False
        admin = cls.env.ref("base.user_admin")
        admin.company_ids += cls.company
        cls.roles = {
            "portal": new_test_user(
                cls.env,
                "cycle_remote_portal",
                "base.group_portal",
                partner_id=cls._create_customer(
                    "Anna", parent_id=cls.customer.id, is_company=False
                ).id,
            ),
            "sales": cls.user_sales,
            "approver": cls.user_approver,
            "billing": cls.user_billing,
            "manager": cls.user_manager,
            "admin": admin,
        }

    def _get_calls(self, order):
        """Return {door: (method, its arguments, {stage: the words})}."""
        here = {"ids": order.ids}
        new = {
            "partner_id": self.customer.id,
            "company_id": self.company.id,
            "payment_mode": "after_completion",
            "state": "sale",
        }
        return {
            "confirm": ("action_confirm", here, TO_CONFIRM),
            "write": ("write", {**here, "vals": {"state": "sale"}}, TO_WRITE),
            "create": ("create", {"vals_list": [new]}, NEW_SALE),
            "copy": ("copy", {**here, "default": {"state": "sale"}}, NEW_SALE),
            "send": ("action_quotation_send", here, TO_SEND),
            "share": ("action_share", here, TO_SEND),
        }

    def _get_key(self, user):
        """Return a key with which a program acts for the user."""
        keys = self.env["res.users.apikeys"].with_user(user).sudo()
        return keys._generate("rpc", "Test", datetime.now() + timedelta(days=1))

    def _call(self, method, arguments, key=None):
        """Return the status of the answer to a remote call, and what it says."""
        self.env.flush_all()
        company = {"allowed_company_ids": self.company.ids}
        response = self.opener.post(
            f"{self.base_url()}/json/2/sale.order/{method}",
            json={**arguments, "context": company},
            headers={"Authorization": f"bearer {key}"} if key else {},
        )
        self.env.invalidate_all()
        return response.status_code, response.json()["message"]

    @mute_logger("odoo.http", "odoo.addons.base.models.ir_rule")
    def test_remote_calls_neither_confirm_nor_send(self):
        draft = self._create_order()
        waiting = self._approve(self._create_order())
        waiting.action_send_confirmation()
        keys = {role: self._get_key(user) for role, user in self.roles.items()}
        refused = 0
        for stage, order in (("draft", draft), ("awaiting_customer", waiting)):
            for door, (method, arguments, words) in self._get_calls(order).items():
                status, _said = self._call(method, arguments)
                self.assertEqual(status, 401, "nobody calls without a key")
                for role, key in keys.items():
                    with self.subTest(stage=stage, door=door, role=role):
                        status, said = self._call(method, arguments, key)
                        if door in WITHOUT_ACCESS.get(role, ()):
                            self.assertEqual(status, 403)
                            self.assertRegex(said, NO_ACCESS)
                        else:
                            self.assertEqual(status, 422)
                            self.assertIn(words[stage], said)
                        refused += 1
            self.assertEqual(order.cycle_stage, stage)
        _logger.info("%s remote calls of %s roles: all refused", refused, len(keys))
