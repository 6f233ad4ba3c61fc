import base64
import json
import logging
import os
from contextlib import contextmanager
from pathlib import Path

from odoo.tests import tagged
from odoo.tests.common import ChromeBrowser

from .common import CycleHttpCase
from .confirmation_common import ConfirmationPageCase

_logger = logging.getLogger(__name__)

# Where pictures of the pages go, if somebody wants them.
PICTURES = os.environ.get("CYCLE_PAGE_PICTURES")
# axe-core, which script/test fetches.
AXE = os.environ.get("CYCLE_AXE")
UNACCEPTABLE = ("serious", "critical")

# What axe-core does not count as serious.
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
# Notes, before anything of a page runs, what the page's policy refuses, and what a
# script of a stranger would say.
WITNESS = """
    window.cycleRefused = [];
    window.cycleDialogs = [];
    addEventListener("securitypolicyviolation", (event) => cycleRefused.push(
        `${event.effectiveDirective} ${event.blockedURI} ${event.sourceFile}`
    ));
    for (const name of ["alert", "confirm", "prompt", "print"])
        window[name] = (text) => { cycleDialogs.push(`${name} ${text}`); };
"""
FINDINGS = """
    axe.run(document, {resultTypes: ["violations"]}).then((result) => ({
        rules: result.violations.length + result.passes.length,
        violations: result.violations.map((one) => ({
            id: one.id,
            impact: one.impact,
            nodes: one.nodes.map((node) => node.html + " " + node.failureSummary),
        })),
    }))
"""


@tagged("post_install", "-at_install", "cycle_browser")
class PageBrowserCase(CycleHttpCase):
    """A browser on the public pages.

    The pages have no scripts, so there is no tour to load into them: the browser is
    driven from outside.
    """

    device = "desktop"

    def setUp(self):
        super().setUp()
        # These fingers are quicker than a person's.
        parameters = self.env["ir.config_parameter"].sudo()
        parameters.set_param("order_invoice_cycle.min_seconds_to_answer", "0")

    @contextmanager
    def _browser(self):
        """Give a browser that notes what the pages' policy refuses."""
        browser = ChromeBrowser(self)
        # As on a phone: a bar would take of the width that a picture shows.
        browser._websocket_request(
            "Emulation.setScrollbarsHidden", params={"hidden": True}
        )
        self.reported = []
        browser._handlers["Log.entryAdded"] = lambda entry: self.reported.append(entry)
        browser._websocket_request("Log.enable")
        browser._websocket_request(
            "Page.addScriptToEvaluateOnNewDocument", params={"source": WITNESS}
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

    def _look(self, browser, path, heading):
        """Open a page and wait until it has arrived."""
        self.env.flush_all()
        browser.navigate_to(self.base_url() + path, wait_stop=True)
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

    def _run(self, browser, code, **params):
        result = browser._websocket_request(
            "Runtime.evaluate",
            params={"expression": code, "returnByValue": True, **params},
            timeout=60.0,
        )
        self.assertNotIn("exceptionDetails", result)
        return result["result"].get("value")

    def _press(self, browser, key, code=None, text=None, modifiers=0):
        """Press a key as a person would."""
        params = {"key": key, "code": code or key, "modifiers": modifiers}
        params["windowsVirtualKeyCode"] = {"Tab": 9, "Enter": 13, " ": 32}.get(key, 0)
        down = {"type": "keyDown" if text else "rawKeyDown", **params}
        browser._websocket_request(
            "Input.dispatchKeyEvent",
            params={**down, **({"text": text} if text else {})},
        )
        browser._websocket_request(
            "Input.dispatchKeyEvent", params={"type": "keyUp", **params}
        )

    # === CHECKS === #

    def assertSound(self, browser, name, heading):
        """The page that the browser shows is sound."""
        self._wait_for(browser, heading)
        for code in (UNNAMED, SKIPPED_LEVELS, REPEATED_IDS):
            self.assertEqual(self._run(browser, code), [], f"{name}: {code}")
        self.assertTrue(self._run(browser, "document.documentElement.lang"))
        self.assertTrue(self._run(browser, "document.title"))
        rules = self.assertAccessible(browser, name)
        self.assertPolicyKept(browser, name)
        _logger.info(
            "page %s at %s: %s rules of axe-core, 0 serious or critical findings, "
            "0 violations of the content policy",
            name,
            self.browser_size.replace(",", "x"),
            rules,
        )
        self._take_picture(browser, f"page_{name}_{self.device}")

    def assertAccessible(self, browser, name):
        """Let axe-core look at the page; return the number of rules it applied."""
        if not AXE:
            self.fail("axe-core is not here: script/test fetches it.")
        self._run(browser, Path(AXE).read_text())
        found = self._run(browser, FINDINGS, awaitPromise=True)
        self.assertGreater(found["rules"], 10, name)
        bad = [one for one in found["violations"] if one["impact"] in UNACCEPTABLE]
        self.assertEqual(bad, [], f"{name}: {json.dumps(bad, indent=2)}")
        return found["rules"]

    def assertPolicyKept(self, browser, name):
        """The page asked for nothing that its policy refuses."""
        self.assertEqual(self._run(browser, "window.cycleRefused"), [], name)
        # The browser also tells that a refused form came back with a status of 4xx.
        others = [entry for entry in self.reported if entry["source"] != "network"]
        self.assertEqual([entry["text"] for entry in others], [], name)

    # === PICTURES === #

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


@tagged("post_install", "-at_install", "cycle_browser")
class CustomerBrowserCase(PageBrowserCase, ConfirmationPageCase):
    """A browser on the customer's page."""

    def _visit(self, browser, heading):
        """Follow the link in the mail until the page has arrived."""
        self._look(browser, self._get_link(self.anna), heading)
