"""Confirm an order, eight customers at once, next to core's own acceptance."""

from __future__ import annotations

import argparse
import html
import http.cookiejar
import json
import re
import statistics
import threading
import time
import urllib.parse
import urllib.request

import psycopg2

from dev.odoo_process import OdooServer

from ._run import bench_database, inside_odoo, judge, print_table

CLIENTS = 8
# A person reads before confirming; the page refuses whoever cannot have.
READING = 2.5
# One transparent pixel: the signature that core asks for.
SIGNATURE = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAA"
    "AABJRU5ErkJggg=="
)
TYPED = {"name": "Jan Nowak", "authorised": "1"}


def main(arguments: list[str]) -> int:
    """Measure, print the table, and judge the goals."""
    parser = argparse.ArgumentParser(prog="script/bench confirm", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="rounds of eight")
    options = parser.parse_args(arguments)
    count = (options.rounds + 1) * CLIENTS
    with bench_database("confirm") as name, serve(name) as server:
        settings = {"count": count, "url": server.url}
        links = inside_odoo(name, "_confirm", settings)
        seconds: dict[str, list[float]] = {"ours": [], "core": []}
        for number in range(options.rounds + 1):
            chosen = slice(number * CLIENTS, (number + 1) * CLIENTS)
            for case, client in (("ours", OurClient), ("core", CoreClient)):
                taken = at_once(
                    [client(server.url, one) for one in links[case][chosen]]
                )
                if number:  # the first round warms the server up
                    seconds[case] += taken
        check_confirmed(name, [one["id"] for case in links.values() for one in case])
    rows = [
        [
            text,
            len(seconds[case]),
            f"{1000 * statistics.median(seconds[case]):.0f}",
            f"{1000 * percentile(seconds[case], 95):.0f}",
            f"{median_ratio(seconds, case):.2f}",
        ]
        for case, text in (("ours", "this addon"), ("core", "core's portal"))
    ]
    print_table(
        f"Milliseconds until the answer, {CLIENTS} customers at once, one process that "
        "runs no jobs",
        ["way", "answers", "median", "p95", "ratio"],
        rows,
    )
    return judge(
        [
            ("seconds at the median", statistics.median(seconds["ours"]), 0.5),
            ("ratio to core's acceptance", median_ratio(seconds, "ours"), 0.1),
        ]
    )


def serve(name: str) -> OdooServer:
    """Return a server of one process that answers customers and runs no jobs.

    As with workers, where the jobs (the mails and documents of what was confirmed) run
    in a process of their own.
    """
    return OdooServer(name, options={"max_cron_threads": 0})


def median_ratio(seconds: dict[str, list[float]], case: str) -> float:
    """Return the ratio of the medians to core's."""
    return statistics.median(seconds[case]) / statistics.median(seconds["core"])


def percentile(values: list[float], percent: int) -> float:
    """Return the value that so many percent do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) * percent // 100, len(ordered) - 1)]


def at_once(clients: list) -> list[float]:
    """Let all clients open their page, then confirm at the same moment."""
    barrier = threading.Barrier(len(clients))
    seconds, errors = [], []

    def run(client) -> None:
        try:
            client.open()
            barrier.wait()
            began = time.perf_counter()
            client.confirm()
            seconds.append(time.perf_counter() - began)
        except Exception as error:
            barrier.abort()
            errors.append(error)

    threads = [threading.Thread(target=run, args=[client]) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return seconds


def check_confirmed(database_name: str, ids: list[int]) -> None:
    """Refuse figures of answers that did not confirm the orders."""
    connection = psycopg2.connect(dbname=database_name)
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM sale_order WHERE id = ANY(%s) AND state = 'sale'",
            [ids],
        )
        (confirmed,) = cursor.fetchone()
    connection.close()
    if confirmed != len(ids):
        raise AssertionError(f"{confirmed} of {len(ids)} orders were confirmed")


class OurClient:
    """A customer with the link of the cycle."""

    def __init__(self, url: str, order: dict):
        self.url = url
        self.order = order
        self.form: dict[str, str] = {}
        self.address = ""
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self.browser = urllib.request.build_opener(cookies, NoRedirect)

    def open(self) -> None:
        """Open the page by the link, and read it."""
        path = urllib.parse.urlsplit(self.order["link"]).path
        answer = self.browser.open(self.url + path, timeout=120)
        location = answer.headers["Location"]
        page = self.browser.open(
            urllib.parse.urljoin(self.url, location), timeout=120
        ).read()
        form = re.search(
            r'<form[^>]*action="([^"]*/accept)".*?</form>', page.decode(), re.S
        )
        self.address = html.unescape(form[1])
        for tag in re.findall(r"<input[^>]*>", form[0]):
            fields = dict(re.findall(r'(\w+)="([^"]*)"', tag))
            if fields.get("type") == "hidden":
                self.form[fields["name"]] = html.unescape(fields.get("value", ""))
        self.form.update(TYPED)
        time.sleep(READING)

    def confirm(self) -> None:
        """Send the form; what comes back is the receipt, or the way to it."""
        data = urllib.parse.urlencode(self.form).encode()
        self.browser.open(self.url + self.address, data, timeout=300).read()


class CoreClient:
    """A customer on core's page of an order."""

    def __init__(self, url: str, order: dict):
        self.url = url
        self.order = order

    def open(self) -> None:
        """Open core's page, as a customer does."""
        query = urllib.parse.urlencode({"access_token": self.order["token"]})
        address = f"{self.url}/my/orders/{self.order['id']}?{query}"
        urllib.request.urlopen(address, timeout=120).read()

    def confirm(self) -> None:
        """Sign and accept."""
        call = {
            "jsonrpc": "2.0",
            "method": "call",
            "params": {
                "access_token": self.order["token"],
                "name": TYPED["name"],
                "signature": SIGNATURE,
            },
        }
        request = urllib.request.Request(
            f"{self.url}/my/orders/{self.order['id']}/accept",
            json.dumps(call).encode(),
            {"Content-Type": "application/json"},
        )
        answer = json.load(urllib.request.urlopen(request, timeout=300))
        if not answer.get("result", {}).get("redirect_url"):
            raise AssertionError(f"core refused: {answer}")


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """Hand out redirects: what follows them is not what is measured."""

    def http_error_302(self, _request, stream, _code, _message, _headers):
        """Return the answer itself."""
        return stream

    http_error_301 = http_error_303 = http_error_307 = http_error_302
