from datetime import timedelta

from odoo import fields
from odoo.tests import tagged

from .browser_common import CustomerBrowserCase

# Serious findings of axe-core would come from these; checked without it as well.
UNNAMED = """
    [...document.querySelectorAll("input:not([type=hidden]), textarea, button, a, img")]
        .filter((node) => !node.closest("[aria-hidden=true]"))
        .filter((node) => !(node.labels?.length || node.textContent.trim() || node.alt))
        .map((node) => node.outerHTML)
"""
SKIPPED_LEVELS = """
    [...document.querySelectorAll("h1, h2, h3")]
        .map((node) => Number(node.tagName[1]))
        .filter((level, index, all) => level > (index ? all[index - 1] : 0) + 1)
"""
REPEATED_IDS = """
    [...document.querySelectorAll("[id]")]
        .map((node) => node.id)
        .filter((id, index, all) => all.indexOf(id) !== index)
"""
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

    def _check(self, browser, name, heading):
        """The page that the browser shows is sound."""
        self._wait_for(browser, heading)
        for code in (UNNAMED, SKIPPED_LEVELS, REPEATED_IDS):
            self.assertEqual(self._run(browser, code), [], f"{name}: {code}")
        self.assertTrue(self._run(browser, "document.documentElement.lang"))
        self.assertTrue(self._run(browser, "document.title"))
        self._take_picture(browser, f"page_{name}_{self.device}")

    def _look_again(self, browser, name, heading):
        self.env.flush_all()
        browser.navigate_to(self.base_url() + self._path(), wait_stop=True)
        self._check(browser, name, heading)

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
            self._check(browser, "new", "Please review")
            text = "Could one of the two days be remote? That would save us the travel."
            self.confirmation._comment(self.confirmation.terms_hash, "Anna Nowak", text)
            self._look_again(browser, "commented", "Thank you for your comments")
            self._revise()
            self._look_again(browser, "commented_answered", "Thank you")
            self.confirmation = self._get_confirmation(self.anna).sudo()
            self._look_again(browser, "changed", "Please review")
            self.confirmation._confirm(self.confirmation.terms_hash, "Anna Nowak")
            self._send_messages()
            self._look_again(browser, "confirmed", "Thank you")

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
            self._look_again(browser, "neutral", "This link is not valid")


@tagged("post_install", "-at_install", "cycle_browser")
class TestPageStatesDesktop(TestPageStatesPhone):
    """The same pages at a desk."""

    allow_inherited_tests_method = True
    browser_size = "1280x860"
    touch_enabled = False
    device = "desktop"
