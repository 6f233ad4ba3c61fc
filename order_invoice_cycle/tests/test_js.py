from odoo.tests import tagged

from odoo.addons.web.tests.test_js import HOOTCommon, unit_test_error_checker

from .common import CycleBrowserCase


@tagged("post_install", "-at_install", "cycle_browser")
class TestDashboardComponent(CycleBrowserCase):
    """The suite of the addon's JavaScript components, in a browser."""

    def test_suite_of_the_addon_succeeds(self):
        suite = HOOTCommon._generate_hash(self, "@order_invoice_cycle")
        self.browser_js(
            f"/web/tests?headless&loglevel=2&preset=desktop&timeout=15000&id={suite}",
            "",
            "",
            login="admin",
            timeout=600,
            success_signal="[HOOT] Test suite succeeded",
            error_checker=unit_test_error_checker,
        )
