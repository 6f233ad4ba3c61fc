import hashlib
import uuid

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain

CRON = "order_invoice_cycle.ir_cron_publish_invoices"
# A click answers at once up to here; more is done by the job, so many at a time.
AT_ONCE = 20


class AccountMove(models.Model):
    """Publishing: a draft is posted, archived as PDF and e-mailed."""

    _inherit = "account.move"

    cycle_publisher_id = fields.Many2one(
        "res.users",
        string="Being published for",
        readonly=True,
        copy=False,
        index="btree_not_null",
        help="Who asked for it; the job publishes it in a moment.",
    )
    cycle_pdf_sha256 = fields.Char(
        string="Fingerprint of the PDF",
        readonly=True,
        copy=False,
        help="SHA-256 of the PDF that was archived when the invoice was published.",
    )

    # === PUBLISHING === #

    def action_publish(self, today=None):
        """Post the drafts; their PDF is archived and e-mailed right afterwards.

        Red drafts are refused with their reasons, the others go through. What is
        posted already, or does not come from a schedule, is left alone, so a second
        click does nothing. More than a few are published by a job, in batches that
        commit, and the user is told how far it is.

        :param date today: date of the invoices, by default each company's today
        :return: a notification that says what happened
        :raise AccessError: without the billing role
        :raise UserError: when every draft was refused
        """
        drafts = self._check_can_publish()
        if len(drafts) > AT_ONCE and not today:
            return drafts._publish_in_background()
        published = self.browse()
        accepted = drafts._refuse_red(today)
        for company, moves in accepted.grouped("company_id").items():
            day = fields.Date.to_date(today) or company._cycle_today()
            moves = moves.with_company(company)
            ids, _failed = moves._run_job_halving(
                moves, lambda batch, day=day: batch._publish(day)
            )
            published |= self.browse(ids)
        refused = drafts - published
        if refused and not published:
            raise UserError(refused._get_refusal_text())
        return self._get_publish_notification(published, refused)

    @api.model
    def action_publish_green(self):
        """Publish every draft of the active companies in which nothing is unusual.

        :return: a notification that says what happened
        :raise AccessError: without the billing role
        :raise UserError: when there is none
        """
        self._check_can_publish()
        green = self.search(
            self._get_to_publish_domain()
            & Domain("move_type", "=", "out_invoice")
            & Domain("company_id", "in", self.env.companies.ids)
            & Domain("cycle_publisher_id", "=", False)
        ).filtered(lambda move: move.publish_check_state == "green")
        if not green:
            raise UserError(
                self.env._(
                    "There is no draft in which nothing is unusual. Look at the others "
                    "one by one."
                )
            )
        return green.action_publish()

    def _check_can_publish(self):
        """Return the drafts among ``self``, for a person with the billing role."""
        if not self.env.user.has_group("order_invoice_cycle.group_cycle_billing"):
            raise AccessError(
                self.env._("Only the billing role of the order cycle publishes.")
            )
        self.check_access("write")
        return self._get_cycle_drafts()

    def _refuse_red(self, today=None):
        """Tell on each red draft why it is refused; return the others."""
        findings = self._get_publish_findings(fields.Date.to_date(today))
        accepted = self.browse()
        for move in self:
            reasons = [text for colour, text in findings[move] if colour == "red"]
            if reasons:
                move.sudo().cycle_error = "\n".join(reasons)
            else:
                accepted |= move
        return accepted

    def _publish(self, today):
        """Post ``self``, drafts of one company, and queue their e-mails.

        What was posted before keeps its dates, with its number.
        """
        fresh = self.filtered(lambda move: not move.posted_before)
        # One write for each due date: core looks through the items after every write.
        for due, moves in fresh.grouped(
            lambda move: move._get_due_date_of_posting(today)
        ).items():
            moves._move_maturities(due)
            moves.write({"invoice_date": today, "invoice_date_due": due})
        self._post_checked()
        self._job_succeeded()
        self._withdraw_request()
        self.env["cycle.message"]._queue_all(
            [(move, move.partner_id) for move in self],
            "invoice",
            self.env.ref("order_invoice_cycle.mail_template_invoice"),
        )

    def _move_maturities(self, due):
        """Give the receivables of drafts their maturity in one write.

        Core would write them one by one when the due date of their invoice changes. It
        still looks whether they are right, and corrects what is not.

        :param datetime.date due: the due date that the invoices are about to get
        """
        single = self.filtered(lambda move: not move.invoice_payment_term_id)
        receivables = single.line_ids.filtered(
            lambda line: line.display_type == "payment_term"
        )
        receivables.with_context(
            skip_invoice_sync=True, skip_invoice_line_sync=True
        ).write({"date_maturity": due})

    def _withdraw_request(self):
        """Forget who asked for the publishing: it is done, or a person looks first."""
        requested = self.sudo().filtered("cycle_publisher_id")
        requested._write_aside({"cycle_publisher_id": False})

    def _write_aside(self, values):
        """Write what is no part of the accounting.

        Core looks through all journal items before and after each write, for what
        may have changed; nothing can have.

        :param dict values: neither amounts, dates, parties nor anything they depend on
        """
        self.with_context(skip_invoice_sync=True, check_move_validity=False).write(
            values
        )

    def _get_refusal_text(self):
        return "\n".join(
            self.env._(
                "%(invoice)s was not published: %(reason)s",
                invoice=move.schedule_line_id.display_name,
                reason=move.cycle_error,
            )
            for move in self
        )

    def _get_publish_notification(self, published, refused):
        message = self.env._("%s invoice(s) published.", len(published))
        if refused:
            message += "\n" + refused._get_refusal_text()
        return self._notify_publishing(message, is_problem=bool(refused))

    def _notify_publishing(self, message, is_problem=False):
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "warning" if is_problem else "success",
                "message": message,
                "sticky": is_problem,
                "next": {"type": "ir.actions.act_window_close"},
            },
        }

    # === MANY AT ONCE === #

    def _publish_in_background(self):
        """Leave the drafts to the job; return a notification."""
        self.sudo().cycle_publisher_id = self.env.user
        self.env.ref(CRON).sudo()._trigger()
        return self._notify_publishing(
            self.env._(
                "%s invoices are being published. You are told how far it is; this "
                "list shows what is left.",
                len(self),
            )
        )

    @api.model
    def _cron_publish_invoices(self, today=None):
        """Publish what people asked to publish, in batches that commit.

        :param date today: date of the invoices, by default each company's today
        """
        self._run_job(
            lambda model: (
                model._get_to_publish_domain()
                & Domain("cycle_publisher_id", "!=", False)
                & Domain("company_id", "=", model.env.company.id)
            ),
            lambda moves: moves._publish_for_others(fields.Date.to_date(today)),
            cron=CRON,
            order="invoice_date_due, id",
            batch_size=AT_ONCE,
        )

    def _publish_for_others(self, today=None):
        """Publish a batch of the job, and tell those who asked for it how far it is."""
        batches = self.grouped("cycle_publisher_id")
        accepted = self._refuse_red(today)
        self._withdraw_request()
        if accepted:
            accepted._publish(today or self.company_id._cycle_today())
        for publisher, moves in batches.items():
            published = moves & accepted
            text = self.env._("Published by %s.", publisher.name)
            published._message_log_batch(bodies=dict.fromkeys(published.ids, text))
            self._tell_progress(publisher, len(published), len(moves - published))

    def _tell_progress(self, publisher, published, refused):
        """Show the user how many are done; on the screen once this is committed."""
        left = self.sudo().search_count(
            self._get_to_publish_domain()
            & Domain("cycle_publisher_id", "in", publisher.ids)
        )
        env = self.with_context(lang=publisher.lang).env
        message = env._("%s invoice(s) published.", published)
        if refused:
            message += "\n" + env._("%s refused: the list says why.", refused)
        message += "\n" + (env._("%s to go.", left) if left else env._("All are done."))
        publisher._bus_send(
            "simple_notification",
            {
                "type": "warning" if refused else "success",
                "title": env._("Publishing"),
                "message": message,
                "sticky": not left,
            },
        )

    def _job_failed(self, error):
        """Take the request back as well: a person looks at the reason first."""
        super()._job_failed(error)
        self._withdraw_request()

    # === OUTBOX === #

    def _cycle_message_documents(self, message):
        """Render and archive the PDFs by core's own send.

        It also makes the electronic formats that are installed and sends those that
        go another way than by e-mail. All PDFs of one report are rendered in one go.
        """
        # The mail links to the invoice online.
        for move in self.filtered(lambda move: not move.access_token):
            move._write_aside({"access_token": str(uuid.uuid4())})
        missing = self.filtered(
            lambda move: move.state == "posted" and not move.invoice_pdf_report_id
        )
        if not missing:
            return
        unsent = missing.filtered(lambda move: not move.is_move_sent)
        send = self.env["account.move.send"].with_context(cycle_no_print_delay=True)
        for methods, moves in missing.grouped(
            lambda move: tuple(sorted(move._get_electronic_methods()))
        ).items():
            send._generate_and_send_invoices(
                moves, allow_raising=False, sending_methods=list(methods)
            )
        # Core calls an invoice sent as soon as its PDF is there.
        unsent._write_aside({"is_move_sent": False})
        for move in missing:
            content = move.invoice_pdf_report_id.raw
            digest = content and hashlib.sha256(content).hexdigest()
            move.sudo()._write_aside({"cycle_pdf_sha256": digest})

    def _get_electronic_methods(self):
        """Return core's ways to send that are not e-mail, which is the outbox's."""
        self.ensure_one()
        methods = self.env["account.move.send"]._get_default_sending_methods(self)
        return set(methods) - {"email", "manual"}

    def _cycle_message_obstacle(self, message):
        if self.state != "posted":
            return self.env._("The invoice is not posted any more.")
        if not self.invoice_pdf_report_id:
            raise UserError(
                self.env._("The PDF of %s could not be made.", self.display_name)
            )
        return False

    def _cycle_message_stamp(self, message):
        """A payment changes what is left to pay, and with it the invoice itself."""
        if message.purpose != "invoice" or not self.invoice_pdf_report_id:
            return super()._cycle_message_stamp(message)
        return self.write_date, self.amount_residual, self.state

    def _cycle_message_attachments(self, message):
        return self.env["account.move.send"]._get_invoice_extra_attachments(self)

    def _cycle_message_sent(self, message):
        self._write_aside({"is_move_sent": True})
        self._message_log(
            body=self.env._("Sent to %(address)s.", address=message.email_to)
        )

    def _cycle_message_failed(self, message):
        if message.date_sent:
            # It had gone out, and came back.
            self.is_move_sent = False
