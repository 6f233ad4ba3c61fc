"""Inside Odoo: draft the same invoices in different ways, and time them."""

import gc
import hashlib
import json
import time
from pathlib import Path

from odoo import SUPERUSER_ID, api, fields
from odoo.fields import Command, Domain

from . import _peers
from . import _seed as seed

ROUNDS = 3
FLOOR_BATCH = 100
SEED_BATCH = 1000
# What takes long, or slows down with the square of the size: measured once, and up to
# so many.
SLOW = {
    "OCA sale_invoice_plan, thirds": 100,
    "OCA subscription_oca, cron": 500,
}


def measure(env, options, result):
    """Seed, run every case ``ROUNDS`` times in turn, write the figures as JSON."""
    env = env(user=SUPERUSER_ID)
    seed.say("filling the ledger")
    seed.fill_ledger(env)
    sets = {}
    for size in options["sizes"]:
        for lines in (1, 3):
            seed.say(f"making {size} orders of {lines} lines for each way")
            sets[size, lines] = seed_set(env, size, lines)
    bad = seed_with_one_bad(env, 200)
    many = {size: seed_many(env, size) for size in options["linear"]}
    seed.analyze(env)
    registry = env.registry
    figures = []
    measure_many(registry, many, figures)
    for (size, lines), ids in sets.items():
        for number in range(ROUNDS):
            seed.say(f"{size} invoices of {lines} lines, round {number + 1}")
            for case, function in CASES.items():
                if case in SLOW and (number or size > SLOW[case]):
                    continue
                figure = run_case(registry, function, ids)
                figures.append(label(case, size, lines, number, figure))
    measure_bad(registry, bad, figures)
    Path(result).write_text(json.dumps(figures))


def label(case, size, lines, number, figure):
    """Return the figure of a case with what it was measured with."""
    return {"case": case, "size": size, "lines": lines, "round": number, **figure}


def measure_many(registry, many, figures):
    """Time the job of the addon on ever more due payments."""
    for number in range(ROUNDS):
        for size, ids in many.items():
            seed.say(f"{size} invoices in one run of the job, round {number + 1}")
            figure = run_case(registry, case_ours, ids)
            figures.append(label(LINEAR, size, 1, number, figure))


def measure_bad(registry, bad, figures):
    """Time the job of the addon with one record that cannot be done, and without."""
    for number in range(ROUNDS):
        for case in ("with one bad", "without it"):
            seed.say(f"one bad in 200, round {number + 1}")
            ids = {"lines": bad["lines" if case == "with one bad" else "good"]}
            figure = run_case(registry, case_ours, ids)
            figures.append(label(case, 200, 1, number, figure))


def run_case(registry, function, ids):
    """Time one way on an empty cache, up to the last write, and roll it back.

    A commit only flushes and empties the cache, as it would: each takes half a
    millisecond more in earnest.
    """
    with registry.cursor() as cr:
        cr.commit = lambda: (cr.flush(), cr.clear())
        env = api.Environment(cr, SUPERUSER_ID, {})
        run = function(env, ids)
        env.flush_all()
        env.invalidate_all()
        gc.collect()
        queries, began = cr.sql_log_count, time.perf_counter()
        run()
        env.flush_all()
        seconds = time.perf_counter() - began
        queries = cr.sql_log_count - queries
        cr.execute(
            "SELECT id FROM account_move WHERE state = 'draft' ORDER BY id",
        )
        moves = env["account.move"].browse(row[0] for row in cr.fetchall())
        figure = {
            "seconds": seconds,
            "queries": queries,
            "drafts": len(moves),
            "checksum": checksum(cr, moves),
        }
        cr.rollback()
    return figure


def checksum(cr, moves):
    """Return a hash of the journal items: accounts, amounts, taxes, dates, texts."""
    cr.execute(
        """
        SELECT move.partner_id, move.amount_untaxed, move.amount_tax, item.display_type,
               item.account_id, item.balance, item.amount_currency, item.tax_line_id,
               item.quantity, item.price_unit, item.date_maturity, item.product_id,
               item.tax_base_amount, item.product_uom_id,
               ARRAY(SELECT account_tax_id FROM account_move_line_account_tax_rel
                      WHERE account_move_line_id = item.id ORDER BY 1),
               ARRAY(SELECT account_account_tag_id
                       FROM account_account_tag_account_move_line_rel
                      WHERE account_move_line_id = item.id ORDER BY 1)
          FROM account_move_line item
          JOIN account_move move ON move.id = item.move_id
         WHERE item.move_id = ANY(%s)
      ORDER BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
        """,
        [moves.ids],
    )
    return hashlib.sha256(repr(cr.fetchall()).encode()).hexdigest()[:12]


# -- Data ----------------------------------------------------------------------


