import logging
from datetime import timedelta

from odoo import fields
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from .confirmation_common import ConfirmationPageCase

_logger = logging.getLogger(__name__)

# state of a link: (following it, its page in a session that opened it before,
# accept, comment, PDF). An answer is taken (True) or changes nothing.
MATRIX = {
    "open": (303, 200, True, True, 200),
    "in_doubt": (303, 200, True, True, 200),
    "sent_again": (404, 200, True, True, 200),
    "commented": (303, 200, False, False, 200),
    "confirmed": (303, 200, False, False, 200),
    "confirmed_by_other": (303, 200, False, False, 200),
    "changed": (404, 200, False, False, 404),
    "declined": (303, 200, False, False, 404),
    "superseded": (404, 200, False, False, 404),
    "cancelled": (404, 200, False, False, 404),
    "expired": (404, 200, False, False, 404),
    "revoked": (404, 200, False, False, 404),
}


@tagged("post_install", "-at_install")
class TestPageMatrix(ConfirmationPageCase):
    """Every state of a link, every way of using it."""

    def _enter(self, state):
        """Bring the link into a state, after this session has opened it."""
        order, link = self.order, self.confirmation.sudo()
        terms, now = order.terms_hash, fields.Datetime.now()
        other = self._get_confirmation(self.piotr).sudo()
        {
            "open": lambda: None,
            "in_doubt": lambda: link.write({"state": "pending"}),
            "sent_again": lambda: link._issue_token(),
            "commented": lambda: link._comment(terms, "Anna", "Cheaper"),
            "confirmed": lambda: link._confirm(terms, "Anna"),
            "confirmed_by_other": lambda: other._confirm(terms, "Piotr"),
            "changed": lambda: order.order_line.write({"price_unit": 7.0}),
            "declined": lambda: link._decline(terms, "Anna", "No"),
            "superseded": lambda: link._set_superseded(),
            "cancelled": lambda: order.action_cancel(),
            "expired": lambda: link.write({"date_expiry": now - timedelta(hours=1)}),
            "revoked": lambda: link.action_revoke(),
        }[state]()

    def _use(self, use):
        """Use the link in one way; return the status, or whether anything changed."""
        if use == "link":
            return self._get(
                self._get_link(self.anna), allow_redirects=False
            ).status_code
        if use == "page":
            return self._get(self.path).status_code
        if use == "pdf":
            return self._get(f"{self.path}/pdf").status_code
        traces = self._get_traces()
        response = self._post(use, name="Maria Nowa", nonce=self.nonce)
        self.assertSecured(response)
        self.assertLess(response.status_code, 500)
        return self._get_traces() != traces

    @mute_logger("odoo.http")
    def test_link_allows_what_its_state_allows_and_nothing_else(self):
        self._open()
        self.nonce = self._get_nonce()
        cells = 0
        for state, expected in MATRIX.items():
            for use, outcome in zip(
                ("link", "page", "accept", "comment", "pdf"), expected, strict=True
            ):
                with self.subTest(state=state, use=use):
                    with self.env.cr.savepoint() as savepoint:
                        self._enter(state)
                        self.nonce = self._get_nonce() or self.nonce
                        self.assertEqual(self._use(use), outcome)
                        self.env.flush_all()
                        savepoint.rollback()
                    self.env.invalidate_all()
                    cells += 1
        _logger.info("%s cells of %s link states as listed", cells, len(MATRIX))


@tagged("post_install", "-at_install")
class TestPageStrangers(ConfirmationPageCase):
    """Three customers of two companies: nobody sees a byte of another."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.customers = [
            cls._create_customer(f"Client{number} Ltd") for number in range(3)
        ]
        other = cls.setup_other_company()["company"]
        other.email = "office@other.example"
        salesman = "sales_team.group_sale_salesman"
        cls.other_sales = cls._create_user("user", salesman, company=other)
        cls.other_approver = cls._create_user("approver", company=other)
        cls.env.user.company_ids |= other
        cls.orders = cls.env["sale.order"]
        for number, customer in enumerate(cls.customers):
            for company in (cls.company, other):
                cls.orders |= cls._offer_canary(customer, company, number)

    @classmethod
    def _get_people(cls, company):
        """Return who sells and who approves in a company."""
        if company == cls.company:
            return cls.user_sales, cls.user_approver
        return cls.other_sales, cls.other_approver

    @classmethod
    def _offer_canary(cls, customer, company, number):
        """Return an order with a link, whose text is nowhere else."""
        canary = f"CANARY-{number}-{company.id}"
        sales, approver = cls._get_people(company)
        order = (
            cls.env["sale.order"]
            .with_user(sales)
            .create(
                {
                    "partner_id": customer.id,
                    "payment_mode": "after_completion",
                    "service_date_start": cls.start,
                    "order_line": [
                        cls._create_line(10.0, cls.env["account.tax"], name=canary)
                    ],
                }
            )
        )
        order.action_submit_for_approval()
        order.with_user(approver).action_approve()
        order = order.with_env(cls.env)
        order.confirmation_ids.sudo().write(
            {"state": "sent", "date_sent": fields.Datetime.now()}
        )
        return order

    def _get_paths(self, order):
        link = order.confirmation_ids.id
        return [
            f"/order/review/{link}",
            f"/order/review/{link}/pdf",
            f"/order/review/{link}/certificate",
            f"/order/confirm/{link}",
            f"/my/orders/{order.id}",
            f"/my/orders/{order.id}?report_type=pdf",
            f"/web/content/sale.order/{order.id}/note",
            f"/report/html/sale.report_saleorder/{order.id}",
        ]

    def _visit_all(self, own, check_own):
        """Ask for everything of every order; return how many answers were foreign."""
        asked = 0
        for order in self.orders:
            canary = order.order_line.name
            link = f"/order/review/{order.confirmation_ids.id}"
            for path in self._get_paths(order):
                response = self._get(path)
                self.assertLess(response.status_code, 500, path)
                if order not in own:
                    self.assertNotIn(canary, response.text, path)
                    asked += 1
            if order not in own:
                for action in ("accept", "comment", "decline", "code"):
                    response = self._post(action, path=link, name="Anna Nowak")
                    self.assertEqual(response.status_code, 404)
                    self.assertNotIn(canary, response.text)
                    asked += 1
            elif check_own and order.company_id == self.company:
                self.assertIn(canary, self._get(link).text)
        return asked

    @mute_logger("odoo.http", "odoo.addons.base.models.ir_rule")
    def test_customers_see_nothing_of_each_other(self):
        asked = 0
        for customer in self.customers:
            own = self.orders.filtered(lambda o, c=customer: o.partner_id == c)
            self._new_session()
            asked += self._visit_all(own.browse(), check_own=False)
            contact = new_test_user(
                self.env,
                login=f"portal_{customer.id}",
                groups="base.group_portal",
                partner_id=customer.id,
            )
            self.env.flush_all()
            self.authenticate(contact.login, contact.login)
            asked += self._visit_all(own, check_own=True)
        states = set(self.orders.confirmation_ids.mapped("state"))
        self.assertEqual(states, {"sent"})
        _logger.info("%s requests for what is somebody else's: 0 bytes", asked)
