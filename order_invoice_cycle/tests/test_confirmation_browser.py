import logging
import os

from odoo.tests import tagged

from .browser_common import CustomerBrowserCase

_logger = logging.getLogger(__name__)

# Sends one form as it is, or with something in each field that a script can find.
SCAN = """
    (() => {
        const form = document.forms[%(form)s];
        const noise = () => Math.random().toString(36).slice(2).repeat(2);
        form.noValidate = true;
        if (%(fills)s) {
            for (const field of form.querySelectorAll("input, textarea")) {
                if (field.type === "checkbox") field.click();
                else if (field.type !== "hidden") field.value = noise();
            }
        } else {
            for (const field of form.querySelectorAll("input[type=text], textarea"))
                field.value = "";
        }
        form.querySelector("button").click();
    })()
"""


@tagged("post_install", "-at_install", "cycle_browser")
class TestCustomerPhone(CustomerBrowserCase):
    """A customer with a phone, from the mail to the receipt."""

    browser_size = "375x667"
    touch_enabled = True

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


@tagged("post_install", "-at_install", "cycle_browser")
class TestNosyScanner(CustomerBrowserCase):
    """A scanner of mails that runs a browser and tries everything it finds."""

    def test_scanner_that_sends_every_form_confirms_nothing(self):
        runs = 50 if os.environ.get("CYCLE_TEST_FULL") else 5
        heading = "Please review"
        sent = 0
        with self._browser() as browser:
            for _run in range(runs):
                for fills in ("false", "true"):
                    for form in range(3):
                        self._visit(browser, heading)
                        self._run(browser, SCAN % {"form": form, "fills": fills})
                        refused = "document.querySelector('#problem') !== null"
                        self.assertTrue(browser._wait_ready(refused, timeout=30))
                        sent += 1
        self.assertEqual(self.order.state, "sent")
        self.assertEqual(set(self.order.confirmation_ids.mapped("state")), {"sent"})
        _logger.info("%s forms sent by a scanner in %s runs: 0 accepted", sent, runs)
