"""Names, addresses and subjects made to bend a mail: into a real mail server."""

from __future__ import annotations

import tempfile
from collections import Counter
from itertools import cycle, islice, product
from pathlib import Path

from odoo.tools import config

from dev.mailcatcher import MailCatcher, recipients

from . import world
from .case import FaultCase

SENDING = "order_invoice_cycle.ir_cron_send_messages"
HEADERS = {
    "Auto-Submitted",
    "Content-Type",
    "Date",
    "From",
    "MIME-Version",
    "Message-Id",
    "Reply-To",
    "Subject",
    "To",
}
# What the mail catcher adds.
ENVELOPE = {"X-Envelope-From", "X-Envelope-To"}
BREAKS = ("\r\n", "\n", "\r", "\r\n\r\n", "\x0b", "\x85", "\u2028", "%0d%0a", "\x00")
INJECTED = (
    "Bcc: evil@evil.example",
    "X-Injected: yes",
    "To: evil@evil.example",
    "Content-Type: text/plain",
    "<evil@evil.example>",
)
# 7919 * 7907 is no price, number or date of these orders.
EXPRESSIONS = (
    "{{ 7919 * 7907 }}",
    "<t t-out='7919 * 7907'/>",
    "${7919 * 7907}",
    "#{7919 * 7907}",
    "{{ object.env.cr.execute('SELECT 1') or 7919 * 7907 }}",
    "<?= 7919 * 7907 ?>",
    "%(name)s {0.__class__}",
    "=?utf-8?q?=0d=0aBcc:_evil=40evil.example?=",
    '"evil@evil.example" <',
    "evil@evil.example, ",
)
EVALUATED = str(7919 * 7907)
ADDRESSES = (
    "{own}",
    "{own}, evil@evil.example",
    "{own};evil@evil.example",
    "{own}\r\nBcc: evil@evil.example",
    '"evil@evil.example" <{own}>',
    "Evil <{own}>, evil@evil.example",
    "  {own}\n",
    "anna@münchen.example",
    "zażółć@customer.example",
    "nobody",
    "@customer.example",
    "{own}\x85evil@evil.example",
)


class TestMailInput(FaultCase):
    """Whatever people are called, a mail has its own headers and one recipient."""

    def test_names_and_addresses_add_neither_header_nor_recipient(self):
        count = self.rounds(500)
        with self.env() as env:
            env.cr.execute("UPDATE cycle_message SET state = 'cancelled'")
        refused, order_ids = self._offer(count)
        folder = self.enterContext(tempfile.TemporaryDirectory())
        catcher = self.enterContext(MailCatcher(Path(folder)))
        config["smtp_server"], config["smtp_port"] = "127.0.0.1", catcher.port
        with world.without_pdf():
            self.finish_job(SENDING)
        mails = catcher.messages()
        for mail in mails:
            self._check(mail)
        reached = Counter(recipients(mail)[0].rpartition("@")[2] for mail in mails)
        self.assertTrue(reached["xn--mnchen-3ya.example"], reached)
        states = self._check_messages(order_ids, len(mails))
        self.tell(texts=count, refused=refused, mails=len(mails), **states, stuck=0)

    def _texts(self, count: int) -> list[str]:
        """Return so many names that want to be more than names."""
        broken = [f"Anna{end}{line}" for end, line in product(BREAKS, INJECTED)]
        evaluated = [f"{text} Nowak" for text in EXPRESSIONS]
        mixed = [f"{text}{end}" for text, end in product(EXPRESSIONS, BREAKS)]
        # Of each kind from the beginning, so that a few rounds see all of them.
        kinds = [cycle(broken), cycle(evaluated), cycle(mixed)]
        return [next(kinds[number % 3]) for number in range(count)]

    def _offer(self, count: int) -> tuple[int, list[int]]:
        """Have orders of such customers approved; return what could not be stored."""
        refused = 0
        order_ids = []
        addresses = islice(cycle(ADDRESSES), count)
        texts = self._texts(count)
        for number, (text, address) in enumerate(zip(texts, addresses, strict=True)):
            own = f"anna{number}@customer.example"
            try:
                with self.env() as env:
                    order = world.create_orders(env, 1, "deposit_30")
                    email = address.format(own=own)
                    order.partner_id.write({"name": text, "email": email})
                    order.name = f"{text} {number}"
                    world.submit(order)
                    world.approve(order)
                    order_ids.append(order.id)
            except ValueError as error:
                # PostgreSQL cannot hold it, so it never gets as far as a mail.
                self.assertIn("\x00", text, error)
                refused += 1
        return refused, order_ids

    def _check(self, mail) -> None:
        """A mail has the headers it should have, and goes to one customer."""
        self.assertEqual(set(mail.keys()) - HEADERS - ENVELOPE, set())
        repeated = [name for name, times in Counter(mail.keys()).items() if times > 1]
        self.assertEqual(repeated, [])
        to = recipients(mail)
        self.assertEqual(len(to), 1, mail["To"])
        self.assertEqual([one.addr_spec for one in mail["To"].addresses], to)
        self.assertNotIn("evil.example", to[0])
        text = mail["Subject"] + mail["To"] + mail["From"]
        text += mail.get_body(("html",)).get_content()
        self.assertNotIn(EVALUATED, text)

    def _check_messages(self, order_ids: list[int], delivered: int) -> Counter:
        """Each message was sent, or says why it was not."""
        with self.env() as env:
            orders = env["sale.order"].browse(order_ids)
            links = orders.confirmation_ids
            messages = env["cycle.message"].search(
                [("res_model", "=", "cycle.confirmation"), ("res_id", "in", links.ids)]
            )
            states = Counter(messages.mapped("state"))
            unexplained = messages.filtered(
                lambda message: message.state != "sent" and not message.failure_reason
            )
            self.assertFalse(unexplained, unexplained.mapped("state"))
            for reason in filter(None, messages.mapped("failure_reason")):
                self.assertNotIn("technical error", reason)
            # An address that cannot be right is told before there is a message.
            untold = (orders - links.order_id).filtered(
                lambda order: (
                    "no valid single e-mail"
                    not in "".join(map(str, order.activity_ids.mapped("note")))
                )
            )
            self.assertFalse(untold, untold.mapped("partner_id.email"))
            self.assertLessEqual(set(states), {"sent", "failed"})
            self.assertEqual(states["sent"], delivered)
        return states
