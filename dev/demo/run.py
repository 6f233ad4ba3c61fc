"""The eight weeks: who does what, day by day, with one line printed per step.

Customers answer at the real time, because their evidence is true; everything else
happens on simulated days, which are handed to Odoo as parameters. The server runs no
scheduled action meanwhile: it would act on its own today.
"""

from __future__ import annotations

import datetime
import importlib
from pathlib import Path

from .. import console, environment
from . import company, customers, loader, story
from .bar import Bar
from .office import Office

FILES = environment.ROOT / "demo"
IMPORTS = (
    ("manager", "product.template", "services.csv"),
    ("sales", "res.partner", "customers.csv"),
    ("sales", "sale.order", "orders.csv"),
)


class Run:
    """One run of the demo on a new database."""

    def __init__(self, office: Office, catcher, url: str):
        """
        :param catcher: the :class:`dev.mailcatcher.MailCatcher` that Odoo writes to
        :param url: the address at which the database is served
        """
        self.office = office
        self.catcher = catcher
        self.url = url
        self.today = datetime.date.today()
        self.published = {"green": 0, "amber": 0}
        self.paid = {"in full": 0, "in part": 0}

    def play(self) -> None:
        """Go through the whole story."""
        self.prepare()
        self.import_files()
        self.submit_and_approve()
        self.let_customers_answer()
        self.live_through_the_weeks()
        self.pay_online()

    def day(self, number: int) -> datetime.date:
        """Return the date of a day of the story."""
        return story.day_zero(self.today) + datetime.timedelta(days=number)

    def record(self, env, name: str):
        """Return the record that a file's external id stands for."""
        return env.ref(f"__import__.{name}")

    # -- Before the first day --------------------------------------------------

    def prepare(self) -> None:
        """Set the company up."""
        with self.office.at_work() as env:
            company.set_up(env, self.url, self.today)
            self.today = env.company._cycle_today()
        people = ", ".join(company.PEOPLE)
        console.say(f"{company.NAME} with its {people}", "set up")

    def import_files(self) -> None:
        """Import the files, moved so that their eight weeks end today."""
        days = story.days_to_move(self.today)
        for login, model, name in IMPORTS:
            sheet = loader.move_dates(loader.read(FILES / name), days)
            with self.office.at_work(login) as env:
                ids = loader.load(env[model], sheet)
            text = f"{len(ids)} records from demo/{name}, {len(sheet.rows)} rows"
            console.say(text, f"{login} imports")

    def submit_and_approve(self) -> None:
        """Sales submits every order, a second person approves."""
        with self.office.at_work("sales") as env:
            orders = env["sale.order"].search([("payment_mode", "!=", False)])
            orders.action_submit_for_approval()
            ids = orders.ids
        console.say(f"{len(ids)} orders for approval", "sales submits")
        with Bar("approved", len(ids)) as bar:
            for order_id in reversed(ids):
                with self.office.at_work("approver") as env:
                    env["sale.order"].browse(order_id).action_approve()
                bar.advance()
        console.say(f"{len(ids)} orders, none of them their own", "approver approves")

    def let_customers_answer(self) -> None:
        """Send the links, and let each customer answer the one in their mail."""
        self.send_messages("links")
        links = [
            customers.find_link(mail, customers.CONFIRMATION_LINK)
            for mail in self.catcher.messages()
        ]
        links = [link for link in links if link]
        console.say(f"{len(links)} links arrived by e-mail", "customers")
        answers = {"confirmed": 0, "commented": 0, "silent": 0}
        with Bar("answered", len(links)) as bar:
            # All open their mail before the first answers, so nobody has to wait.
            for visit in [customers.open_link(link) for link in links]:
                answers[customers.answer(visit, self._get_order_of_link)] += 1
                bar.advance()
        self.send_messages("receipts")
        text = (
            f"{answers['confirmed']} confirm, {answers['commented']} send comments, "
            f"{answers['silent']} does not answer"
        )
        console.say(text, "customers")

    def _get_order_of_link(self, number: int) -> tuple[str, str]:
        """Return the external ids of the order and the customer of a link."""
        with self.office.at_work() as env:
            order = env["cycle.confirmation"].browse(number).order_id
            names = order._get_external_ids()
            partners = order.partner_id._get_external_ids()
            return tuple(
                found[0].partition(".")[2]
                for found in (names[order.id], partners[order.partner_id.id])
            )

    # -- The eight weeks -------------------------------------------------------

    def live_through_the_weeks(self) -> None:
        """Work through every day, and say after each week what it brought."""
        before = self._count()
        with Bar("days", story.LAST_DAY + 1) as bar:
            for number in range(story.LAST_DAY + 1):
                self._live_through(number)
                bar.advance()
                if number % 7 == 6:
                    now = self._count()
                    bar.say(*self._describe_week(number, before, now))
                    before = now

        published = [f"{count} {colour}" for colour, count in self.published.items()]
        text = f"{' and '.join(published)}, these after a look at them"
        console.say(text, "billing published")
        paid = [f"{count} {how}" for how, count in self.paid.items()]
        console.say(" and ".join(paid), "billing registered payments")

    def _live_through(self, number: int) -> None:
        """Do the work of one day."""
        day = self.day(number)
        self._complete_services(number)
        self.office.run_jobs(day)
        if number <= story.LAST_DAY_OF_BILLING:
            self._publish(day)
            self.office.send_messages(day)
        self._receive_payments(number)
        self._open_disputes(number)
        self.office.send_reminders(day)
        self.office.send_messages(day)

    def _describe_week(self, number: int, before: dict, now: dict) -> tuple[str, str]:
        """Return in words what a week added, and which week it was."""
        news = [
            f"{key} +{now[key] - before[key]}" for key in now if now[key] > before[key]
        ]
        days = f"{self.day(number - 6):%d %b} to {self.day(number):%d %b}"
        return f"{days}: {', '.join(news)}", f"week {number // 7 + 1}"

    def _count(self) -> dict[str, int]:
        """Return how much there is of everything that a week adds to."""
        with self.office.at_work() as env:
            moves, reminders = env["account.move"], env["cycle.reminder"]
            posted = [("move_type", "=", "out_invoice"), ("state", "=", "posted")]
            renewed = env["sale.order"].search([("term_number", ">", 1)])
            return {
                "invoices": moves.search_count(posted),
                "payments": sum(self.paid.values()),
                "reminders": reminders.search_count([("state", "=", "sent")]),
                "renewals": sum(order.term_number - 1 for order in renewed),
                "disputes": env["cycle.dispute"].search_count([]),
            }

    def _complete_services(self, number: int) -> None:
        """Sales marks the orders whose service was done that day."""
        done = [name for name, day in story.COMPLETED.items() if day == number]
        for name in done:
            with self.office.at_work("sales") as env:
                order = self.record(env, name)
                order.action_mark_completed(date=self.day(number))

    def _publish(self, day: datetime.date) -> None:
        """Billing publishes what is green, and what is amber after a look at it."""
        with self.office.at_work("billing") as env:
            drafts = self._get_drafts(env)
            red = drafts.filtered(lambda move: move.publish_check_state == "red")
            if red:
                self._publish_red(red, day)
                drafts = self._get_drafts(env)
            findings = drafts._get_publish_findings(day)
            green = drafts.filtered(lambda move, found=findings: not found[move])
            for colour, moves in (("green", green), ("amber", drafts - green)):
                if moves:
                    moves.action_publish(today=day)
                    self.published[colour] += len(moves)

    @staticmethod
    def _get_drafts(env):
        """Return the drafts to look at."""
        return env["account.move"].search(
            [("state", "=", "draft"), ("schedule_line_id", "!=", False)], order="id"
        )

    def _publish_red(self, red, day: datetime.date) -> None:
        """Try to publish, read why it is refused, and fill in what is missing."""
        user_error = importlib.import_module("odoo.exceptions").UserError
        try:
            red.action_publish(today=day)
        except user_error as refusal:
            console.say(str(refusal), "billing is refused")
        for name, street in story.MISSING_STREETS.items():
            self.record(red.env, name).street = street

    def _receive_payments(self, number: int) -> None:
        """Register the payments that arrive on a day."""
        with self.office.at_work("billing") as env:
            invoices = env["account.move"].search(
                [
                    ("move_type", "=", "out_invoice"),
                    ("state", "=", "posted"),
                    ("payment_state", "in", ("not_paid", "partial")),
                ],
                order="id",
            )
            for invoice in invoices:
                share = self._get_share_paid(invoice, number)
                if share:
                    self._register_payment(invoice, share, self.day(number))

    def _get_share_paid(self, invoice, number: int) -> float:
        """Return which share of what is open is paid on a day, 0 for nothing."""
        order = invoice.schedule_line_id.order_id
        name = order._get_external_ids()[order.id][0].partition(".")[2]
        lines = order.schedule_line_ids.filtered("invoice_id").sorted("date_due")
        position = lines.ids.index(invoice.schedule_line_id.id) + 1
        payments = story.PAYMENTS.get(name, {}).get(position)
        if payments is None:
            return float(invoice.invoice_date_due == self.day(number))
        return dict(payments).get(number, 0)

    def _register_payment(self, invoice, share: float, day: datetime.date) -> None:
        """Register one payment of an invoice, as its dialog does."""
        amount = invoice.currency_id.round(invoice.amount_residual * share)
        dialog = invoice.env["account.payment.register"].with_context(
            active_model="account.move", active_ids=invoice.ids
        )
        dialog.create({"payment_date": day, "amount": amount})._create_payments()
        self.paid["in full" if share == 1 else "in part"] += 1

    def _open_disputes(self, number: int) -> None:
        """Collections opens the cases about which customers call that day."""
        for name, reason in story.DISPUTES.get(number, {}).items():
            with self.office.at_work("collections") as env:
                invoice = self.record(env, name).schedule_line_ids.invoice_id
                env["cycle.dispute"].create(
                    {
                        "move_id": invoice.id,
                        "reason": reason,
                        "date_opened": self.day(number),
                    }
                )

    # -- The last day ----------------------------------------------------------

    def pay_online(self) -> None:
        """One customer pays by the link in the invoice's mail."""
        with self.office.at_work() as env:
            order = self.record(env, story.PAYS_ONLINE)
            address = order.partner_id.email
        links = [
            customers.find_link(mail, customers.INVOICE_LINK)
            for mail in self.catcher.messages(address)
        ]
        customers.pay_online(next(filter(None, links)))
        with self.office.at_work() as env:
            env["payment.transaction"]._cron_post_process()
        self.paid["in full"] += 1
        self.send_messages()
        console.say("1 invoice with the demo payment provider", "customer pays online")

    def send_messages(self, topic: str = "") -> None:
        """Run the outbox now; say how many mails it sent."""
        before = len(self.catcher.files())
        waiting = self._count_queued()
        if not waiting:
            return
        with Bar(topic, waiting, lambda: len(self.catcher.files()) - before):
            self.office.send_messages()
        sent = len(self.catcher.files()) - before
        if topic:
            console.say(f"{sent} {topic} sent", "outbox")

    def _count_queued(self) -> int:
        with self.office.at_work() as env:
            return env["cycle.message"].search_count([("state", "=", "queued")])


def export_pdfs(office: Office, folder: Path) -> int:
    """Copy the archived PDFs to a folder, under their names; return how many."""
    folder.mkdir(parents=True, exist_ok=True)
    with office.at_work() as env:
        files = env["ir.attachment"].search(
            [
                ("mimetype", "=", "application/pdf"),
                ("res_model", "!=", False),
                ("res_field", "in", (False, "invoice_pdf_report_file")),
            ],
            order="id",
        )
        # A letter that was made again has the name of the one before.
        for file in files:
            name = file.name.replace("/", "-")
            (folder / name).write_bytes(file.raw)
        return len({file.name for file in files})
