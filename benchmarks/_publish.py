"""Inside Odoo: publish the same invoices by the addon and by core, and time them."""

import contextlib
import gc
import json
import time
from pathlib import Path
from unittest.mock import patch

from odoo import SUPERUSER_ID, api

from odoo.addons.base.models.ir_mail_server import IrMail_Server

from . import _seed as seed

ROUNDS = 3


def measure(env, options, result):
    """Seed drafts, publish them ``ROUNDS`` times in turn, write the figures as JSON."""
    env = env(user=SUPERUSER_ID)
    env["ir.config_parameter"].set_param("report.url", options["url"])
    env.company.write({"email": "office@service.example", "vat": "PL5260250995"})
    seed.say("filling the ledger")
    seed.fill_ledger(env, 300)
    seed.say(f"making {options['size']} drafts and a sample of {options['sample']}")
    orders = seed.make_running(env, options["size"], 1)
    orders.schedule_line_ids._draft_invoices()
    ours = orders.schedule_line_ids.invoice_id
    plain = seed.confirm_plain(seed.make_orders(env, options["sample"], 1))
    core = plain._create_invoices(grouped=True)
    ids = {"ours": ours.ids, "core": core.ids}
    seed.analyze(env)
    with env.registry.cursor() as cr:
        seed.say("warming up: the styles of the documents")
        warm = api.Environment(cr, SUPERUSER_ID, {})["account.move"].browse(ids["core"])
        publish_by_core(warm[:1], [1])
        cr.rollback()
    figures = []
    for number in range(ROUNDS):
        for case, function in CASES.items():
            seed.say(f"{case}, round {number + 1}")
            figure = run_case(env.registry, function, ids)
            figures.append({"case": case, "round": number, **figure})
    Path(result).write_text(json.dumps(figures))


def run_case(registry, function, ids):
    """Run one way on an empty cache and roll it back; e-mails end in a list."""
    with registry.cursor() as cr, mail_server() as sent:
        cr.commit = lambda: (cr.flush(), cr.clear())
        env = api.Environment(cr, SUPERUSER_ID, {})
        gc.collect()
        seconds, count = function(env, ids)
        figure = {**seconds, "count": count, "mails": len(sent)}
        cr.rollback()
    return figure


@contextlib.contextmanager
def mail_server():
    """Take the e-mails at once: the mail server is not what is measured."""
    sent = []

    def send_email(_server, message, *_args, **_kwargs):
        sent.append(message)
        return message["Message-Id"]

    with (
        patch.object(IrMail_Server, "send_email", send_email),
        patch.object(IrMail_Server, "_connect__", lambda *_args, **_kwargs: None),
    ):
        yield sent


@contextlib.contextmanager
def timed(owner, name, clock):
    """Add up the seconds that a method takes."""
    original = getattr(owner, name)

    def run(*args, **kwargs):
        began = time.perf_counter()
        try:
            return original(*args, **kwargs)
        finally:
            clock[0] += time.perf_counter() - began

    with patch.object(owner, name, run):
        yield


def case_ours(env, ids):
    """The job of the addon, then its outbox: PDFs in batches, then the e-mails."""
    moves = env["account.move"].browse(ids["ours"])
    moves.cycle_publisher_id = env.user
    env.flush_all()
    env.invalidate_all()
    began = time.perf_counter()
    moves._cron_publish_invoices(today=seed.TODAY)
    env.flush_all()
    posted = time.perf_counter()
    clock = [0.0]
    with timed(env.registry["account.move"], "_cycle_message_documents", clock):
        env["cycle.message"]._cron_send_messages()
    env.flush_all()
    rest = time.perf_counter() - posted
    if any(not move.is_move_sent for move in moves):
        raise AssertionError("not every invoice was sent")
    seconds = {"post": posted - began, "pdf": clock[0], "mail": rest - clock[0]}
    return seconds, len(moves)


def case_core_singly(env, ids):
    """Core: post and *Send & Print*, invoice by invoice, as a person does."""
    moves = env["account.move"].browse(ids["core"])
    return publish_by_core(moves, [1] * len(moves)), len(moves)


def case_core_together(env, ids):
    """Core: post all, then send all in one call, as its own job does."""
    moves = env["account.move"].browse(ids["core"])
    return publish_by_core(moves, [len(moves)]), len(moves)


def publish_by_core(moves, sizes):
    """Post and send by core's own methods, in batches of these sizes."""
    env = moves.env
    send = env["account.move.send"]
    seconds = {"post": 0.0, "pdf": 0.0, "mail": 0.0}
    start = 0
    for size in sizes:
        batch = moves[start : start + size]
        start += size
        began = time.perf_counter()
        batch.action_post()
        env.flush_all()
        posted = time.perf_counter()
        clock = [0.0]
        with timed(
            env.registry["account.move.send"], "_generate_invoice_documents", clock
        ):
            send._generate_and_send_invoices(batch, sending_methods=["email"])
        # Core hands its mails over right after the commit.
        env["mail.mail"].search(
            [("model", "=", batch._name), ("res_id", "in", batch.ids)]
        ).send()
        env.flush_all()
        rest = time.perf_counter() - posted
        seconds["post"] += posted - began
        seconds["pdf"] += clock[0]
        seconds["mail"] += rest - clock[0]
    return seconds


CASES = {
    "this addon": case_ours,
    "core, one by one": case_core_singly,
    "core, one call": case_core_together,
}
