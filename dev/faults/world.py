"""What the fault tests work on: a company, its people, orders at any stage."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from odoo import api
from odoo.fields import Command, Date
from odoo.tests import new_test_user

from odoo.addons.base.models.ir_mail_server import IrMail_Server

PASSWORD = secrets.token_urlsafe(16)
PEOPLE = {
    "user": "sales_team.group_sale_salesman",
    "approver": "base.group_user",
    "billing": "base.group_user",
    "manager": "base.group_user",
}
PDF = b"%PDF-1.4\n%%EOF\n"


def set_up(env: api.Environment) -> None:
    """Give the company what it needs to send invoices, and its people; once."""
    if env["res.users"].search([("login", "=", "fault_user")]):
        return
    env.company.write({"vat": "PL5260250995", "email": "office@service.example"})
    env.company.partner_id.tz = "Europe/Warsaw"
    # These customers are quicker than people.
    env["ir.config_parameter"].set_param(
        "order_invoice_cycle.min_seconds_to_answer", "0"
    )
    for role, group in PEOPLE.items():
        new_test_user(
            env,
            login=f"fault_{role}",
            password=PASSWORD,
            email=f"{role}@service.example",
            groups=f"order_invoice_cycle.group_cycle_{role},{group}",
            company_id=env.company.id,
            company_ids=[Command.set(env.company.ids)],
        )


def as_role(records, role: str):
    """Return the records as one of the people sees them."""
    user = records.env["res.users"].search([("login", "=", f"fault_{role}")])
    company = records.env.company
    return records.with_user(user).with_context(allowed_company_ids=company.ids)


def create_orders(env: api.Environment, count: int, plan: str = "instalments_12"):
    """Return draft orders, with two tax rates and amounts that do not divide well.

    :param env: an environment of the superuser
    :param plan: the end of a plan's xml id
    """
    customers = env["res.partner"].create(
        [
            {
                "name": f"Customer {number}",
                "is_company": True,
                "email": f"customer{number}@customer.example",
                "street": "Długa 5",
                "city": "Kraków",
                "zip": "31-147",
                "country_id": env.ref("base.pl").id,
            }
            for number in range(count)
        ]
    )
    rates = [
        env["account.tax"].search(
            [("type_tax_use", "=", "sale"), ("amount", "=", rate)], limit=1
        )
        for rate in (23, 8)
    ]
    product = env["product.product"].create(
        {"name": "Support", "type": "service", "taxes_id": rates[0].ids}
    )
    cycle_plan = env.ref(f"order_invoice_cycle.cycle_plan_{plan}")
    orders = as_role(env["sale.order"], "user").create(
        [
            {
                "partner_id": customer.id,
                "payment_mode": cycle_plan.payment_mode,
                "plan_id": cycle_plan.id,
                "service_date_start": Date.today(),
                "order_line": [
                    Command.create(
                        {
                            "product_id": product.id,
                            "price_unit": price,
                            "tax_ids": [Command.set(rate.ids)],
                        }
                    )
                    for price, rate in zip((999.97, 500.05), rates, strict=True)
                ],
            }
            for customer in customers
        ]
    )
    return orders.with_env(env)


def submit(orders) -> None:
    """Sales submits the orders for approval."""
    as_role(orders, "user").action_submit_for_approval()


def approve(orders) -> None:
    """The approver approves the orders; their links are queued."""
    as_role(orders, "approver").action_approve()


def send_links(env: api.Environment) -> dict[str, str]:
    """Send what is queued; return the path of each recipient's link by address."""
    links = {}

    def send_email(_server, message, *_args, **_kwargs):
        body = message.get_body(("html",)).get_content()
        found = re.search(r"/order/confirm/[\w-]+", body)
        if found:
            links[re.search(r"[\w.]+@[\w.]+", message["To"]).group()] = found.group()
        return message["Message-Id"]

    with (
        patch.object(IrMail_Server, "_connect__", lambda *_args, **_kwargs: None),
        patch.object(IrMail_Server, "send_email", send_email),
        without_pdf(),
    ):
        env["cycle.message"]._cron_send_messages()
    return links


@contextmanager
def without_pdf() -> Iterator[None]:
    """Make an empty PDF at once instead of a real one in two seconds."""
    report = "odoo.addons.base.models.ir_actions_report.IrActionsReport"
    with patch(f"{report}._render_qweb_pdf", lambda *_args, **_kwargs: (PDF, "pdf")):
        yield


def offer(env: api.Environment, count: int, plan: str = "instalments_12"):
    """Return orders that wait for their customer, and their links by address."""
    orders = create_orders(env, count, plan)
    submit(orders)
    approve(orders)
    env.flush_all()
    return orders, send_links(env)


def run_orders(env: api.Environment, count: int, plan: str = "instalments_12"):
    """Return orders that their customers have confirmed."""
    orders, _links = offer(env, count, plan)
    for order in orders:
        sent = order.confirmation_ids.filtered(lambda link: link.state == "sent")
        assert sent._confirm(order.terms_hash, "Jan Nowak") == "done", order
    return orders
