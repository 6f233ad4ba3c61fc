from datetime import datetime

from odoo import SUPERUSER_ID, api
from odoo.tests import TransactionCase, tagged
from odoo.tools import SQL, mute_logger

NOW = datetime(2027, 1, 15, 8, 0)


@tagged("post_install", "-at_install")
class TestMessageClaim(TransactionCase):
    """Two senders at once, on real connections."""

    def setUp(self):
        super().setUp()
        self.cursors = []
        self.addCleanup(self._close)

    def _open(self):
        cr = self.registry.cursor()
        self.cursors.append(cr)
        return api.Environment(cr, SUPERUSER_ID, {"tracking_disable": True})

    def _close(self):
        for cr in self.cursors:
            cr.close()
        self.cursors.clear()

    def _create_message(self, env):
        partner = env["res.partner"].create(
            {"name": "Claimed", "email": "claimed@customer.example"}
        )
        order = env["sale.order"].create(
            {"partner_id": partner.id, "payment_mode": "after_completion"}
        )
        confirmation = env["cycle.confirmation"].create(
            order._prepare_confirmation(partner)
        )
        confirmation._send()
        env.cr.commit()
        self.addCleanup(self._delete, order.id, partner.id, confirmation.id)
        return env["cycle.message"].search([("res_id", "=", confirmation.id)]).id

    def _delete(self, order, partner, confirmation):
        self._close()
        env = self._open()
        for query in (
            SQL("DELETE FROM cycle_message WHERE res_id = %s", confirmation),
            SQL("DELETE FROM cycle_confirmation WHERE id = %s", confirmation),
            SQL("DELETE FROM sale_order WHERE id = %s", order),
            SQL("DELETE FROM res_partner WHERE id = %s", partner),
        ):
            env.cr.execute(query)
        env.cr.commit()

    def _claim(self, env, message_id):
        """Claim as the job does; return the ids that were claimed."""
        messages = env["cycle.message"]
        handled, _failed = messages._run_job_batch(
            [message_id],
            lambda model: model._get_messages_to_send_domain(NOW),
            lambda records: records._update_state("sending", date_claimed=NOW),
        )
        return handled

    def test_second_sender_gets_nothing_while_the_first_holds_the_claim(self):
        first, second = self._open(), self._open()
        message_id = self._create_message(first)
        self.assertEqual(self._claim(first, message_id), [message_id])
        self.assertEqual(self._claim(second, message_id), [])
        first.cr.commit()
        with mute_logger("odoo.sql_db"):
            self.assertEqual(self._claim(second, message_id), [])

    def test_second_sender_gets_nothing_when_its_view_is_outdated(self):
        first, second = self._open(), self._open()
        message_id = self._create_message(first)
        message = second["cycle.message"].browse(message_id)
        self.assertEqual(message.state, "queued")
        self.assertEqual(self._claim(first, message_id), [message_id])
        first.cr.commit()
        with mute_logger("odoo.sql_db"):
            self.assertEqual(self._claim(second, message_id), [])
        self.assertEqual(message.state, "sending")
