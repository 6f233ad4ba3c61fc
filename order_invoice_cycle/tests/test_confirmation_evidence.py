import base64

from psycopg2 import DatabaseError

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tools import SQL, mute_logger

from odoo.addons.base.models.ir_model import MODULE_UNINSTALL_FLAG

from .link_common import LinkCommon


class EvidenceCommon(LinkCommon):
    """Checks of files that are evidence."""

    def assertKept(self, attachment):
        """Nobody changes or deletes the file, whatever they may do elsewhere."""
        content = attachment.raw
        for user in (self.user_sales, self.user_manager, self.env.user):
            own = attachment.with_user(user)
            for values in (
                {"raw": b"forged"},
                {"datas": base64.b64encode(b"forged")},
                {"name": "forged.pdf"},
                {"res_model": "sale.order"},
                {"res_id": False},
            ):
                with self.assertRaisesRegex(UserError, "is evidence"):
                    own.write(values)
            with self.assertRaisesRegex(UserError, "is evidence"):
                own.unlink()
            with self.assertRaisesRegex(UserError, "is evidence"):
                own.with_context(**{MODULE_UNINSTALL_FLAG: True}).unlink()
        with self.assertRaisesRegex(UserError, "is evidence"):
            attachment.sudo().unlink()
        # Moving the files to another store writes what they are already.
        attachment.sudo().write({"raw": content, "mimetype": attachment.mimetype})
        self.env.invalidate_all()
        self.assertEqual(attachment.raw, content)


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


class TestConfirmationEvidence(LinkCommon):
    """The chain of events: appended, and proof against those who have the database."""

    def _create_chain(self):
        order = self._offer()
        confirmation = order.confirmation_ids.sudo()
        confirmation._set_viewed(ip="192.0.2.7", user_agent="Test")
        confirmation._confirm(order.terms_hash, "Jan", ip="192.0.2.7", user_agent="T")
        self.env.flush_all()
        return confirmation

    def _tamper(self, query):
        """Do what only the owner of the database can."""
        table = SQL.identifier("cycle_confirmation_event")
        self.env.cr.execute(SQL("ALTER TABLE %s DISABLE TRIGGER USER", table))
        self.env.cr.execute(query)
        self.env.cr.execute(SQL("ALTER TABLE %s ENABLE TRIGGER USER", table))
        self.env.invalidate_all()

    def test_chain_names_the_first_event_that_was_tampered_with(self):
        confirmation = self._create_chain()
        events = confirmation.event_ids.sorted("sequence")
        self.assertEqual(events.mapped("event"), ["sent", "opened", "confirmed"])
        changes = {
            "name": "Somebody else",
            "email": "else@customer.example",
            "event": "declined",
            "date": "2020-01-01",
            "note": "added",
            "terms_hash": "0" * 64,
            "sequence": 9,
            "previous_hash": "0" * 64,
            "hash": "0" * 64,
            "user_id": self.user_sales.id,
        }
        for event in events:
            for column, value in changes.items():
                with self.subTest(event=event.event, column=column):
                    with self.env.cr.savepoint() as savepoint:
                        self._tamper(
                            SQL(
                                "UPDATE cycle_confirmation_event SET %s = %s "
                                "WHERE id = %s",
                                SQL.identifier(column),
                                value,
                                event.id,
                            )
                        )
                        broken = confirmation.action_verify()
                        savepoint.rollback()
                    self.assertIsNot(broken, True)
                    if column != "sequence":
                        self.assertEqual(broken, event)
        self.env.invalidate_all()
        self.assertIs(confirmation.action_verify(), True)

    def test_chain_is_broken_when_an_event_in_the_middle_is_removed(self):
        confirmation = self._create_chain()
        _sent, opened, confirmed = confirmation.event_ids.sorted("sequence")
        self._tamper(
            SQL("DELETE FROM cycle_confirmation_event WHERE id = %s", opened.id)
        )
        self.assertEqual(confirmation.action_verify(), confirmed)

    @mute_logger("odoo.sql_db")
    def test_database_refuses_to_change_delete_or_truncate_events(self):
        event = self._create_chain().event_ids[0]
        for query in (
            SQL(
                "UPDATE cycle_confirmation_event SET name = 'x' WHERE id = %s", event.id
            ),
            SQL("DELETE FROM cycle_confirmation_event WHERE id = %s", event.id),
            SQL("TRUNCATE cycle_confirmation_event"),
        ):
            with self.assertRaisesRegex(DatabaseError, "append-only"):
                with self.env.cr.savepoint():
                    self.env.cr.execute(query)

    def test_orm_refuses_to_change_or_delete_events_for_the_superuser(self):
        event = self._create_chain().event_ids[0]
        with self.assertRaises(UserError):
            event.write({"name": "x"})
        with self.assertRaises(UserError):
            event.unlink()
        with self.assertRaises(UserError):
            event.confirmation_id.unlink()

    def test_chain_stays_valid_when_personal_data_is_erased(self):
        confirmation = self._create_chain()
        self.env.cr.execute(
            SQL("UPDATE cycle_confirmation_event SET ip = NULL, user_agent = NULL")
        )
        self.env.invalidate_all()
        self.assertIs(confirmation.action_verify(), True)

    def test_chain_holds_all_recipients_of_an_order_in_turn(self):
        contacts = self.customer | self.other_customer
        order = self._offer(confirmation_partner_ids=[Command.set(contacts.ids)])
        events = order.confirmation_ids.event_ids.sorted("sequence")
        self.assertEqual(events.mapped("sequence"), [1, 2])
        self.assertEqual(events[1].previous_hash, events[0].hash)
