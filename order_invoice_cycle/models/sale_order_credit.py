from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command

from ..tools.buckets import (
    deduct,
    merge_buckets,
    scale_buckets,
    sum_buckets,
    tax_set,
)

DECISION_ACTIVITY = "order_invoice_cycle.mail_activity_type_decision"


class AccountMove(models.Model):
    _inherit = "account.move"

    amended_order_id = fields.Many2one(
        "sale.order",
        string="Credits the amendment of",
        readonly=True,
        copy=False,
        index="btree_not_null",
        help="A credit note of what was invoiced beyond the amended order.",
    )


class SaleOrder(models.Model):
    """Credit: what was invoiced beyond the order, and invoices of a cancelled one."""

    _inherit = "sale.order"

    amended_credit_note_ids = fields.One2many(
        "account.move", "amended_order_id", readonly=True
    )
    amount_to_credit = fields.Monetary(
        compute="_compute_amount_to_credit",
        compute_sudo=True,
        help="Invoiced beyond what the order is worth since its amendment.",
    )

    @api.depends(
        "amount_total",
        "schedule_line_ids.settled_amounts",
        "schedule_line_ids.move_ids.state",
        "schedule_line_ids.move_ids.reversal_move_ids.state",
        "schedule_line_ids.move_ids.reversal_move_ids.amount_total",
    )
    def _compute_amount_to_credit(self):
        for order in self:
            amount = sum(sum_buckets(order._get_excess_buckets()))
            order.amount_to_credit = order.currency_id.round(amount)

    def _get_excess_buckets(self):
        """Return what was invoiced, and not credited, beyond the amended order.

        What is settled is written down once, with the credit notes of that day; here
        all of them count, whoever made them, so that none is proposed twice.
        """
        self.ensure_one()
        # Each billing period stands by itself: what was billed at the price of its
        # time is owed, whatever the price is now.
        if self.payment_mode == "recurring" or not self.applied_amendment_id:
            return []
        if self.state != "sale":
            return []
        settled = self.schedule_line_ids.filtered("settled_amounts")
        buckets = [bucket for x in settled for bucket in x._get_uncredited_buckets()]
        return deduct(self._get_rounded_base_lines(), buckets, self.company_id)[1]

    def action_draft_credit_note(self):
        """Draft the credit notes of what was invoiced beyond the amended order.

        The latest invoices are credited first, none beyond what it charged.

        :return: the action that opens the drafts
        :raise UserError: when nothing is to be credited
        """
        self.ensure_one()
        self.check_access("write")
        if not self.amount_to_credit:
            raise UserError(
                self.env._(
                    "Nothing is to be credited on order %s: no more was invoiced than "
                    "it is worth, or the credit note exists already.",
                    self.name,
                )
            )
        # In superuser mode, as invoices of an order are made.
        moves = self.sudo()._draft_credit_notes()
        self.sudo().activity_unlink([DECISION_ACTIVITY])
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Credit Notes"),
            "res_model": "account.move",
            "view_mode": "list,form",
            "domain": [("id", "in", moves.ids)],
        }

    def _draft_credit_notes(self):
        self.ensure_one()
        currencies = (self.currency_id, self.company_id.currency_id)
        excess = {
            tax_set(bucket["taxes"]): bucket for bucket in self._get_excess_buckets()
        }
        values = []
        for line in self.schedule_line_ids.sorted("date_due", reverse=True):
            taken = []
            for bucket in line._get_uncredited_buckets() if line.invoice_id else []:
                if self.currency_id.compare_amounts(bucket["untaxed"][0], 0) <= 0:
                    continue
                over = excess.pop(tax_set(bucket["taxes"]), None)
                if not over:
                    continue
                if over["untaxed"][0] <= bucket["untaxed"][0]:
                    taken.append({**over, "account": bucket["account"]})
                    continue
                taken.append(bucket)
                given = scale_buckets([bucket], -1)
                left = merge_buckets([over, *given], *currencies, False)
                excess.update((tax_set(rest["taxes"]), rest) for rest in left)
            if taken:
                charged = line._get_charged_for(taken)
                values.append(self._prepare_credit_note(line.invoice_id, charged))
        moves = self.env["account.move"].with_company(self.company_id)
        return moves.with_context(default_move_type="out_refund").create(values)

    def _prepare_credit_note(self, invoice, buckets):
        lang = self.env["res.company"]._cycle_lang(invoice.partner_id)
        order = self.with_context(lang=lang)
        text = order.env._(
            "Correction of %(invoice)s: order %(order)s was amended",
            invoice=invoice.name,
            order=self.name,
        )
        return {
            "move_type": "out_refund",
            "partner_id": invoice.partner_id.id,
            "partner_shipping_id": invoice.partner_shipping_id.id,
            "journal_id": invoice.journal_id.id,
            "currency_id": invoice.currency_id.id,
            "fiscal_position_id": invoice.fiscal_position_id.id,
            "invoice_user_id": invoice.invoice_user_id.id,
            "invoice_origin": self.name,
            "ref": text,
            "reversed_entry_id": invoice.id,
            "amended_order_id": self.id,
            "invoice_line_ids": [
                Command.create(
                    {
                        **order._prepare_fixed_line(bucket, 1.0),
                        "name": text,
                    }
                )
                for bucket in buckets
            ],
        }

    # === DECISIONS === #

    def _propose_credit_note(self):
        """Ask the salesperson to credit what was invoiced beyond the order."""
        self.ensure_one()
        if self.amount_to_credit:
            self._ask_for_decision(
                self.env._("Credit what was invoiced too much"),
                self.env._(
                    "%(amount)s more were invoiced than the amended order is worth. "
                    "Use “Draft credit note” on the order, check it and post it.",
                    amount=self.currency_id.format(self.amount_to_credit),
                ),
            )

    def _action_cancel(self):
        result = super()._action_cancel()
        for order in self.filtered("payment_mode"):
            order.sudo()._ask_about_posted_invoices()
        return result

    def _ask_about_posted_invoices(self):
        """List the published invoices of a cancelled order: somebody decides."""
        self.ensure_one()
        invoices = self.schedule_line_ids.invoice_id.filtered(
            lambda move: move.state == "posted" and move.payment_state != "reversed"
        )
        if not invoices:
            return
        rows = [
            self.env._(
                "%(invoice)s: %(total)s, of which %(open)s are open",
                invoice=invoice._get_html_link(),
                total=invoice.currency_id.format(invoice.amount_total),
                open=invoice.currency_id.format(invoice.amount_residual),
            )
            for invoice in invoices
        ]
        self._ask_for_decision(
            self.env._("Decide about the published invoices"),
            Markup("<p>%s</p><ul>%s</ul>")
            % (
                self.env._(
                    "The order was cancelled. These invoices stay, and reminders go "
                    "on for what is open: credit what is not owed any more."
                ),
                Markup("").join(Markup("<li>%s</li>") % row for row in rows),
            ),
        )

    def _ask_for_decision(self, summary, note):
        self.activity_schedule(
            DECISION_ACTIVITY,
            summary=summary,
            note=note,
            user_id=self._job_owner().id,
        )
