"""A real Chromium to look at pages with, driven by its DevTools protocol."""

from __future__ import annotations

import base64
import http.cookiejar
import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

from .environment import EnvironmentProblem

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WAIT = 40  # seconds a page may take
DESKTOP = (1280, 860)
PHONE = (390, 844)


def executable() -> str:
    """Return the browser: ``$CHROME``, or the first one found on the path."""
    found = os.environ.get("CHROME") or next(filter(None, map(shutil.which, NAMES)), "")
    if not found:
        raise EnvironmentProblem(
            "No Chromium was found. Install Debian's package chromium as root, or say "
            "where yours is: CHROME=/path/to/chrome"
        )
    return found


class Browser:
    """One headless browser with one page; a context manager."""

    def __enter__(self) -> Browser:
        from websocket import create_connection

        self._profile = tempfile.mkdtemp(prefix="cycle-browser-")
        command = [
            executable(),
            "--headless",
            "--disable-gpu",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
            "--no-first-run",
            "--remote-debugging-port=0",
            "--remote-allow-origins=*",
            f"--user-data-dir={self._profile}",
            "about:blank",
        ]
        if os.geteuid() == 0:
            command.insert(1, "--no-sandbox")
        self._process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        port = self._wait_for_port()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json") as answer:
            pages = json.load(answer)
        page = next(page for page in pages if page["type"] == "page")
        self._socket = create_connection(page["webSocketDebuggerUrl"], timeout=WAIT)
        self._last_id = 0
        self._call("Page.enable")
        self._call("Network.enable")
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._socket.close()
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._profile, ignore_errors=True)

    def resize(self, size: tuple[int, int]) -> None:
        """Give the page a width and height in CSS pixels; narrow ones are phones."""
        width, height = size
        self._call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1.5 if width < 600 else 1,
            mobile=width < 600,
        )

    def login(self, address: str, database: str, login: str, password: str) -> None:
        """Log in to Odoo, and drop an earlier login."""
        self.log_out()
        cookies = http.cookiejar.CookieJar()
        opener = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(cookies)
        )
        params = {"db": database, "login": login, "password": password}
        request = urllib.request.Request(
            f"{address}/web/session/authenticate",
            json.dumps({"jsonrpc": "2.0", "params": params}).encode(),
            {"Content-Type": "application/json"},
        )
        with opener.open(request, timeout=WAIT) as answer:
            if "error" in json.load(answer):
                raise EnvironmentProblem(f"{login} could not log in at {address}")
        for cookie in cookies:
            self._call(
                "Network.setCookie",
                url=address,
                name=cookie.name,
                value=cookie.value or "",
            )

    def log_out(self) -> None:
        """Be nobody in particular again."""
        self._call("Network.clearBrowserCookies")

    def open(self, url: str, selector: str, settle: float = 1.0) -> None:
        """Open a page and wait until the CSS selector matches something."""
        self._call("Page.navigate", url=url)
        self.wait_for(selector)
        time.sleep(settle)

    def wait_for(self, selector: str) -> None:
        """Wait until the CSS selector matches something on the page."""
        script = f"!!document.querySelector({json.dumps(selector)})"
        deadline = time.monotonic() + WAIT
        while time.monotonic() < deadline:
            if self.evaluate(script):
                return
            time.sleep(0.2)
        raise EnvironmentProblem(f"{selector} did not appear on {self.url}")

    def click(self, selector: str, settle: float = 1.0) -> None:
        """Click the first element that the CSS selector matches."""
        self.wait_for(selector)
        self.evaluate(f"document.querySelector({json.dumps(selector)}).click()")
        time.sleep(settle)

    @property
    def url(self) -> str:
        """The page's present address."""
        return self.evaluate("location.href")

    def evaluate(self, script: str) -> object:
        """Run JavaScript in the page and return its value."""
        answer = self._call("Runtime.evaluate", expression=script, returnByValue=True)
        return answer["result"].get("value")

    def screenshot(self, file: Path, whole_page: bool = False) -> None:
        """Write what the page shows as PNG; all of it, or what fits the window."""
        file.parent.mkdir(parents=True, exist_ok=True)
        options = {"format": "png", "captureBeyondViewport": whole_page}
        if whole_page:
            size = self._call("Page.getLayoutMetrics")["cssContentSize"]
            options["clip"] = {**size, "scale": 1}
        image = self._call("Page.captureScreenshot", **options)["data"]
        file.write_bytes(base64.b64decode(image))

    def _wait_for_port(self) -> int:
        file = Path(self._profile) / "DevToolsActivePort"
        deadline = time.monotonic() + WAIT
        while time.monotonic() < deadline:
            lines = file.read_text().splitlines() if file.exists() else []
            if lines:
                return int(lines[0])
            if self._process.poll() is not None:
                break
            time.sleep(0.1)
        raise EnvironmentProblem("Chromium did not start")

    def _call(self, method: str, **params: object) -> dict:
        self._last_id += 1
        message = {"id": self._last_id, "method": method, "params": params}
        self._socket.send(json.dumps(message))
        while True:
            answer = json.loads(self._socket.recv())
            if answer.get("id") == self._last_id:
                if "error" in answer:
                    raise EnvironmentProblem(f"{method}: {answer['error']['message']}")
                return answer["result"]