def seed_set(env, size, lines):
    """Return ids of what each way drafts ``size`` invoices of."""
    whole = seed.make_running(env, size, lines)
    parts = seed.make_running(env, size, lines, plan="instalments_3")
    plain = seed.confirm_plain(seed.make_orders(env, size, lines))
    ids = {
        "lines": whole.schedule_line_ids.ids,
        "parts": [order.schedule_line_ids[0].id for order in parts],
        "plain": plain.ids,
        "contracts": _peers.make_contracts(env, size, lines).ids,
        "plans": [],
        "subscriptions": [],
    }
    if size <= SLOW["OCA sale_invoice_plan, thirds"]:
        ids["plans"] = _peers.make_plans(env, size, lines).ids
    if size <= SLOW["OCA subscription_oca, cron"]:
        ids["subscriptions"] = _peers.make_subscriptions(env, size, lines).ids
    env.cr.commit()
    env.invalidate_all()
    return ids


def seed_many(env, size):
    """Return the schedule lines of ``size`` orders, made in batches that commit."""
    ids = []
    for start in range(0, size, SEED_BATCH):
        seed.say(f"making {size} orders for one run of the job: {start}")
        orders = seed.make_running(env, min(SEED_BATCH, size - start), 1)
        ids += orders.schedule_line_ids.ids
        env.cr.commit()
        env.invalidate_all()
    return {"lines": ids}


def seed_with_one_bad(env, size):
    """Return the schedule lines of ``size`` orders, of which one cannot be drafted."""
    receivable = env["account.account"].search(
        [
            ("account_type", "=", "asset_receivable"),
            ("company_ids", "in", env.company.ids),
        ],
        limit=1,
    )
    product = seed.make_service(
        env, name="Bench mistake", property_account_income_id=receivable.id
    )
    good = seed.make_running(env, size - 1, 1)
    bad = seed.make_running(env, 1, 1, product=product)
    ids = good.schedule_line_ids.ids
    return {
        "good": ids,
        "lines": ids[: size // 2] + bad.schedule_line_ids.ids + ids[size // 2 :],
    }


# -- Ways ----------------------------------------------------------------------
# Each takes the environment and the ids, and returns what is to be timed.


def case_ours(env, ids, key="lines"):
    """The job of the addon, driver and parking included."""
    now = fields.Datetime.now()
    model = env["cycle.schedule.line"]

    def get_domain(model):
        due = model._get_lines_to_draft_domain(seed.TODAY, now)
        return due & Domain("id", "in", ids[key])

    return lambda: model._run_job(
        get_domain,
        lambda lines: lines._draft_invoices(),
        cron="order_invoice_cycle.ir_cron_draft_invoices",
        order="date_due, id",
    )


def case_ours_parts(env, ids):
    """The job of the addon on thirds of orders, split to the cent."""
    return case_ours(env, ids, "parts")


def case_floor(env, ids, key="lines"):
    """The floor: core's own batched create of the same invoices."""
    lines = env["cycle.schedule.line"].browse(ids[key])
    prepared = [strip(values) for values in lines._prepare_invoices()]
    moves = env["account.move"].with_context(default_move_type="out_invoice")

    def run():
        for start in range(0, len(prepared), FLOOR_BATCH):
            moves.create(prepared[start : start + FLOOR_BATCH])
            env.flush_all()

    return run


def strip(values):
    """Leave what anybody would give: no amounts of items, no link to a schedule."""
    given = {"balance", "amount_currency", "tax_tag_ids", "analytic_distribution"}
    values = {**values}
    for name in ("schedule_line_id", "fiscal_position_id"):
        values.pop(name)
    values["invoice_line_ids"] = [
        Command.create(
            {name: value for name, value in item.items() if name not in given}
        )
        for _command, _id, item in values["invoice_line_ids"]
    ]
    return values


def case_floor_parts(env, ids):
    """The floor for the thirds of orders.

    What a third is to the cent comes from the addon, for core knows no such thing;
    the floor of whole orders has the rows of core's own way from orders to invoices.
    """
    return case_floor(env, ids, "parts")


def case_core(env, ids):
    """Core's own way from orders to invoices, all in one call."""
    orders = env["sale.order"].browse(ids["plain"])
    # Core groups by customer by default; the same invoices are one for each order.
    return lambda: orders._create_invoices(grouped=True)


LINEAR = "this addon, one run"
CASES = {
    "floor": case_floor,
    "this addon": case_ours,
    "core _create_invoices": case_core,
    "OCA contract, cron": _peers.case_contract,
    "OCA subscription_oca, cron": _peers.case_subscription,
    "floor, thirds": case_floor_parts,
    "this addon, thirds": case_ours_parts,
    "OCA sale_invoice_plan, thirds": _peers.case_plan,
}
