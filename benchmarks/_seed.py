"""Business data to measure with, made inside Odoo: 200 customers and their orders."""

from odoo import fields
from odoo.fields import Command

CUSTOMERS = 200
QUIET = {
    "tracking_disable": True,
    "mail_create_nolog": True,
    "mail_create_nosubscribe": True,
    "mail_notify_force_send": False,
}
TODAY = fields.Date.to_date("2030-03-01")


def say(text):
    """Show a line on the terminal, by way of the log."""
    print(f"bench: {text}", flush=True)


def quiet(env):
    """Return an environment that writes no chatter."""
    return env(context={**env.context, **QUIET})


def make_customers(env, prefix="Customer"):
    """Return the 200 customers, made on the first call."""
    partners = quiet(env)["res.partner"]
    found = partners.search([("name", "=like", f"{prefix} %")], order="id")
    return found or partners.create(
        [
            {
                "name": f"{prefix} {number:03} Sp. z o.o.",
                "is_company": True,
                "email": f"office{number}@customer.example",
                "street": f"Długa {number + 1}",
                "city": "Kraków",
                "zip": "31-147",
                "country_id": env.ref("base.pl").id,
            }
            for number in range(CUSTOMERS)
        ]
    )


def make_service(env, **values):
    """Return the service that everybody sells, made on the first call."""
    products = quiet(env)["product.product"]
    name = values.pop("name", "Bench service")
    found = products.search([("name", "=", name)], limit=1)
    return found or products.create(
        {
            "name": name,
            "type": "service",
            "invoice_policy": "order",
            "list_price": 100.0,
            **values,
        }
    )


def make_orders(env, count, lines, product=None, **values):
    """Return draft orders with ``lines`` lines each, spread over the customers."""
    env = quiet(env)
    customers = make_customers(env)
    product = product or make_service(env)
    orders = env["sale.order"].create(
        [
            {
                "partner_id": customers[number % CUSTOMERS].id,
                "payment_mode": False,
                "order_line": [
                    Command.create(
                        {
                            "product_id": product.id,
                            "name": f"Service {line + 1}",
                            "product_uom_qty": line + 1,
                            "price_unit": 100.0 + number % 7 + line,
                        }
                    )
                    for line in range(lines)
                ],
                **values,
            }
            for number in range(count)
        ]
    )
    env.flush_all()
    return orders


def confirm_plain(orders):
    """Confirm orders outside the cycle, without e-mail."""
    orders.write({"state": "sale"})
    orders.env.flush_all()
    return orders


def approve(orders):
    """Approve the present terms, by the rows of the evidence.

    What people do for each order is not what is measured, so it is not replayed.
    """
    env = orders.env
    orders.write({"terms_version": 1})
    now = fields.Datetime.now()
    env["cycle.approval"].sudo().create(
        [
            {
                "order_id": order.id,
                "rule_name": "Bench",
                "sequence": 1,
                "version": 1,
                "terms_hash": order.terms_hash,
                "state": "approved",
                "requester_id": env.uid,
                "date_requested": now,
                "user_id": env.uid,
                "date_decided": now,
            }
            for order in orders
        ]
    )


def confirm_cycle(orders):
    """Confirm orders of the cycle, by the rows of their evidence."""
    env = orders.env
    approve(orders)
    now = fields.Datetime.now()
    confirmations = (
        env["cycle.confirmation"]
        .sudo()
        .create(
            [
                {
                    "order_id": order.id,
                    "partner_id": order.partner_id.id,
                    "email": order.partner_id.email,
                    "version": 1,
                    "terms_hash": order.terms_hash,
                    "state": "confirmed",
                    "date_decided": now,
                    "decided_name": "Bench",
                }
                for order in orders
            ]
        )
    )
    for confirmation in confirmations:
        confirmation._log_event("confirmed", name="Bench")
    orders.write({"state": "sale"})
    orders._start_schedule()
    env.flush_all()
    return orders


def make_running(env, count, lines, plan=None, **values):
    """Return running orders of the cycle, all with a payment due on TODAY."""
    plan = plan and env.ref(f"order_invoice_cycle.cycle_plan_{plan}")
    orders = make_orders(
        env,
        count,
        lines,
        payment_mode=plan.payment_mode if plan else "prepayment",
        plan_id=plan and plan.id,
        service_date_start=TODAY,
        **values,
    )
    return confirm_cycle(orders)


def fill_ledger(env, count=1000):
    """Post and commit invoices, and have the planner count them.

    Without statistics, one query of the ledger runs for a minute.
    """
    customers = make_customers(env)
    product = make_service(env)
    moves = quiet(env)["account.move"].create(
        [
            {
                "move_type": "out_invoice",
                "partner_id": customers[number % CUSTOMERS].id,
                "invoice_date": "2029-12-31",
                "invoice_line_ids": [
                    Command.create({"product_id": product.id, "price_unit": 50.0})
                ],
            }
            for number in range(count)
        ]
    )
    moves._post(soft=False)
    env.cr.commit()


def analyze(env):
    """Commit, and have the planner count all rows."""
    env.flush_all()
    env.cr.commit()
    env.cr.execute("ANALYZE")
    env.cr.commit()
