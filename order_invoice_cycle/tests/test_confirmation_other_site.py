import logging
import os
import time

from odoo.tests import tagged

from .browser_common import CustomerBrowserCase
from .other_site import OtherSite
from .reading_common import ReadingCommon

_logger = logging.getLogger(__name__)

FULL = bool(os.environ.get("CYCLE_TEST_FULL"))
LOADS = 20 if FULL else 2
IDLE_SECONDS = 30 if FULL else 2


@tagged("post_install", "-at_install", "cycle_browser")
class TestOtherSites(ReadingCommon, CustomerBrowserCase):
    """What other sites can do with the page and learn of it: nothing."""

    def setUp(self):
        super().setUp()
        self.site = self.enterContext(OtherSite().serve())

    def _get_frames(self, browser):
        """Return what each frame of the page shows."""
        tree = browser._websocket_request("Page.getFrameTree")["frameTree"]
        return [child["frame"]["url"] for child in tree["childFrames"]]

    def _await_refusals(self, count):
        """Wait until the browser has told that it refused so many frames."""
        for _moment in range(300):
            refused = [one for one in self.reported if "frame" in one["text"]]
            if len(refused) >= count:
                return
            time.sleep(0.1)
        self.fail(f"{len(refused)} of {count} frames refused: {self.reported}")

    def test_page_is_not_shown_in_the_frame_of_another_site(self):
        paths = (self.path, self._get_link(self.anna))
        self.site.pages["/"] = "<h1>Trap</h1>" + "".join(
            f'<iframe src="{url}"></iframe>'
            for url in (
                f"{self.site.url}/own",
                *(self.base_url() + path for path in paths),
            )
        )
        with self._browser() as browser:
            self._visit(browser, "Please review")
            browser.navigate_to(self.site.url, wait_stop=True)
            self._wait_for(browser, "Trap")
            self._await_refusals(len(paths))
            own, *foreign = self._get_frames(browser)
        self.assertEqual(own, f"{self.site.url}/own")
        self.assertEqual(len(foreign), len(paths))
        self.assertFalse([url for url in foreign if url.startswith(self.base_url())])
        _logger.info("%s pages in frames of another site: 0 shown", len(paths))

    def test_other_site_does_not_learn_where_the_customer_comes_from(self):
        link = self._get_link(self.anna)
        self.site.pages["/away"] = "<h1>Elsewhere</h1>"
        with self._browser() as browser:
            self._visit(browser, "Please review")
            self._run(
                browser,
                "document.body.insertAdjacentHTML('beforeend', "
                f"'<a id=away rel=opener href=\"{self.site.url}/away\">Away</a>');"
                "document.querySelector('#away').click()",
            )
            self._wait_for(browser, "Elsewhere")
            history = browser._websocket_request("Page.getNavigationHistory")
        path, headers = self.site.requests[0]
        self.assertEqual(path, "/away")
        self.assertNotIn("Referer", headers)
        told = str(self.site.requests)
        for secret in (link.rpartition("/")[2], self.path):
            self.assertNotIn(secret, told)
        addresses = [entry["url"] for entry in history["entries"]]
        self.assertIn(self.base_url() + self.path, addresses)
        self.assertFalse([one for one in addresses if link in one], addresses)

    def test_browsers_that_only_look_change_no_row(self):
        link = self._get_link(self.anna)
        with self._browser() as browser:
            # The first look of a person is noted, once.
            self._visit(browser, "Please review")
            before = self._get_checksums()
            for _load in range(LOADS):
                for path in (link, self.path):
                    self._look(browser, path, "Please review")
            time.sleep(IDLE_SECONDS)
            self.assertPolicyKept(browser, "idle")
            after = self._get_checksums()
        self.assertEqual(after, before)
        _logger.info(
            "%s pages loaded by a browser with scripts, %s s idle: 0 rows changed in "
            "%s tables",
            2 * LOADS,
            IDLE_SECONDS,
            len(after),
        )
