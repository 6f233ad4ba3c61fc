from contextlib import contextmanager

from odoo.tests import tagged
from odoo.tests.common import ChromeBrowser

from .confirmation_common import ConfirmationPageCase


@tagged("post_install", "-at_install", "cycle_browser")
class TestCustomerPhone(ConfirmationPageCase):
    """A customer with a phone, from the mail to the receipt.

    The page has no scripts, so there is no tour to load into it: the browser is
    driven from outside.
    """

    browser_size = "375x667"
    touch_enabled = True

    def setUp(self):
        super().setUp()
        # These fingers are quicker than a person's.
        parameters = self.env["ir.config_parameter"].sudo()
        parameters.set_param("order_invoice_cycle.min_seconds_to_answer", "0")

    @contextmanager
    def _browser(self):
        browser = ChromeBrowser(self)
        with self.allow_requests(browser=browser):
            try:
                self.cr.flush()
                self.cr.clear()
                yield browser
            finally:
                browser.stop()
                self._wait_remaining_requests()
        self.env.invalidate_all()

    def _visit(self, browser, heading):
        """Follow the link in the mail until the page has arrived."""
        link = self._get_link(self.anna)
        browser.navigate_to(self.base_url() + link, wait_stop=True)
        self._wait_for(browser, heading)

    def _wait_for(self, browser, heading):
        """Wait for a page with that main heading, and check that it fits."""
        ready = f"document.querySelector('h1')?.textContent.includes({heading!r})"
        self.assertTrue(browser._wait_ready(ready, timeout=30), heading)
        fits = "document.documentElement.scrollWidth <= window.innerWidth"
        self.assertTrue(
            self._run(browser, fits),
            f"“{heading}” is wider than the screen",
        )

    def _run(self, browser, code):
        result = browser._websocket_request(
            "Runtime.evaluate", params={"expression": code, "returnByValue": True}
        )
        self.assertNotIn("exceptionDetails", result)
        return result["result"].get("value")

    def test_customer_confirms(self):
        with self._browser() as browser:
            self._visit(browser, "Please review")
            address = self._run(browser, "location.pathname")
            self.assertEqual(address, self.path)
            self.assertEqual(self._run(browser, "document.scripts.length"), 0)
            name = self._run(browser, "document.querySelector('#accept-name').value")
            self.assertEqual(name, "Anna Nowak")
            # Without the tick, the browser itself asks for it.
            self._run(browser, "document.querySelector('.card.primary button').click()")
            self.assertTrue(
                self._run(
                    browser, "!!document.querySelector(':invalid[type=checkbox]')"
                )
            )
            self._run(
                browser,
                "document.querySelector('label[for=accept-authorised]').click();"
                "document.querySelector('.card.primary button').click()",
            )
            self._wait_for(browser, "Thank you")
        self.assertEqual(self.order.state, "sale")
        self.assertEqual(self.confirmation.decided_name, "Anna Nowak")

    def test_customer_sends_comments(self):
        with self._browser() as browser:
            self._visit(browser, "Please review")
            self._run(
                browser,
                "document.querySelector('#comment-text').value = 'Two days, please';"
                "document.querySelector('form[action$=comment] button').click()",
            )
            self._wait_for(browser, "Thank you for your comments")
        self.assertEqual(self.confirmation.comment, "Two days, please")
        self.assertEqual(self.order.cycle_stage, "changes_requested")

    def test_customer_corrects_a_name_and_declines(self):
        with self._browser() as browser:
            self._visit(browser, "Please review")
            self._run(
                browser,
                "document.querySelector('details summary').click();"
                "document.querySelector('#decline-name').value = '12';"
                "document.querySelector('#decline-text').value = 'Too late';"
                "document.querySelector('form[action$=decline] button').click()",
            )
            ready = "document.querySelector('details[open] #problem') !== null"
            self.assertTrue(browser._wait_ready(ready, timeout=30))
            # The browser moves the focus a moment after it has drawn the page.
            focused = "document.activeElement.id === 'decline-name'"
            self.assertTrue(browser._wait_ready(focused, timeout=30))
            text = self._run(browser, "document.querySelector('#decline-text').value")
            self.assertEqual(text, "Too late")
            self._run(
                browser,
                "document.querySelector('#decline-name').value = 'Anna';"
                "document.querySelector('form[action$=decline] button').click()",
            )
            self._wait_for(browser, "You declined this offer")
        self.assertEqual(self.order.state, "cancel")


@tagged("post_install", "-at_install", "cycle_browser")
class TestCustomerDesktop(TestCustomerPhone):
    """The same customer at a desk."""

    allow_inherited_tests_method = True
    browser_size = "1366x768"
    touch_enabled = False
