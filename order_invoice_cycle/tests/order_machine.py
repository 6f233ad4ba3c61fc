import base64
from datetime import date, datetime, time, timedelta

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from odoo.exceptions import UserError
from odoo.fields import Command

from .seeds import get_progress_logger

_progress = get_progress_logger(__name__)

ON_BEHALF = {
    "channel": "phone",
    "name": "Jan Nowak",
    "date": "2027-01-15",
    "reason": "Confirmed by phone",
    "attachment_name": "note.txt",
    "attachment": base64.b64encode(b"Call at 10:00").decode(),
}
CENTS = st.integers(1, 10**6)


class OrderSteps(RuleBasedStateMachine):
    """What people, customers and jobs may do to an order and to its amendments.

    Everybody tries everything at any time: what is refused leaves nothing behind. The
    clock is ``now``; the test lets the addon read it.
    """

    case = None  # set by the test
    plans: list[str] = []  # set by the test, ends of the plans' xml ids
    clock = None  # the machine that runs, whose time it is

    def __init__(self):
        super().__init__()
        self.env = self.case.env
        self.savepoint = self.env.cr.savepoint()
        self.now = datetime.combine(date(2027, 1, 15), time(9))
        # Counts what happened, so that it is known what was looked at already.
        self.events = 1
        self.checked = 0
        type(self).clock = self
        self.case.figures["sequences"] += 1
        _progress.info("Sequence %s", self.case.figures["sequences"])

    def teardown(self):
        self.savepoint.rollback()
        self.savepoint.close()
        self.env.invalidate_all()

    @property
    def today(self):
        return self.now.date()

    @property
    def orders(self):
        """The order and its amendments, live or not."""
        return self.order | self.order.amendment_ids

    @property
    def offer(self):
        """What is being agreed on: the amendment under way, else the order."""
        return self.order.live_amendment_id or self.order

    @initialize(place=st.integers(0, 59), cents=CENTS, is_running=st.booleans())
    def create_order(self, place, cents, is_running):
        plan = self.plans[place % len(self.plans)]
        lines = [
            self.case._create_line(price=cents / 100),
            self.case._create_line(price=99.99, taxes=self.case.tax_8),
        ]
        self.order = self.case._create_order(plan=plan, lines=lines)
        if is_running:
            self.submit()
            self.approve()
            self.accept()

    # === SALES AND APPROVERS === #

    @rule()
    def submit(self):
        self._try(self._as("sales", self.offer).action_submit_for_approval)

    @rule()
    def approve(self):
        self._try(self._as("approver", self.offer).action_approve)

    @rule()
    def reject(self):
        self._try(self._as("approver", self.offer).action_reject, "Too cheap.")

    @rule()
    def send(self):
        self._try(self._as("sales", self.offer).action_send_confirmation)

    @rule()
    def revoke(self):
        self._try(self._as("sales", self.offer.confirmation_ids).action_revoke)

    @rule()
    def confirm_on_behalf(self):
        own = self._as("manager", self.offer)
        self._try(own.action_confirm_on_behalf, ON_BEHALF)

    @rule(cents=CENTS, field=st.sampled_from(["price_unit", "product_uom_qty"]))
    def edit(self, cents, field):
        line = self._as("sales", self.offer).order_line[:1]
        self._try(line.write, {field: cents / 100})

    @rule(cents=CENTS)
    def add_line(self, cents):
        lines = [self.case._create_line(price=cents / 100, taxes=self.case.tax_8)]
        self._try(self._as("sales", self.offer).write, {"order_line": lines})

    @rule()
    def remove_line(self):
        line = self.offer.order_line[1:2]
        lines = [Command.delete(line.id)] if line else []
        self._try(self._as("sales", self.offer).write, {"order_line": lines})

    @rule(is_offer=st.booleans())
    def cancel(self, is_offer):
        order = self.offer if is_offer else self.order
        self._try(self._as("sales", order).action_cancel)

    @rule(is_last=st.booleans())
    def set_back(self, is_last):
        order = self.orders[-1:] if is_last else self.order
        self._try(self._as("sales", order).action_draft)

    @precondition(lambda self: self.order.state == "sale")
    @rule(cents=CENTS)
    def amend(self, cents):
        self._try(self._as("sales", self.order).action_amend)
        if self.order.live_amendment_id:
            self.edit(cents, "price_unit")

    @precondition(lambda self: self.order.state == "sale")
    @rule(verb=st.sampled_from(["pause", "resume", "terminate", "mark_completed"]))
    def direct(self, verb):
        run = getattr(self._as("sales", self.order), f"action_{verb}")
        self._try(run, self.today)

    @precondition(lambda self: self.order.state == "sale")
    @rule(verb=st.sampled_from(["give_notice", "withdraw_notice"]))
    def give_notice(self, verb):
        self._try(getattr(self._as("sales", self.order), f"action_{verb}"))

    @rule(
        place=st.integers(0, 3),
        verb=st.sampled_from(["hold", "release", "skip", "draft_again"]),
    )
    def direct_payment(self, place, verb):
        line = self._as("sales", self.order).schedule_line_ids[place : place + 1]
        self._try(getattr(line, f"action_{verb}"))

    # === THE CUSTOMER === #

    @rule()
    def accept(self):
        self._deliver()
        for link in self._get_links():
            self._try(link._confirm, link.terms_hash, "Jan Nowak")

    @precondition(lambda self: self._get_links())
    @rule(verb=st.sampled_from(["_comment", "_decline"]))
    def object(self, verb):
        self._deliver()
        for link in self._get_links()[:1]:
            answer = getattr(link, verb)
            self._try(answer, link.terms_hash, "Jan Nowak", "Because.")

    @precondition(lambda self: self._get_moves("posted"))
    @rule(share=st.sampled_from([0.5, 1]))
    def pay(self, share):
        for move in self._get_moves("posted"):
            if move.amount_residual > 0:
                amount = move.currency_id.round(move.amount_residual * share)
                self._try(self.case._pay, move, amount=amount, date=self.today)
                return

    # === JOBS === #

    @rule(days=st.sampled_from([1, 8, 31, 92]))
    def wait(self, days):
        self.now += timedelta(days=days)
        self.events += 1

    @precondition(lambda self: self.order.state == "sale")
    @rule()
    def draft(self):
        self._run("cycle.schedule.line", "_cron_draft_invoices", today=self.today)

    @precondition(lambda self: self.order.payment_mode == "recurring")
    @rule()
    def renew(self):
        self._run("cycle.schedule.line", "_cron_renew_terms", today=self.today)

    @precondition(lambda self: self._get_moves("posted"))
    @rule()
    def remind(self):
        self._run("cycle.reminder", "_cron_send_reminders", today=self.today)
        self._deliver()

    @precondition(lambda self: self._get_links())
    @rule()
    def nudge(self):
        self._run("cycle.confirmation", "_cron_nudge_confirmations", now=self.now)

    # === BILLING === #

    @precondition(lambda self: self._get_moves("draft"))
    @rule()
    def publish(self):
        drafts = self._as("billing", self._get_moves("draft"))
        self._try(drafts.action_publish, today=self.today)

    @precondition(lambda self: self._get_moves("draft"))
    @rule(verb=st.sampled_from(["unlink", "button_cancel"]))
    def remove_draft(self, verb):
        self._try(getattr(self._as("billing", self._get_moves("draft")[:1]), verb))

    @precondition(lambda self: self._get_moves("posted"))
    @rule()
    def reset_invoice(self):
        self._try(self._as("billing", self._get_moves("posted")[:1]).button_draft)

    @precondition(lambda self: self._get_moves("posted"))
    @rule()
    def refund(self):
        move = self._get_moves("posted")[:1]
        self._try(self._refund, move)

    @precondition(lambda self: self.order.amount_to_credit)
    @rule()
    def credit(self):
        self._try(self._as("sales", self.order).action_draft_credit_note)
        self._try(self.order.amended_credit_note_ids.action_post)

    @precondition(lambda self: self._get_moves("posted"))
    @rule()
    def dispute(self):
        move = self._get_moves("posted")[-1:]
        values = {"move_id": move.id, "reason": "Not as agreed.", "amount": 1}
        self._try(self._as("collections", self.env["cycle.dispute"]).create, values)

    @precondition(lambda self: self._get_open_disputes())
    @rule(outcome=st.sampled_from(["accepted", "rejected"]))
    def resolve(self, outcome):
        own = self._as("collections", self._get_open_disputes()[:1])
        self._try(own.action_resolve, outcome, note="Settled.")

    # === HOW === #

    def _try(self, act, *arguments, **options):
        """Do it, or see it refused; a refused step leaves nothing behind."""
        self.now += timedelta(minutes=1)
        try:
            with self.env.cr.savepoint():
                act(*arguments, **options)
                self.env.flush_all()
        except UserError:
            self.env.invalidate_all()
            self.case.figures["refused"] += 1
        else:
            self.case.figures["done"] += 1
            self.events += 1

    def _run(self, model, job, **options):
        self.now += timedelta(minutes=1)
        self.case._run_cron(model, job, **options)
        self.case.figures["runs of jobs"] += 1
        self.events += 1

    def _deliver(self):
        self._run("cycle.message", "_cron_send_messages", now=self.now)

    def _as(self, role, records):
        return records.with_user(getattr(self.case, f"user_{role}"))

    def _get_links(self):
        links = self.orders.sudo().confirmation_ids
        return links.filtered(lambda link: link.state == "sent")

    def _get_moves(self, state):
        moves = self.order.sudo().schedule_line_ids.invoice_id
        return moves.filtered(lambda move: move.state == state)

    def _get_open_disputes(self):
        disputes = self._get_moves("posted").dispute_ids
        return disputes.filtered(lambda dispute: dispute.state == "open")

    def _refund(self, move):
        wizard = self.env["account.move.reversal"].with_context(
            active_model="account.move", active_ids=move.ids
        )
        values = {"journal_id": move.journal_id.id, "date": self.today}
        wizard.create(values).refund_moves()
        move.reversal_move_ids.filtered(lambda one: one.state == "draft").action_post()
