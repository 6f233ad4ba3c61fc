from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain


class CycleScheduleLine(models.Model):
    """Payment request: a prepayment is asked for without an invoice.

    Where an unpaid advance invoice would be a tax liability, a pro-forma without a
    number goes out first; the invoice is drafted when its payment arrives.
    """

    _name = "cycle.schedule.line"
    _inherit = ["cycle.schedule.line", "cycle.message.source"]

    is_paid_by_request = fields.Boolean(
        compute="_compute_is_paid_by_request",
        help="Asked for by a payment request; its invoice follows the payment.",
    )
    is_payment_awaited = fields.Boolean(
        compute="_compute_is_payment_awaited",
        store=True,
        help="Asked for by a payment request that has not been paid.",
    )
    date_requested = fields.Datetime(
        string="Requested on", readonly=True, copy=False, help="The request was sent."
    )
    is_request_queued = fields.Boolean(readonly=True, copy=False)
    request_pdf_id = fields.Many2one("ir.attachment", readonly=True, copy=False)
    deposit_payment_id = fields.Many2one(
        "account.payment",
        string="Paid by",
        readonly=True,
        copy=False,
        check_company=True,
        ondelete="restrict",
    )

    _one_prepayment_per_payment = models.UniqueIndex(
        "(deposit_payment_id) WHERE deposit_payment_id IS NOT NULL",
        "This payment has paid another prepayment already.",
    )

    @api.depends("kind", "order_id.deposit_document")
    def _compute_is_paid_by_request(self):
        for line in self:
            line.is_paid_by_request = (
                line.kind == "deposit" and line.order_id.deposit_document == "request"
            )

    @api.depends(
        "is_paid_by_request",
        "is_skipped",
        "order_id.state",
        "deposit_payment_id.state",
        "invoice_id",
    )
    def _compute_is_payment_awaited(self):
        for line in self:
            line.is_payment_awaited = (
                line.is_paid_by_request
                and line.order_id.state == "sale"
                and not line.is_skipped
                and not line._is_paid_by_payment()
                and not line.invoice_id
            )

    def _is_paid_by_payment(self):
        """Tell whether the payment of the request is there: a cancelled one is not."""
        self.ensure_one()
        return self.sudo().deposit_payment_id.state in ("in_process", "paid")

    # === THE GATE === #

    def _get_unpaid_deposits(self):
        """Return the prepayments that nobody paid and no manager gave up.

        One whose invoice was credited before it was paid is not paid either.
        """
        return self.filtered(
            lambda line: (
                line.kind == "deposit"
                and line.order_id.payment_mode == "prepayment"
                and line.order_id.state == "sale"
                and line.state != "paid"
                and not line.is_skipped
                and not line._is_paid_by_payment()
            )
        )

    def action_skip(self):
        """Give the lines up for good; an unpaid prepayment is a manager's to give up.

        :raise UserError: when one is an unpaid prepayment, and the user no manager
        """
        unpaid = self._get_unpaid_deposits()[:1]
        is_manager = self.env.user.has_group("order_invoice_cycle.group_cycle_manager")
        if unpaid and not is_manager:
            raise UserError(
                self.env._(
                    "The prepayment “%(line)s” has not been paid, and the work waits "
                    "for it. Ask a manager to skip it, or wait for the payment.",
                    line=unpaid.display_name,
                )
            )
        return super().action_skip()

    def action_release(self):
        """Let held lines go on; what was asked for before its payment went is asked
        for anew."""
        result = super().action_release()
        self.sudo().filtered(
            lambda line: line.is_payment_awaited and line.deposit_payment_id
        )._forget_request()
        return result

    # === JOB === #

    @api.model
    def _get_payments_to_request_domain(self, today):
        return (
            Domain("is_payment_awaited", "=", True)
            & Domain("is_request_queued", "=", False)
            & Domain("hold_reason", "=", False)
            & Domain("order_id.is_paused", "=", False)
            & Domain("date_draft", "<=", today)
        )

    def _request_due_payments(self, today=None):
        """Send the payment requests that are due; a part of the drafting job.

        :param date today: the day it counts as; by default each company's own
        """

        def get_domain(model):
            company = model.env.company
            day = today or company._cycle_today()
            return model._get_payments_to_request_domain(day) & Domain(
                "company_id", "=", company.id
            )

        self._run_job(
            get_domain,
            lambda lines: lines._request_payment(),
            cron="order_invoice_cycle.ir_cron_draft_invoices",
            order="date_due, id",
        )

    def _request_payment(self):
        """Queue the payment request of each line; its PDF is made before it is sent."""
        self.is_request_queued = True
        template = self.env.ref("order_invoice_cycle.mail_template_payment_request")
        for line in self:
            order = line.order_id
            self.env["cycle.message"]._queue(
                line, "payment_request", template, order._get_request_recipient()
            )

    def _forget_request(self):
        """Let what was asked for be asked for anew: it is another amount, or date."""
        self.write(
            {
                "is_request_queued": False,
                "request_pdf_id": False,
                "date_requested": False,
            }
        )

    def _get_requested(self):
        """Return what the payment requests that are out ask for: {line: request}."""
        asked = self.filtered(
            lambda line: line.is_payment_awaited and line.is_request_queued
        )
        return {line: (line.amount_total, line.date_due) for line in asked}

    def action_request_payment(self):
        """Send the payment requests again, for instance to a corrected address."""
        self.order_id.check_access("write")
        awaited = self.filtered("is_payment_awaited").sudo()
        awaited.request_pdf_id = False
        awaited._request_payment()

    # === OUTBOX === #

    def _cycle_message_documents(self, message):
        for line in self.filtered(lambda line: not line.request_pdf_id):
            line.request_pdf_id = line._render_request()

    def _get_request_deadline(self):
        """Return until when to pay: when it is due, but not before there was time."""
        self.ensure_one()
        company = self.company_id
        earliest = company._cycle_today() + timedelta(
            days=company.cycle_min_payment_days
        )
        return max(self.date_due or earliest, earliest)

    def _render_request(self):
        report = self.env["ir.actions.report"].sudo()
        content, _kind = report._render_qweb_pdf(
            "order_invoice_cycle.action_report_cycle_payment_request", self.ids
        )
        name = self.env._("Payment request %s.pdf", self.order_id.name)
        return self.env["ir.attachment"].create(
            {
                "name": name,
                "raw": content,
                "mimetype": "application/pdf",
                "res_model": "sale.order",
                "res_id": self.order_id.id,
            }
        )

    def _cycle_message_obstacle(self, message):
        if not self.is_payment_awaited:
            return self.env._("The payment is not awaited any more.")
        if self.order_id.is_paused:
            # Asked for anew once the order is resumed, as it is then.
            self.write({"is_request_queued": False, "request_pdf_id": False})
            return self.env._("The order is paused.")
        if not self.request_pdf_id:
            raise UserError(
                self.env._("The PDF of %s could not be made.", self.display_name)
            )
        return False

    def _cycle_message_attachments(self, message):
        return self.request_pdf_id

    def _cycle_message_failed(self, message):
        self.date_requested = False

    def _cycle_message_sent(self, message):
        self.date_requested = message.date_sent
        self.order_id._message_log(
            body=self.env._(
                "Payment request over %(amount)s sent to %(address)s.",
                amount=self.currency_id.format(self.amount_total),
                address=message.email_to,
            )
        )
