"""Who talks to the server: customers with a link, colleagues with a login."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

import requests

from dev.odoo_process import OdooServer

from . import world


@dataclass
class Form:
    """One visitor's session, with the page of the offer open in it."""

    url: str
    cookies: dict
    fields: dict

    @classmethod
    def open(
        cls, server: OdooServer, link: str, must_be_open: bool = True
    ) -> Form | None:
        """Follow a link to the page, as a browser does.

        Return nothing when the page has no form any more and need not have one.
        """
        session = requests.Session()
        page = session.get(f"{server.url}{link}")
        page.raise_for_status()
        if not must_be_open and "csrf_token" not in page.text:
            return None
        fields = dict(
            re.search(rf'name="({name})"\s+value="([^"]*)"', page.text).groups()
            for name in ("csrf_token", "terms_hash", "nonce")
        )
        return cls(page.url, session.cookies.get_dict(), fields)

    def post(
        self, action: str, name: str, once: bool = False
    ) -> tuple[requests.Response, float]:
        """Send a form of the page; return the answer and the seconds it took.

        Again when the connection breaks, unless it shall be tried only ``once``.
        """
        answer = {"authorised": "1"} if action == "accept" else {"text": "Because."}
        data = {**self.fields, **answer, "name": name, "website": ""}
        began = time.monotonic()
        response = insist(
            lambda: requests.post(
                f"{self.url}/{action}",
                data=data,
                cookies=self.cookies,
                allow_redirects=False,
            ),
            once,
        )
        return response, time.monotonic() - began

    def look(self) -> str:
        """Return the page as it is now."""
        return requests.get(self.url, cookies=self.cookies).text


def insist(
    ask: Callable[[], requests.Response], once: bool = False
) -> requests.Response:
    """Ask until there is an answer: a server of two processes turns many away.

    As a customer would who is told that the connection broke, and presses again.
    """
    while True:
        try:
            return ask()
        except requests.ConnectionError:
            if once:
                raise
            time.sleep(0.1)


class Colleague:
    """Somebody who is logged in and calls methods, as the web client does."""

    def __init__(self, server: OdooServer, database: str, role: str):
        self.url = server.url
        self.session = requests.Session()
        login = {"db": database, "login": f"fault_{role}", "password": world.PASSWORD}
        self._ask("/web/session/authenticate", login)

    def call(
        self,
        model: str,
        method: str,
        ids: list[int],
        *args: object,
        once: bool = False,
    ) -> str:
        """Call a method on records; return the name of what it raised, or nothing."""
        params = {"model": model, "method": method, "args": [ids, *args], "kwargs": {}}
        error = self._ask("/web/dataset/call_kw", params, once).get("error")
        return error["data"]["name"].rpartition(".")[2] if error else ""

    def _ask(self, path: str, params: dict, once: bool = False) -> dict:
        answer = insist(
            lambda: self.session.post(f"{self.url}{path}", json={"params": params}),
            once,
        )
        return answer.json()
