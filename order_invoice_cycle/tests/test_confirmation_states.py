import logging
from datetime import timedelta

from odoo import fields
from odoo.tests import tagged

from .browser_common import CustomerBrowserCase

_logger = logging.getLogger(__name__)

# Sends a form with nothing in it, past the browser's own checks.
SEND_EMPTY = """
    (() => {
        const form = document.forms[%s];
        form.noValidate = true;
        for (const field of form.querySelectorAll("input[type=text], textarea"))
            field.value = "";
        form.querySelector("button").click();
    })()
"""
# Numbers what a person has to get to; its text says which is missing.
REACHABLE = """
    [...document.querySelectorAll("a[href], input, textarea, button, summary")]
        .filter((node) => node.type !== "hidden" && !node.closest("[aria-hidden=true]"))
        .map((node, index) => {
            node.dataset.number = index;
            return node.outerHTML.slice(0, 80);
        })
"""
FOCUS = """
    (() => {
        const node = document.activeElement;
        if (node === document.body) return null;
        const style = getComputedStyle(node);
        return {
            html: node.outerHTML.slice(0, 80),
            number: Number(node.dataset.number ?? -1),
            outline: parseFloat(style.outlineWidth),
            style: style.outlineStyle,
        };
    })()
"""
IN_SIGHT = """
    (() => {
        const box = document.activeElement.getBoundingClientRect();
        return box.width > 0 && box.bottom > 0 && box.top < innerHeight;
    })()
"""
TEXT = "document.body.textContent"
LONG_NAME = "Przedsiębiorstwo Wielobranżowe Konstantynopolitańczykowianeczka i Synowie"


@tagged("post_install", "-at_install", "cycle_browser")
class TestPageStatesPhone(CustomerBrowserCase):
    """Every state of the page: it fits the screen and can be used by everybody."""

    browser_size = "390x844"
    touch_enabled = True
    device = "phone"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.name = "Bright Services"
        cls.customer.name = f"{LONG_NAME} Sp. z o.o."
        line = cls.order.order_line[:1]
        line.name = "Support of the warehouse system\nTwo days on site, else remote"

    def setUp(self):
        super().setUp()
        self.order.with_user(self.user_sales).write({"client_order_ref": "PO 4711"})
        self._approve(self.order)
        self._send_messages()
        self.confirmation = self._get_confirmation(self.anna).sudo()

    def _look_again(self, browser, name, heading):
        self._look(browser, self._path(), heading)
        self.assertSound(browser, name, heading)

    def _path(self):
        return f"/order/review/{self.confirmation.id}"

    def _revise(self):
        order = self.order.with_user(self.user_sales)
        order.customer_reply = (
            "Gladly: we do the first day remotely, which saves you the travel.\n"
            "The second day stays on site."
        )
        order.order_line.write({"price_unit": 900.0})
        self._approve(self.order)
        self._send_messages()

    def test_offer_comments_new_version_and_receipt_are_sound(self):
        with self._browser() as browser:
            self._visit(browser, "Please review")
            self.assertSound(browser, "new", "Please review")
            text = "Could one of the two days be remote? That would save us the travel."
            self.confirmation._comment(self.confirmation.terms_hash, "Anna Nowak", text)
            self._look_again(browser, "commented", "Thank you for your comments")
            self._revise()
            self._look_again(browser, "commented_answered", "Thank you")
            self.confirmation = self._get_confirmation(self.anna).sudo()
            self._look_again(browser, "changed", "Please review")
            self.company.cycle_code_amount = 1
            self._look_again(browser, "code", "Please review")
            self.assertIn("Send me a code", self._run(browser, TEXT))
            self.confirmation._ask_for_code()
            self._send_messages()
            self._look_again(browser, "code_sent", "Please review")
            self.assertIn("Code from our e-mail", self._run(browser, TEXT))
            self.company.cycle_code_amount = 0
            self._look(browser, self._get_link(self.piotr), "Please review")
            self.confirmation._confirm(self.confirmation.terms_hash, "Anna Nowak")
            self._send_messages()
            self._look_again(browser, "confirmed", "Thank you")
            self.confirmation = self._get_confirmation(self.piotr).sudo()
            self._look_again(browser, "already_confirmed", "already been confirmed")

    def test_closed_pages_are_sound(self):
        with self._browser() as browser:
            self._visit(browser, "Please review")
            until = self.confirmation.date_expiry
            self.confirmation.date_expiry = fields.Datetime.now() - timedelta(hours=1)
            self._look_again(browser, "expired", "This offer has expired")
            self.confirmation.date_expiry = until
            self._revise()
            self._look_again(browser, "superseded", "The offer was changed")
            self.confirmation.write({"state": "revoked"})
            self._look_again(browser, "revoked", "This link was withdrawn")

    def test_pages_of_refused_and_final_answers_are_sound(self):
        with self._browser() as browser:
            for number, form in enumerate(("accept", "comment", "decline")):
                self._visit(browser, "Please review")
                self._run(browser, SEND_EMPTY % number)
                ready = "document.querySelector('#problem') !== null"
                self.assertTrue(browser._wait_ready(ready, timeout=30))
                self.assertSound(browser, f"{form}_refused", "Please review")
            terms = self.confirmation.terms_hash
            self.confirmation._decline(terms, "Anna Nowak", "Too late for us.")
            self._look_again(browser, "declined", "You declined this offer")
            self.confirmation = self._get_confirmation(self.piotr).sudo()
            self._look(browser, self._path(), "This link is not valid")
            self.assertSound(browser, "never_opened", "This link is not valid")

    def test_keyboard_reaches_every_field_and_shows_where_it_is(self):
        with self._browser() as browser:
            self._visit(browser, "Please review")
            self._run(browser, "document.querySelector('details').open = true")
            expected = self._run(browser, REACHABLE)
            reached = []
            while len(reached) <= len(expected):
                self._press(browser, "Tab")
                focus = self._run(browser, FOCUS)
                if not focus:
                    break
                self.assertGreaterEqual(focus["outline"], 2, focus)
                self.assertNotIn(focus["style"], ("none", ""), focus)
                # Pages scroll smoothly, so it may take a moment.
                self.assertTrue(browser._wait_ready(IN_SIGHT, timeout=30), focus)
                reached.append(focus["number"])
            self.assertEqual(reached, list(range(len(expected))), expected)
        self.assertGreater(len(expected), 10)
        _logger.info(
            "the Tab key reaches %s of %s links, fields and buttons in their order, "
            "the focus is visible on each",
            len(reached),
            len(expected),
        )

    def test_customer_confirms_by_keyboard_alone_without_scripts(self):
        with self._browser() as browser:
            browser._websocket_request(
                "Emulation.setScriptExecutionDisabled", params={"value": True}
            )
            self._visit(browser, "Please review")
            steps = []
            while "authorised" not in steps[-1:]:
                self._press(browser, "Tab")
                steps.append(self._run(browser, "document.activeElement.name") or "")
                self.assertLess(len(steps), 50, steps)
            self._press(browser, " ", code="Space", text=" ")
            self._press(browser, "Tab")
            self._press(browser, "Enter", text="\r")
            self._wait_for(browser, "Thank you")
        self.assertEqual(self.order.state, "sale")
        _logger.info("scripts off: confirmed with %s keys", len(steps) + 3)


@tagged("post_install", "-at_install", "cycle_browser")
class TestPageStatesDesktop(TestPageStatesPhone):
    """The same pages at a desk."""

    allow_inherited_tests_method = True
    browser_size = "1280x860"
    touch_enabled = False
    device = "desktop"
