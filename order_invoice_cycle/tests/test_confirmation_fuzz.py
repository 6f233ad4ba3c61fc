import json
import logging
import os
import random
import secrets
from datetime import timedelta

from odoo import fields
from odoo.tests import tagged
from odoo.tools import mute_logger

from .confirmation_common import ConfirmationPageCase
from .reading_common import ReadingCommon

_logger = logging.getLogger(__name__)

ADDON = "odoo.addons.order_invoice_cycle."
FULL = bool(os.environ.get("CYCLE_TEST_FULL"))
TELLTALES = ("Traceback", "psycopg2", "SELECT ", "site-packages", 'File "')
TEXTS = (
    "",
    " ",
    "\x00",
    "\ud800",
    "\u202e",
    "ż" * 3000,
    "x" * 64_000,
    "-1",
    "99999999999999999999",
    "1e309",
    "NaN",
    "None",
    "[]",
    "{}",
    "../../etc/passwd",
    "' OR 1=1 --",
    "<script>alert(1)</script>",
    "{{ 7*7 }}",
    "${7*7}",
    "%s%n",
    "\r\nSet-Cookie: a=b",
    "٣",
    "😀",
)
MEGABYTE = 2**20
# Where a request may leave something: who guesses is counted, to be stopped.
COUNTERS = {"cycle_link_miss"}
FIELDS = (
    "name",
    "text",
    "code",
    "authorised",
    "website",
    "nonce",
    "csrf_token",
    "name[]",
)


