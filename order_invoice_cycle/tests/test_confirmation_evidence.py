import logging
import os
import random
from datetime import datetime, timedelta
from unittest.mock import patch

from psycopg2 import DatabaseError

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tools import SQL, mute_logger

from ..tools.terms import sha256
from .evidence_common import EvidenceCommon

_logger = logging.getLogger(__name__)

TAMPERINGS = 1000 if os.environ.get("CYCLE_TEST_FULL") else 100


class TestConfirmationEvidence(EvidenceCommon):
    """The chain of events: appended, and proof against those who have the database."""

    def test_chain_names_the_first_event_that_was_tampered_with(self):
        confirmation = self._create_chain()
        events = confirmation.event_ids.sorted("sequence")
        self.assertEqual(events.mapped("event"), ["sent", "opened", "confirmed"])
        other = self._offer(partner_id=self.other_customer.id)
        changes = {
            "name": "Somebody else",
            "email": "else@customer.example",
            "event": "declined",
            "date": "2020-01-01",
            "note": "added",
            "terms_hash": "0" * 64,
            "pdf_sha256": "0" * 64,
            "trace_hash": "0" * 64,
            "sequence": 9,
            "previous_hash": "0" * 64,
            "hash": "0" * 64,
            "user_id": self.user_sales.id,
            "confirmation_id": other.confirmation_ids.id,
            "order_id": self._create_order().id,
        }
        for event in events:
            for column, value in changes.items():
                with self.subTest(event=event.event, column=column):
                    broken = self._verify_after(
                        confirmation, self._set_column(event, column, value)
                    )
                    self.assertEqual(broken, event)
        self.assertIs(confirmation.action_verify(), True)

    def _verify_after(self, confirmation, *queries, table="cycle_confirmation_event"):
        """Return what the verification says after tampering, which is taken back."""
        with self.env.cr.savepoint() as savepoint:
            self._tamper(*queries, table=table)
            broken = confirmation.action_verify()
            savepoint.rollback()
        self.env.invalidate_all()
        return broken

    def test_verifier_names_the_event_whatever_single_field_was_changed(self):
        confirmation = self._create_chain()
        events = confirmation.event_ids.sorted("sequence")
        sent, _opened, confirmed = events
        rows = [(event, event) for event in events for _weight in range(3)]
        rows += [(trace, trace.event_id) for trace in confirmation.trace_ids]
        rows += [(confirmation, sent), (confirmation, confirmed)]
        columns = {
            "cycle.confirmation.event": {
                "sequence": lambda rand: rand.randint(10, 10**6),
                "date": lambda rand: sent.date - timedelta(rand.randint(1, 9999)),
                "event": lambda rand: rand.choice(["revoked", "expired", "bounced"]),
                **dict.fromkeys(
                    (
                        "name",
                        "email",
                        "note",
                        "terms_hash",
                        "pdf_sha256",
                        "trace_hash",
                        "previous_hash",
                        "hash",
                    ),
                    lambda rand: rand.randbytes(rand.randint(1, 32)).hex(),
                ),
            },
            "cycle.confirmation.trace": dict.fromkeys(
                ("ip", "user_agent", "salt"), lambda rand: rand.randbytes(4).hex()
            ),
        }
        snapshot = {sent: ("terms_json", "pdf_sha256"), confirmed: ("decided_name",)}
        named = 0
        for seed in range(TAMPERINGS):
            rand = random.Random(seed)
            record, event = rand.choice(rows)
            choices = columns.get(record._name) or dict.fromkeys(
                snapshot[event], lambda rand: rand.randbytes(8).hex()
            )
            column, get_value = rand.choice(list(choices.items()))
            query = self._set_column(record, column, get_value(rand))
            broken = self._verify_after(confirmation, query, table=record._table)
            self.assertEqual(broken, event, f"seed {seed}: {record}.{column}")
            named += 1
        _logger.info("%s of %s tamperings were named", named, TAMPERINGS)
        self.assertEqual(named, TAMPERINGS)
        self.assertIs(confirmation.action_verify(), True)

    def test_chain_is_broken_when_an_event_in_the_middle_is_removed(self):
        confirmation = self._create_chain()
        _sent, opened, confirmed = confirmation.event_ids.sorted("sequence")
        broken = self._verify_after(
            confirmation,
            SQL("DELETE FROM cycle_confirmation_trace WHERE event_id = %s", opened.id),
            SQL("DELETE FROM cycle_confirmation_event WHERE id = %s", opened.id),
        )
        self.assertEqual(broken, confirmed)

    def test_verifier_notices_when_the_end_is_cut_off(self):
        confirmation = self._create_chain()
        self._send_messages()
        _sent, opened, confirmed = confirmation.event_ids.sorted("sequence")[:3]
        broken = self._verify_after(
            confirmation,
            SQL(
                "DELETE FROM cycle_confirmation_trace WHERE event_id >= %s",
                confirmed.id,
            ),
            SQL("DELETE FROM cycle_confirmation_event WHERE id >= %s", confirmed.id),
        )
        self.assertEqual(broken, opened)

    def test_verifier_notices_when_the_file_of_the_pdf_was_replaced(self):
        confirmation = self._create_chain()
        forged = self.env["ir.attachment"].create({"name": "f", "raw": b"%PDF-forged"})
        broken = self._verify_after(
            confirmation,
            SQL(
                "UPDATE ir_attachment SET store_fname = %s, db_datas = %s "
                "WHERE id = %s",
                forged.store_fname or None,
                forged.db_datas or None,
                confirmation.pdf_id.id,
            ),
        )
        self.assertEqual(broken.event, "sent")

    @mute_logger("odoo.sql_db")
    def test_database_refuses_to_change_delete_or_truncate_events(self):
        confirmation = self._create_chain()
        event = confirmation.event_ids[0]
        for query in (
            self._set_column(event, "name", "x"),
            self._set_column(event, "trace_hash", "x"),
            self._set_column(event, "id", 10**9),
            SQL("DELETE FROM cycle_confirmation_event WHERE id = %s", event.id),
            SQL("TRUNCATE cycle_confirmation_event CASCADE"),
        ):
            with self.assertRaisesRegex(DatabaseError, "append-only"):
                with self.env.cr.savepoint():
                    self.env.cr.execute(query)
        # What the events hang on cannot be taken away from under them.
        for record in (confirmation, confirmation.order_id):
            with self.assertRaises(DatabaseError):
                with self.env.cr.savepoint():
                    self.env.cr.execute(
                        SQL(
                            "DELETE FROM %s WHERE id = %s",
                            SQL.identifier(record._table),
                            record.id,
                        )
                    )

    def test_orm_refuses_to_change_or_delete_evidence_for_the_superuser(self):
        confirmation = self._create_chain()
        event = confirmation.event_ids[-1]
        refused = (
            lambda: event.write({"name": "x"}),
            event.unlink,
            confirmation.unlink,
            confirmation.order_id.unlink,
            lambda: confirmation.trace_ids.write({"ip": "192.0.2.9"}),
        )
        for do in refused:
            with self.assertRaises(UserError):
                do()

    def test_chain_holds_all_recipients_of_an_order_in_turn(self):
        contacts = self.customer | self.other_customer
        order = self._offer(confirmation_partner_ids=[Command.set(contacts.ids)])
        events = order.confirmation_ids.event_ids.sorted("sequence")
        self.assertEqual(events.mapped("sequence"), [1, 2])
        self.assertEqual(events[1].previous_hash, events[0].hash)

    def test_time_of_an_answer_is_that_of_the_database(self):
        order = self._offer()
        link = order.confirmation_ids.sudo(False)
        wrong = datetime(2020, 1, 1)
        with patch.object(fields.Datetime, "now", lambda *_args: wrong):
            link.sudo()._confirm(order.terms_hash, "Jan")
        self.assertEqual(order.state, "sale")
        event = link.event_ids.sorted("sequence")[-1]
        self.assertEqual((event.event, event.date), ("confirmed", link.date_decided))
        self.env.cr.execute("SELECT now() AT TIME ZONE 'UTC'")
        [began] = self.env.cr.fetchone()
        self.assertGreaterEqual(event.date, began.replace(microsecond=0))

    def test_button_says_in_words_what_was_changed(self):
        confirmation = self._create_chain()
        own = confirmation.with_user(self.user_sales)
        good = own.action_show_verification()["params"]
        self.assertEqual(good["type"], "success")
        self.assertIn("all 3 events", good["message"])
        head = confirmation.event_ids.sorted("sequence")[-1].hash
        self.assertIn(head, good["message"])
        self._tamper(
            self._set_column(confirmation.event_ids[0], "email", "x@y.example")
        )
        bad = own.action_show_verification()["params"]
        self.assertEqual((bad["type"], bad["sticky"]), ("danger", True))
        self.assertIn("event 1 (Link sent", bad["message"])
        self.assertIn("its content was changed", bad["message"])


