import base64

from odoo.exceptions import AccessError, UserError

from .evidence_common import EvidenceCommon


class TestConfirmationOnBehalf(EvidenceCommon):
    """A confirmation that came another way needs a manager and proof."""

    VALUES = {
        "channel": "phone",
        "name": "Jan Nowak",
        "date": "2026-01-15",
        "reason": "Confirmed by phone, has no e-mail",
        "attachment_name": "note.txt",
        "attachment": base64.b64encode(b"Call at 10:00").decode(),
    }

    def test_confirmation_is_refused_when_a_value_is_missing_or_impossible(self):
        order = self._approve(self._create_order())
        wrong = {
            "channel": ("", None, "online", "pigeon"),
            "name": ("", "  ", None),
            "date": ("", None, "soon", "2999-01-01"),
            "reason": ("", " \n "),
            "attachment_name": ("", None),
            "attachment": ("", None, "not base64!"),
        }
        own = order.with_user(self.user_manager)
        for key, values in wrong.items():
            for value in values:
                with self.subTest(key=key, value=value):
                    with self.assertRaisesRegex(UserError, "on behalf of the customer"):
                        own.action_confirm_on_behalf({**self.VALUES, key: value})
            with self.assertRaises(UserError):
                values = {k: v for k, v in self.VALUES.items() if k != key}
                own.action_confirm_on_behalf(values)
        self.assertEqual(order.state, "sent")
        self.assertEqual(order.confirmation_ids.mapped("channel"), ["online"])

    def test_confirmation_is_refused_when_the_user_is_no_manager(self):
        order = self._approve(self._create_order())
        for user in (self.user_sales, self.user_approver, self.user_billing):
            with self.assertRaisesRegex(AccessError, "Only a manager"):
                order.with_user(user).action_confirm_on_behalf(self.VALUES)

    def test_confirmation_is_refused_when_the_order_is_not_approved(self):
        order = self._create_order()
        with self.assertRaisesRegex(UserError, "not approved yet"):
            order.with_user(self.user_manager).action_confirm_on_behalf(self.VALUES)

    def test_evidence_is_kept_when_a_manager_confirms(self):
        order = self._offer()
        order.with_user(self.user_manager).action_confirm_on_behalf(self.VALUES)
        self.assertEqual(order.cycle_stage, "confirmed")
        confirmation = order.confirmation_ids.filtered(lambda c: c.channel == "phone")
        self.assertRecordValues(
            confirmation,
            [
                {
                    "state": "confirmed",
                    "decided_name": "Jan Nowak",
                    "reason": self.VALUES["reason"],
                }
            ],
        )
        event = confirmation.event_ids
        self.assertEqual(event.user_id, self.user_manager)
        for fact in ("phone", "2026-01-15", "has no e-mail", "note.txt", "sha256"):
            self.assertIn(fact, event.note)
        self.assertIs(confirmation.action_verify(), True)
        link = order.confirmation_ids - confirmation
        self.assertEqual(link.sudo()._confirm(order.terms_hash, "Late"), "confirmed")

    def test_proof_cannot_be_deleted_by_those_who_may_write_the_order(self):
        order = self._approve(self._create_order())
        order.with_user(self.user_manager).action_confirm_on_behalf(self.VALUES)
        proof = order.confirmation_ids.attachment_ids
        self.assertEqual(proof.raw, b"Call at 10:00")
        for user in (self.user_sales, self.user_manager):
            self.assertEqual(proof.with_user(user).raw, b"Call at 10:00")
        self.assertKept(proof)
