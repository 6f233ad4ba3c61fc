"""Inside Odoo: orders that wait for their customers, and the links to them."""

import json
from pathlib import Path

from odoo import SUPERUSER_ID

from . import _seed as seed


def measure(env, options, result):
    """Make the orders, commit them, and write their links as JSON."""
    env = env(user=SUPERUSER_ID)
    parameters = env["ir.config_parameter"]
    for name in ("report.url", "web.base.url"):
        parameters.set_param(name, options["url"])
    env.company.write({"email": "office@service.example", "vat": "PL5260250995"})
    seed.say(f"making {options['count']} orders for each way")
    links = {
        "ours": make_ours(env, options["count"]),
        "core": make_core(env, options["count"]),
    }
    seed.analyze(env)
    Path(result).write_text(json.dumps(links))


def make_ours(env, count):
    """Return the links to orders of the cycle that are approved and sent."""
    orders = seed.make_orders(
        env,
        count,
        3,
        payment_mode="prepayment",
        service_date_start=seed.TODAY,
    )
    seed.approve(orders)
    confirmations = env["cycle.confirmation"].create(
        [order._prepare_confirmation(order.partner_id) for order in orders]
    )
    links = [confirmation._issue_token() for confirmation in confirmations]
    confirmations._update_state("sent")
    orders.write({"state": "sent"})
    env.flush_all()
    return [
        {"id": order.id, "link": link}
        for order, link in zip(orders, links, strict=True)
    ]


def make_core(env, count):
    """Return core's links to plain orders that ask for a signature."""
    orders = seed.make_orders(
        env, count, 3, require_signature=True, require_payment=False
    )
    orders.write({"state": "sent"})
    for order in orders:
        order._portal_ensure_token()
    env.flush_all()
    return [{"id": order.id, "token": order.access_token} for order in orders]
