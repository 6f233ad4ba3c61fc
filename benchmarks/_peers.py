"""Other modules that do part of the same work: their data, and their ways."""

from odoo import fields
from odoo.fields import Command

from . import _seed as seed

# -- Data ----------------------------------------------------------------------
# The same invoices as those of the orders, in the form that each module has them.


def make_contracts(env, size, lines):
    """Return monthly contracts that invoice what the orders do."""
    customers, product = seed.make_customers(env), seed.make_service(env)
    journal = env["account.journal"].search([("type", "=", "sale")], limit=1)
    contracts = seed.quiet(env)["contract.contract"].create(
        [
            {
                "name": f"Contract {number}",
                "partner_id": customers[number % seed.CUSTOMERS].id,
                "contract_type": "sale",
                "journal_id": journal.id,
                "line_recurrence": False,
                "date_start": seed.TODAY,
                "recurring_next_date": seed.TODAY,
                "contract_line_ids": [
                    Command.create(
                        {
                            "product_id": product.id,
                            "name": f"Service {line + 1}",
                            "quantity": line + 1,
                            "price_unit": 100.0 + number % 7 + line,
                            "recurring_next_date": seed.TODAY,
                            "date_start": seed.TODAY,
                        }
                    )
                    for line in range(lines)
                ],
            }
            for number in range(size)
        ]
    )
    contracts.flush_recordset()
    return contracts


def make_subscriptions(env, size, lines):
    """Return monthly subscriptions that invoice what the orders do.

    Their cron knows no other day than the present one, and no other account than that
    of the product.
    """
    today = fields.Date.today()
    customers = seed.make_customers(env)
    journal = env["account.journal"].search([("type", "=", "sale")], limit=1)
    product = seed.make_service(
        env,
        name="Bench subscription",
        property_account_income_id=journal.default_account_id.id,
    )
    template = env["sale.subscription.template"].create(
        {
            "name": "Bench",
            "code": "BENCH",
            "recurring_rule_type": "months",
            "recurring_rule_boundary": "unlimited",
            "invoicing_mode": "draft",
        }
    )
    pricelist = env["product.pricelist"].create({"name": "Bench"})
    subscriptions = seed.quiet(env)["sale.subscription"].create(
        [
            {
                "partner_id": customers[number % seed.CUSTOMERS].id,
                "template_id": template.id,
                "pricelist_id": pricelist.id,
                "date_start": today,
                "recurring_next_date": today,
                "sale_subscription_line_ids": [
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
            }
            for number in range(size)
        ]
    )
    subscriptions.flush_recordset()
    return subscriptions


def make_plans(env, size, lines):
    """Return orders with an invoice plan of three instalments."""
    orders = seed.make_orders(env, size, lines)
    for order in orders:
        order.use_invoice_plan = True
        order.create_invoice_plan(3, seed.TODAY, 1, "month", False)
    return seed.confirm_plain(orders)


# -- Ways ----------------------------------------------------------------------
# Each takes the environment and the ids, and returns what is to be timed.


def case_contract(env, ids):
    """The cron of OCA contract, which takes all that is due."""
    env.cr.execute(
        "UPDATE contract_contract SET active = id = ANY(%s)", [ids["contracts"]]
    )
    contracts = env["contract.contract"]
    return lambda: contracts.cron_recurring_create_invoice(seed.TODAY)


def case_plan(env, ids):
    """The wizard of OCA sale_invoice_plan, one instalment of each order."""

    def run():
        for order in env["sale.order"].browse(ids["plans"]):
            wizard = env["sale.make.planned.invoice"].with_context(
                active_id=order.id,
                active_ids=order.ids,
                active_model="sale.order",
            )
            wizard.create({}).create_invoices_by_plan()

    return run


def case_subscription(env, ids):
    """The cron of OCA subscription_oca, which takes all that is in progress."""
    env.cr.execute(
        "UPDATE sale_subscription SET in_progress = id = ANY(%s)",
        [ids["subscriptions"]],
    )
    subscriptions = env["sale.subscription"]
    return subscriptions.cron_subscription_management
