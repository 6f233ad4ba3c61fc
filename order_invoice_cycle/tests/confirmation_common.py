import re
from unittest.mock import patch

from lxml import html

from odoo import SUPERUSER_ID, api, fields
from odoo.http import Request, root

from odoo.addons.base.models.ir_mail_server import IrMail_Server

from ..models import cycle_link_miss
from .common import CycleHttpCase

HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
}
POLICY = (
    "default-src 'self'",
    "frame-ancestors 'none'",
    "form-action 'self'",
    "base-uri 'none'",
    "object-src 'none'",
)


class PublicPageCase(CycleHttpCase):
    """Visits public pages and sends their forms."""

    def _new_session(self):
        """Forget what this browser has opened."""
        self.opener.cookies.clear()
        self.authenticate(None, None)

    def _read_nonce(self, page, seconds=3):
        """Return the number in a page's forms, None without; let time pass."""
        found = re.search(r'name="nonce" value="([\w-]+)"', page.text)
        self._let_time_pass(seconds)
        return found and found[1]

    def _let_time_pass(self, seconds):
        """Make the forms that this session was shown ``seconds`` older."""
        session = root.session_store.get(self.session.sid)
        session["cycle_forms"] = {
            link: {nonce: shown - seconds for nonce, shown in forms.items()}
            for link, forms in session.get("cycle_forms", {}).items()
        }
        root.session_store.save(session)

    def _get_session_forms(self):
        """Return the numbers of the forms that this session was shown, by link."""
        return root.session_store.get(self.session.sid).get("cycle_forms", {})

    def _get_csrf_token(self):
        """Return the token of this session, as every form has it."""
        return Request.csrf_token(self)

    def _get_text(self, response):
        """Return the readable text of a page, on one line."""
        root = html.fromstring(response.content)
        return " ".join(root.text_content().split())


class ConfirmationPageCase(PublicPageCase):
    """An approved order whose link lies in the mail of two recipients."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.anna = cls._create_recipient("Anna Nowak")
        cls.piotr = cls._create_recipient("Piotr Nowak")
        cls.order = cls._create_order(
            plan="deposit_30",
            partner_id=cls.anna.id,
            confirmation_partner_ids=(cls.anna | cls.piotr).ids,
            note="<p>Work is done on <b>working days</b>.</p>",
        )
        cls.order.with_user(cls.user_sales).action_submit_for_approval()
        cls.order.with_user(cls.user_approver).action_approve()
        cls.mails = []
        cls.env.flush_all()
        with (
            cls.registry.cursor() as cr,
            patch.object(IrMail_Server, "send_email", _collect(cls.mails)),
        ):
            outbox = api.Environment(cr, SUPERUSER_ID, {})["cycle.message"]
            outbox._cron_send_messages()
        cls.env.invalidate_all()

    def setUp(self):
        super().setUp()
        self.outbox[:] = self.mails
        self.confirmation = self._get_confirmation(self.anna)
        self.path = f"/order/review/{self.confirmation.id}"
        self._new_session()

    @classmethod
    def _create_recipient(cls, name):
        address = f"{name.split()[0].lower()}@customer.example"
        return cls._create_customer(
            name,
            is_company=False,
            parent_id=cls.customer.id,
            type="contact",
            email=address,
        )

    def _get_confirmation(self, partner, order=None):
        links = (order or self.order).confirmation_ids
        return links.filtered(lambda link: link.partner_id == partner).sorted("id")[-1:]

    def _get_link(self, partner, order=None):
        """Return the path of the link in the newest mail to a recipient."""
        order = order or self.order
        for message in reversed(self.outbox):
            body = message.get_body(("html",)).get_content()
            found = re.search(r"/order/confirm/[\w-]+", body)
            if found and order.name in body and partner.email in message["To"]:
                return found.group()
        return self.fail(f"No link to {partner.name} in the outbox")

    # === VISITING === #

    def _open(self, partner=None):
        """Follow the link of a recipient; return the page."""
        self.env.flush_all()
        response = self.url_open(self._get_link(partner or self.anna))
        self.env.invalidate_all()
        return response

    def _get(self, path, **kwargs):
        self.env.flush_all()
        response = self.url_open(path, **kwargs)
        self.env.invalidate_all()
        return response

    def _post(self, action, path=None, headers=None, **form):
        """Send one of the forms, as the page holds it; ``None`` leaves a field out."""
        if "nonce" not in form:
            form["nonce"] = self._get_nonce(path)
        values = {
            "csrf_token": self._get_csrf_token(),
            "terms_hash": self.confirmation.terms_hash,
            "name": "Anna Nowak",
            "website": "",
            **({"authorised": "1"} if action == "accept" else {"text": "Because."}),
            **form,
        }
        return self._get(
            f"{path or self.path}/{action}",
            data={key: value for key, value in values.items() if value is not None},
            allow_redirects=False,
            headers=headers,
        )

    def _get_nonce(self, path=None, seconds=3):
        """Return the number of a form that was rendered ``seconds`` ago."""
        return self._read_nonce(self._get(path or self.path), seconds)

    def _stay_in_one_window(self):
        """Let no five minutes end while a test counts the misses of one of them."""
        start = fields.Datetime.to_datetime("2027-01-15 10:00:00")
        self.patch(cycle_link_miss, "window_start", lambda _now, _window: start)

    # === CHECKS === #

    def _get_traces(self):
        """Return what an answer would change, to compare before and after."""
        self.env.invalidate_all()
        order = self.order
        return (
            order.state,
            order.cycle_stage,
            order.confirmation_ids.mapped("state"),
            order.confirmation_ids.event_ids.mapped("event"),
            order.activity_ids.ids,
            order.message_ids.ids,
            self.env["cycle.message"].search_count([]),
        )

    def assertSecured(self, response):
        """Every public answer has the headers that keep a link secret."""
        for name, value in HEADERS.items():
            self.assertEqual(response.headers.get(name), value, response.url)
        policy = response.headers.get("Content-Security-Policy", "").split("; ")
        for directive in POLICY:
            self.assertIn(directive, policy, response.url)
        self.assertNotIn("unsafe", " ".join(policy))

    def assertNeutral(self, response, status=404):
        self.assertEqual(response.status_code, status)
        self.assertSecured(response)
        self.assertNotIn(self.order.name, response.text)
        self.assertNotIn(self.customer.name, response.text)


def _collect(mails):
    def send_email(server, message, *args, **kwargs):
        mails.append(message)
        return message["Message-Id"]

    return send_email
