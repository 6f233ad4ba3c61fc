"""What each role sees: its menus, opened one by one as the web client opens them."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from xml.etree import ElementTree

from . import customers

ROOT_MENU = "order_invoice_cycle.order_invoice_cycle_menu_root"


class Client(customers.WebClient):
    """The web client of a person who has logged in."""

    def __init__(self, url: str, login: str):
        """:param login: also the password"""
        super().__init__()
        self.root = url
        page = self.get(f"{url}/web/login")
        form = customers.find_form(page, "/web/login")
        page = self.submit(page, form, login=login, password=login)
        if page.status != 200 or "__session_info__" not in page.text:
            raise customers.CustomerStuck(f"{login} cannot log in at {page.url}")

    def call_model(self, model: str, method: str, *args: object, **kwargs: object):
        """Call a public method of a model."""
        return self.call(
            f"{self.root}/web/dataset/call_kw/{model}/{method}",
            model=model,
            method=method,
            args=args,
            kwargs=kwargs,
        )

    def menus(self) -> Iterator[tuple[str, int]]:
        """Return the name and the action of each menu of the order cycle."""
        menus = json.loads(self.get(f"{self.root}/web/webclient/load_menus").text)
        roots = [m for m in menus.values() if m.get("xmlid") == ROOT_MENU]
        waiting = list(roots)
        while waiting:
            menu = waiting.pop(0)
            waiting += [menus[str(child)] for child in menu["children"]]
            if menu.get("actionID") and menu not in roots:
                yield menu["name"], menu["actionID"]

    def open_menu(self, action_id: int) -> int:
        """Open an action with its views, and return how many records it lists."""
        action = self.call(f"{self.root}/web/action/load", action_id=action_id)
        if action["type"] == "ir.actions.client":
            return len(self.call_model("cycle.dashboard", "get_data")["tiles"])
        model = action["res_model"]
        views = self.call_model(model, "get_views", views=action["views"])["views"]
        fields = _list_fields(views["list"]["arch"]) if "list" in views else []
        domain = action["domain"] or []
        found = self.call_model(
            model,
            "web_search_read",
            domain=ast.literal_eval(domain) if isinstance(domain, str) else domain,
            specification={name: {} for name in fields},
        )
        return found["length"]


def _list_fields(arch: str) -> list[str]:
    """Return the fields of a list view that it always shows."""
    return [
        node.attrib["name"]
        for node in ElementTree.fromstring(arch).iter("field")
        if "column_invisible" not in node.attrib
    ]
