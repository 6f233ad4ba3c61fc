from unittest.mock import patch

from odoo import fields
from odoo.tests import tagged

from ..models.res_company import ResCompany
from .browser_common import PageBrowserCase
from .renewal_common import RenewalPageCase


@tagged("post_install", "-at_install", "cycle_browser")
class TestRenewalStatesPhone(PageBrowserCase, RenewalPageCase):
    """Every state of the renewal's page fits the screen and suits everybody."""

    browser_size = "390x844"
    touch_enabled = True
    device = "phone"

    def _see(self, browser, path, today, heading):
        day = fields.Date.to_date(today)
        with patch.object(ResCompany, "_cycle_today", lambda company: day):
            self._look(browser, path, heading)
            self._wait_remaining_requests()

    def test_pages_of_a_renewal_are_sound(self):
        with self._browser() as browser:
            self._see(browser, self.link, "2027-03-01", "Your order renews")
            self.assertSound(browser, "renewal", "Your order renews")
            self._see(browser, self.path, "2027-03-20", "The last day")
            self.assertSound(browser, "renewal_late", "The last day")
            self.renewal._refuse("Anna Nowak", "", fields.Date.to_date("2027-03-01"))
            self._see(browser, self.path, "2027-03-01", "The renewal was refused")
            self.assertSound(browser, "renewal_refused", "The renewal was refused")

    def test_customer_refuses_without_scripts(self):
        day = fields.Date.to_date("2027-03-01")
        with (
            self._browser() as browser,
            patch.object(ResCompany, "_cycle_today", lambda company: day),
        ):
            browser._websocket_request(
                "Emulation.setScriptExecutionDisabled", params={"value": True}
            )
            self._look(browser, self.link, "Your order renews")
            self._run(
                browser,
                "document.querySelector('#refuse-name').value = 'Anna Nowak';"
                "document.querySelector('form button').click()",
            )
            self._wait_for(browser, "The renewal was refused")
        self.assertEqual(self.renewal.state, "refused")


@tagged("post_install", "-at_install", "cycle_browser")
class TestRenewalStatesDesktop(TestRenewalStatesPhone):
    """The same pages at a desk."""

    allow_inherited_tests_method = True
    browser_size = "1280x860"
    touch_enabled = False
    device = "desktop"
