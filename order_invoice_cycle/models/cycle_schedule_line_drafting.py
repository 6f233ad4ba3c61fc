from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command, Domain
from odoo.tools import SQL, format_date


class CycleScheduleLine(models.Model):
    """Drafting: the invoice of a scheduled payment, in time and once."""

    _inherit = "cycle.schedule.line"

    # === JOBS === #

    @api.model
    def _get_lines_to_draft_domain(self, today, now):
        """Return the domain of the lines whose draft invoice is due."""
        return (
            Domain("state", "=", "planned")
            & Domain("date_draft", "<=", today)
            & (Domain("retry_at", "=", False) | Domain("retry_at", "<=", now))
        )

    @api.model
    def _cron_draft_invoices(self, today=None):
        """Draft the invoices that are due within the lead days, oldest first.

        :param date today: the day it counts as, for every company; by default each
            company's own today
        """
        now = fields.Datetime.now()
        self._request_due_payments(fields.Date.to_date(today))

        def get_domain(model):
            company = model.env.company
            day = fields.Date.to_date(today) or company._cycle_today()
            return model._get_lines_to_draft_domain(day, now) & Domain(
                "company_id", "=", company.id
            )

        self._run_job(
            get_domain,
            lambda lines: lines._draft_invoices(),
            cron="order_invoice_cycle.ir_cron_draft_invoices",
            order="date_due, id",
        )

    # === DRAFTING === #

    def _draft_invoices(self):
        """Create one draft invoice per line that has none, in one batch."""
        self._wait_for_others()
        lines = self.filtered(lambda line: not line.invoice_id)
        lines._check_can_draft()
        for company, company_lines in lines.grouped("company_id").items():
            company_lines.with_company(company)._create_invoices()
        lines.sudo().hold_reason = False
        lines.sudo()._job_succeeded()

    def _wait_for_others(self):
        """Let a second click wait for the first, and then see its invoice.

        A row that changed meanwhile raises a serialization failure, on which Odoo
        replays the request. The order comes first, as in the job.
        """
        for records in (self.order_id, self):
            records.flush_recordset()
            self.env.cr.execute(
                SQL(
                    "SELECT 1 FROM %s WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE",
                    SQL.identifier(records._table),
                    records.ids,
                )
            )

    def _check_can_draft(self):
        labels = dict(self._fields["state"]._description_selection(self.env))
        for line in self:
            # On hold, a payment may besides wait for what has not happened yet.
            if line.state not in ("planned", "held") or line._is_waiting():
                raise UserError(
                    self.env._(
                        "“%(line)s” cannot be invoiced: it is “%(state)s”. %(hint)s",
                        line=line.display_name,
                        state=labels[line.state],
                        hint=line._get_drafting_hint(),
                    )
                )

    def _create_invoices(self):
        """Create the draft invoices of ``self``, lines of one company.

        In superuser mode, as core does: a salesperson may invoice an order without
        being allowed to write invoices.
        """
        moves = self.env["account.move"].sudo()
        moves = moves.with_context(
            mail_create_nolog=True, default_move_type="out_invoice"
        ).create(self._prepare_invoices())
        moves._message_log_batch(
            bodies={
                move.id: self.env._(
                    "Draft of “%(line)s”, due on %(date)s.",
                    line=move.schedule_line_id.display_name,
                    date=format_date(self.env, move.schedule_line_id.date_due),
                )
                for move in moves
            }
        )
        return moves

    def _prepare_invoices(self):
        """Return the values of the draft invoices of ``self``, lines of one company."""
        company = self.company_id
        orders = self.order_id.sudo().with_company(company)
        # Read once for all orders what core reads for each of them.
        orders.order_line.fetch(["tax_ids", "invoice_lines"])
        orders.transaction_ids.fetch(["state", "payment_id"])
        journals = {
            currency: self.env["account.move"]
            .with_company(company)
            .new({"move_type": "out_invoice", "currency_id": currency.id})
            ._search_default_journal()
            for currency in orders.currency_id
        }
        lines = self.grouped("order_id")
        invoices = [
            {"journal_id": journals[order.currency_id].id, **values}
            for order in orders
            for values in lines[order]._prepare_order_invoices(order)
        ]
        self._complete_invoices(invoices, company)
        return invoices

    def _prepare_order_invoices(self, order):
        """Return the values of the draft invoices of ``self``, lines of ``order``."""
        order = order.with_context(lang=order.partner_invoice_id.lang)
        invoice_lines = order._prepare_schedule_invoice_lines(self)
        return [
            {
                **order._prepare_invoice(),
                **order._prepare_invoice_transactions(line),
                "schedule_line_id": line.id,
                "invoice_payment_term_id": False,
                "invoice_date_due": line.date_due,
                "invoice_line_ids": [
                    Command.create(values) for values in invoice_lines[line]
                ],
            }
            for line in self
        ]

    def _drop_drafts(self):
        """Remove the draft invoices of ``self``, which may then be drafted again.

        A draft that was posted before has a number and is cancelled, not deleted. A
        payment that a person put on hold has no draft, and stays on hold.
        """
        lines = self.filtered(lambda line: line.invoice_id.state == "draft")
        drafts = lines.invoice_id
        numbered = drafts.filtered("posted_before")
        numbered.button_cancel()
        (drafts - numbered).unlink()
        lines.hold_reason = False

    def _get_drafting_hint(self):
        """Return what has to happen before this line can be invoiced."""
        self.ensure_one()
        order = self.order_id
        if order.state != "sale":
            return self.env._("The customer has not confirmed the order.")
        if self.is_skipped:
            return self.env._("It was skipped.")
        if self._is_paused():
            return self.env._("The order is paused: resume it first.")
        if self.term_number > order.term_number:
            return self.env._("Its term has not been renewed yet.")
        if self.is_payment_awaited:
            return self.env._(
                "Its payment request has not been paid: record the payment with "
                "“Payment received”."
            )
        if self.trigger == "completion":
            return self.env._("Mark the order as completed first.")
        return self.env._("Give it a due date first.")

    # === JOB === #

    def _job_document(self):
        return self.order_id
