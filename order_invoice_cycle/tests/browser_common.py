import base64
import os
from contextlib import contextmanager
from pathlib import Path

from odoo.tests import tagged
from odoo.tests.common import ChromeBrowser

from .confirmation_common import ConfirmationPageCase

# Where pictures of the pages go, if somebody wants them.
PICTURES = os.environ.get("CYCLE_PAGE_PICTURES")


@tagged("post_install", "-at_install", "cycle_browser")
class CustomerBrowserCase(ConfirmationPageCase):
    """A browser on the customer's page.

    The page has no scripts, so there is no tour to load into it: the browser is
    driven from outside.
    """

    def setUp(self):
        super().setUp()
        # These fingers are quicker than a person's.
        parameters = self.env["ir.config_parameter"].sudo()
        parameters.set_param("order_invoice_cycle.min_seconds_to_answer", "0")

    @contextmanager
    def _browser(self):
        browser = ChromeBrowser(self)
        # As on a phone: a bar would take of the width that a picture shows.
        browser._websocket_request(
            "Emulation.setScrollbarsHidden", params={"hidden": True}
        )
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

    def _take_picture(self, browser, name):
        """Write the whole page as PNG, if somebody wants pictures."""
        if not PICTURES:
            return
        size = browser._websocket_request("Page.getLayoutMetrics")["cssContentSize"]
        picture = browser._websocket_request(
            "Page.captureScreenshot",
            params={
                "format": "png",
                "captureBeyondViewport": True,
                "clip": {**size, "scale": 1},
            },
            timeout=30.0,
        )
        folder = Path(PICTURES)
        folder.mkdir(parents=True, exist_ok=True)
        folder.joinpath(f"{name}.png").write_bytes(base64.b64decode(picture["data"]))