class TestConfirmationTrace(EvidenceCommon):
    """IP address and browser: kept apart, for a time, and never in the chain."""

    def test_trace_is_kept_apart_from_the_chain(self):
        confirmation = self._create_chain()
        self.assertEqual(confirmation.decided_ip, "192.0.2.8")
        self.assertEqual(confirmation.decided_user_agent, "T")
        rows = self.env.execute_query(
            SQL(
                "SELECT id FROM cycle_confirmation_event AS e "
                "WHERE e::text LIKE %s AND order_id = %s",
                "%192.0.2.%",
                confirmation.order_id.id,
            )
        )
        self.assertFalse(rows)
        trace = confirmation.trace_ids[-1]
        self.assertNotEqual(sha256("192.0.2.8"), trace.event_id.trace_hash)

    def test_trace_is_shown_to_managers_only(self):
        confirmation = self._create_chain()
        for user in (self.user_sales, self.user_billing):
            with self.assertRaises(AccessError):
                confirmation.with_user(user).read(["decided_ip"])
            with self.assertRaises(AccessError):
                confirmation.event_ids.with_user(user).read(["ip"])
        own = confirmation.with_user(self.user_manager)
        self.assertEqual(own.decided_ip, "192.0.2.8")
        with self.assertRaises(AccessError):
            own.trace_ids.unlink()

    def test_chain_stays_valid_when_the_traces_are_erased(self):
        confirmation = self._create_chain()
        confirmation.order_id.action_cancel()
        self.company.cycle_trace_days = 30
        kept_until = confirmation.date_decided + timedelta(days=30)
        hours = {"early": -1, "late": 1}
        model = "cycle.confirmation"
        self._run_cron(
            model,
            "_cron_erase_traces",
            now=kept_until + timedelta(hours=hours["early"]),
        )
        self.assertEqual(len(confirmation.trace_ids), 2)
        self._run_cron(
            model, "_cron_erase_traces", now=kept_until + timedelta(hours=hours["late"])
        )
        self.assertFalse(confirmation.trace_ids)
        self.assertFalse(confirmation.decided_ip)
        self.assertTrue(confirmation.event_ids[-1].trace_hash)
        self.assertIs(confirmation.action_verify(), True)