@tagged("post_install", "-at_install")
class TestPageFuzz(ReadingCommon, ConfirmationPageCase):
    """Nonsense in addresses and bodies: never an error page, never a change."""

    def setUp(self):
        super().setUp()
        self.random = random.Random(20270115)

    # === LINKS === #

    def _get_dead_tokens(self):
        """Return what once were tokens of another order: expired, revoked, replaced."""
        tokens = []
        yesterday = fields.Datetime.now() - timedelta(days=1)
        for end in (
            lambda order, link: link.sudo().write({"date_expiry": yesterday}),
            lambda order, link: link.action_revoke(),
            lambda order, link: order.order_line.write({"price_unit": 900.0}),
        ):
            order = self._approve(self._create_order(partner_id=self.anna.id))
            self._send_messages()
            tokens.append(self._get_link(self.anna, order).rpartition("/")[2])
            end(order, self._get_confirmation(self.anna, order))
        self.assertEqual(len(set(tokens)), 3)
        return tokens

    def _get_tokens(self, count, dead):
        """Return so many things that are no token, most of them like one.

        :param list dead: tokens that open nothing any more
        """
        token = self._get_link(self.anna).rpartition("/")[2]
        makers = (
            lambda: self.random.choice(dead),
            lambda: self.random.choice(dead),
            lambda: self.random.choice(dead)[:20] + token[20:],
            lambda: secrets.token_urlsafe(32),
            lambda: token[: self.random.randrange(1, len(token))],
            lambda: token + self.random.choice("xyz_-."),
            lambda: token.swapcase(),
            lambda: token[::-1],
            lambda: "%00" * self.random.randrange(1, 40),
            lambda: "%ED%A0%80" * self.random.randrange(1, 20),
            lambda: "%FF" * self.random.randrange(1, 40),
            lambda: "ż" * self.random.randrange(1, 90),
            lambda: "a" * self.random.randrange(100, 60_000),
            lambda: f"x?token={token}&token[]={token}",
            lambda: f"{token}/{token}",
            lambda: "%5B%22" + token + "%22%5D",
            lambda: str(self.random.randrange(-(10**6), 10**6)),
        )
        return [self.random.choice(makers)() for _token in range(count)]

    def test_fuzzed_links_get_one_and_the_same_answer(self):
        misses = type(self.env["cycle.link.miss"])
        limiter = misses._is_over_limit
        self.patch(misses, "_is_over_limit", lambda model, network: False)
        count = 10_000 if FULL else 1_000
        dead = self._get_dead_tokens()
        self.env.flush_all()
        traces = self._get_traces()
        before = self._get_checksums()
        answers = set()
        for token in self._get_tokens(count, dead):
            response = self.url_open(f"/order/confirm/{token}")
            answers.add((response.status_code, response.content))
        self.assertEqual(len(answers), 1)
        self.assertEqual(self._get_traces(), traces)
        self.assertUnchanged(before)
        self.patch(misses, "_is_over_limit", limiter)
        self._stay_in_one_window()
        statuses = [
            self.url_open(f"/order/confirm/{token}").status_code
            for token in self._get_tokens(20, dead)
        ]
        self.assertEqual(statuses, [404] * 10 + [429] * 10)
        _logger.info(
            "%s fuzzed links, also dead ones: 0 opened, 0 errors, 1 answer, 0 rows in "
            "%s tables",
            count,
            len(before),
        )

    def assertUnchanged(self, before):
        """No row of any table is another one, but for the counters.

        :param dict before: checksums of the tables
        """
        after = self._get_checksums()
        changed = {table for table in before if before[table] != after.get(table)}
        self.assertEqual(changed - COUNTERS, set())
        self.assertEqual(before.keys(), after.keys())

    # === ROUTES === #

    def _get_routes(self):
        """Return the routes of this addon, with what they take: (rule, methods)."""
        routes = [
            (rule, rule.endpoint.routing["methods"] or ["GET", "POST"])
            for rule in self.env["ir.http"].routing_map().iter_rules()
            if rule.endpoint.func.__module__.startswith(ADDON)
        ]
        return sorted(routes, key=lambda route: route[0].rule)

    def _get_argument(self, name, is_own):
        """Return a value for an argument of a route: its own, or nonsense.

        An argument without a case here is an error: think about what it may open.
        Below paths that are not ours, core itself fails on a NUL in an address.
        """
        own = {
            "token": self._get_link(self.anna).rpartition("/")[2],
            "confirmation_id": str(self.confirmation.id),
            "order_id": str(self.order.id),
            "renewal_id": str(self.renewal.id),
            "move_id": "1",
        }
        nonsense = ["0", "-1", "999999999", "9" * 40, "abc", "1;2", "%ED%A0%80"]
        nonsense += ["%00"] * is_own
        return self.random.choice([own[name]] * 8 + nonsense)

    def _get_address(self, rule, is_own):
        address = rule.rule
        for name, converter in rule._converters.items():
            kind = type(converter).__name__.replace("Converter", "").lower()
            value = self._get_argument(name, is_own)
            for shape in (f"<{name}>", f"<path:{name}>", f"<int:{name}>"):
                address = address.replace(shape, value)
            self.assertNotIn(f":{name}>", address, kind)
        return address

    def _get_body(self, is_own):
        """Return how a body is sent, never one that is a valid answer.

        :param bool is_own: whether the path is ours; elsewhere core itself fails on a
            file in the place of its token
        """
        form = {
            field: self.random.choice(TEXTS).encode("utf-8", "surrogatepass")
            for field in self.random.sample(FIELDS, self.random.randrange(len(FIELDS)))
        }
        if self.random.random() < 0.6:
            form["csrf_token"] = self._get_csrf_token()
        form["terms_hash"] = self.random.choice(TEXTS).encode("utf-8", "replace")
        kind = self.random.randrange(8)
        if kind == 0:
            return {"data": self.random.randbytes(self.random.randrange(5000))}
        if kind == 1:
            return {"data": "[" * 5000 + "]" * 5000, "headers": _type("json")}
        if kind == 2:
            return {"data": json.dumps({"params": {"name": [1, None, {}]}})}
        if kind == 3:
            files = {
                key: ("x.bin", value)
                for key, value in form.items()
                if is_own or key != "csrf_token"
            }
            return {"data": {"name": "Anna"}, "files": files}
        if kind == 4:
            body = b"name=%FF%FE&name=2&text[]=1&=&&terms_hash"
            return {"data": body, "headers": _type("x-www-form-urlencoded")}
        if kind == 5:
            form[self.random.choice(FIELDS)] = b"x" * MEGABYTE
        if kind == 6:
            return {"data": b'{"params": "' + b"x" * MEGABYTE + b'"}'}
        return {"data": form}

    def _create_renewal(self):
        """Return a renewal whose link nobody opened: the page must stay neutral."""
        return (
            self.env["cycle.renewal"]
            .sudo()
            .create(
                {
                    "order_id": self.order.id,
                    "term_number": 2,
                    "date_start": "2999-01-01",
                    "date_end": "2999-12-31",
                    "date_cancel_by": "2998-12-01",
                    "date_index": "2998-11-01",
                    "price_factor": 1.0,
                }
            )
        )

    @mute_logger("odoo.http", "werkzeug")
    def test_fuzzed_bodies_never_break_a_route(self):
        count = 5_000 if FULL else 500
        self._open()
        self.renewal = self._create_renewal()
        # The first page and the first PDF that a person sees are noted, once.
        self._get(self.path)
        self._get(f"{self.path}/pdf")
        traces = self._get_traces()
        before = self._get_checksums()
        routes = self._get_routes()
        self.assertGreaterEqual(len(routes), 8)
        statuses = {}
        for number in range(count):
            rule, methods = routes[number % len(routes)]
            method = self.random.choice([*methods, "POST"])
            is_own = rule.rule.startswith("/order/")
            response = self.url_open(
                self._get_address(rule, is_own),
                method=method,
                allow_redirects=False,
                **(self._get_body(is_own) if method == "POST" else {}),
            )
            self.assertLess(response.status_code, 500, response.url)
            for telltale in TELLTALES:
                self.assertNotIn(telltale, response.text, response.url)
            statuses[response.status_code] = statuses.get(response.status_code, 0) + 1
        self.assertEqual(self.renewal.state, "announced")
        self.assertEqual(self._get_traces(), traces)
        self.assertUnchanged(before)
        _logger.info(
            "%s fuzzed requests, %s routes: 0 errors, 0 rows in %s tables, answers %s",
            count,
            len(routes),
            len(before),
            statuses,
        )


def _type(name):
    return {"Content-Type": f"application/{name}"}
