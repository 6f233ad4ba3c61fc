"""The customers' side: they only have their mail and a web client."""

from __future__ import annotations

import http.cookiejar
import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from email.message import EmailMessage
from html.parser import HTMLParser
from typing import NamedTuple

from . import story

USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
# Seconds that a person looks at an offer at least; faster ones are taken for robots.
READING_TIME = 2.2
CONFIRMATION_LINK = re.compile(r"https?://[\w.:-]+/order/confirm/[\w-]+")
INVOICE_LINK = re.compile(r"https?://[\w.:-]+/my/invoices/\d+\?access_token=[\w-]+")


class CustomerStuck(Exception):
    """A page was not what a customer needs to go on."""


class Page(NamedTuple):
    """An answer of the server: where it came from in the end, and what it says."""

    url: str
    status: int
    text: str


class Form(NamedTuple):
    """A form of a page with the values it has before anybody types."""

    action: str
    values: dict[str, str]
    boxes: dict[str, str]


class WebClient:
    """A browser without scripts: it keeps cookies and follows redirects."""

    def __init__(self) -> None:
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(jar, urllib.request.ProxyHandler({}))

    def get(self, url: str) -> Page:
        """Open a page."""
        return self._open(urllib.request.Request(url))

    def submit(self, page: Page, form: Form, **typed: str) -> Page:
        """Send a form of a page, with what the customer typed into it."""
        values = {**form.values, **typed}
        url = urllib.parse.urljoin(page.url, form.action).partition("#")[0]
        body = urllib.parse.urlencode(values).encode()
        return self._open(urllib.request.Request(url, data=body))

    def call(self, url: str, **params: object) -> object:
        """Call a route as the scripts of a page do, and return its result."""
        body = json.dumps({"jsonrpc": "2.0", "params": params}).encode()
        headers = {"Content-Type": "application/json"}
        answer = self._open(urllib.request.Request(url, data=body, headers=headers))
        result = json.loads(answer.text)
        if "error" in result:
            raise CustomerStuck(f"{url}: {result['error']['data']['message']}")
        return result.get("result")

    def _open(self, request: urllib.request.Request) -> Page:
        request.add_header("User-Agent", USER_AGENT)
        request.add_header("Accept-Language", "pl,en;q=0.8")
        try:
            with self._opener.open(request, timeout=60) as answer:
                return Page(answer.url, answer.status, answer.read().decode())
        except urllib.error.HTTPError as error:
            return Page(error.url, error.code, error.read().decode(errors="replace"))


class _FormReader(HTMLParser):
    """Collects the forms of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._form: Form | None = None
        self._area = ""

    def handle_starttag(self, tag: str, attrs: list) -> None:
        """Begin a form, or take a field of it."""
        attributes = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = Form(attributes.get("action", ""), {}, {})
            self.forms.append(self._form)
        elif self._form and attributes.get("name"):
            self._take_field(tag, attributes)

    def _take_field(self, tag: str, attributes: dict[str, str]) -> None:
        name, value = attributes["name"], attributes.get("value", "")
        if tag == "input" and attributes.get("type") == "checkbox":
            self._form.boxes[name] = value or "on"
        elif tag == "input":
            self._form.values[name] = value
        elif tag == "textarea":
            self._form.values[name] = ""
            self._area = name

    def handle_data(self, data: str) -> None:
        """Take the text that a text area begins with."""
        if self._form and self._area:
            self._form.values[self._area] += data

    def handle_endtag(self, tag: str) -> None:
        """End a form or a text area."""
        if tag == "form":
            self._form = None
        elif tag == "textarea":
            self._area = ""


def find_form(page: Page, ending: str) -> Form:
    """Return the form of a page whose address ends so."""
    reader = _FormReader()
    reader.feed(page.text)
    for form in reader.forms:
        if form.action.partition("#")[0].endswith(ending):
            return form
    raise CustomerStuck(f"{page.url} ({page.status}) has no form for {ending}")


def find_link(mail: EmailMessage, pattern: re.Pattern) -> str | None:
    """Return the link of that kind in the mail's text, if it has one."""
    body = mail.get_body(("html", "plain"))
    found = pattern.search(body.get_content().replace("&amp;", "&")) if body else None
    return found[0] if found else None


class Visit(NamedTuple):
    """A customer who has opened the link in a mail and looks at the offer."""

    client: WebClient
    page: Page
    number: int
    opened: float


def open_link(link: str) -> Visit:
    """Open the link of a mail in a browser of its own."""
    client = WebClient()
    page = client.get(link)
    number = re.search(r"/order/review/(\d+)$", urllib.parse.urlsplit(page.url).path)
    if page.status != 200 or not number:
        raise CustomerStuck(f"The link of a mail led to {page.url} ({page.status}).")
    return Visit(client, page, int(number[1]), time.monotonic())


def answer(visit: Visit, get_order: Callable[[int], tuple[str, str]]) -> str:
    """Answer as the story says, not before the offer can have been read.

    :param get_order: returns the external ids of the order and of the customer to
        whom the link with that number was sent
    :return: ``confirmed``, ``commented`` or ``silent``
    """
    order, customer = get_order(visit.number)
    if order in story.SILENT:
        return "silent"
    client, page = visit.client, visit.page
    time.sleep(max(0.0, visit.opened + READING_TIME - time.monotonic()))
    if order in story.COMMENTS:
        form = find_form(page, "/comment")
        typed = {"name": story.SIGNERS[customer], "text": story.COMMENTS[order]}
        _check(client.submit(page, form, **typed), "comments")
        return "commented"
    form = find_form(page, "/accept")
    typed = {**form.boxes, "name": story.SIGNERS[customer]}
    _check(client.submit(page, form, **typed), "confirmed")
    return "confirmed"


def _check(page: Page, word: str) -> None:
    """Refuse an answer that does not say what the customer waits for."""
    if page.status != 200 or word not in page.text:
        raise CustomerStuck(f"{page.url} answered {page.status} without “{word}”.")


def pay_online(link: str) -> None:
    """Pay the invoice of a portal link with the demo provider, as its page does."""
    client = WebClient()
    page = client.get(link)
    address = urllib.parse.urlsplit(page.url)
    root = f"{address.scheme}://{address.netloc}"
    token = urllib.parse.parse_qs(urllib.parse.urlsplit(link).query)["access_token"][0]
    data = dict(re.findall(r'data-([\w-]+)="([^"]*)"', page.text))
    option = re.search(r'<input[^>]*name="o_payment_radio"[^>]*>', page.text)
    if page.status != 200 or not option:
        raise CustomerStuck(f"{page.url} ({page.status}) offers no online payment.")
    chosen = dict(re.findall(r'data-([\w-]+)="([^"]*)"', option[0]))
    values = client.call(
        urllib.parse.urljoin(root, data["transaction-route"]),
        provider_id=int(chosen["provider-id"]),
        payment_method_id=int(chosen["payment-option-id"]),
        token_id=None,
        amount=float(data["amount"]),
        flow="direct",
        tokenization_requested=False,
        landing_route=data["landing-route"],
        access_token=token,
    )
    client.call(
        f"{root}/payment/demo/simulate_payment",
        reference=values["reference"],
        payment_details="4242",
        simulated_state="done",
    )
    client.get(f"{root}/payment/status")
    client.call(f"{root}/payment/status/poll")
