from odoo import api, fields, models

# What ties an invoice to its payment and its archive, or is counted: never typed in.
PROTECTED_FIELDS = {
    "amended_order_id",
    "amount_disputed",
    "cycle_error",
    "cycle_order_id",
    "cycle_pdf_sha256",
    "cycle_publisher_id",
    "cycle_retry_at",
    "is_disputed",
    "is_replaced",
    "schedule_line_id",
}


class AccountMove(models.Model):
    """An invoice of the cycle: it knows its scheduled payment and its disputes."""

    _name = "account.move"
    _inherit = ["account.move", "cycle.message.source", "cycle.job.mixin"]
    _job_error_field = "cycle_error"
    _job_retry_field = "cycle_retry_at"

    schedule_line_id = fields.Many2one(
        "cycle.schedule.line",
        string="Scheduled payment",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="restrict",
        check_company=True,
    )
    cycle_order_id = fields.Many2one(
        related="schedule_line_id.order_id", string="Order", store=True
    )
    dispute_ids = fields.One2many("cycle.dispute", "move_id")
    is_disputed = fields.Boolean(
        compute="_compute_is_disputed",
        store=True,
        help="A dispute about this invoice is open; its amount is not reminded.",
    )
    amount_disputed = fields.Monetary(
        compute="_compute_is_disputed",
        store=True,
        help="Part of the open amount that is not reminded: an open dispute is about "
        "it, or the credit note of an accepted one is not published yet.",
    )
    cycle_message_count = fields.Integer(compute="_compute_cycle_message_count")
    cycle_error = fields.Text(readonly=True, copy=False)
    cycle_retry_at = fields.Datetime(readonly=True, copy=False)

    _one_live_invoice_per_scheduled_payment = models.UniqueIndex(
        "(schedule_line_id) WHERE schedule_line_id IS NOT NULL AND state != 'cancel'"
        " AND is_replaced IS NOT TRUE",
        "This scheduled payment already has an invoice.",
    )

    # === COMPUTES === #

    @api.depends(
        "dispute_ids.state", "dispute_ids.amount", "dispute_ids.credit_note_id.state"
    )
    def _compute_is_disputed(self):
        for move in self:
            disputes = move.dispute_ids.filtered(lambda d: d.state == "open")
            credited = (move.dispute_ids - disputes).filtered(
                lambda d: d.credit_note_id.state == "draft"
            )
            move.is_disputed = bool(disputes)
            move.amount_disputed = sum(disputes.mapped("amount")) + sum(
                credited.mapped("amount_accepted")
            )

    def _compute_cycle_message_count(self):
        messages = self.env["cycle.message"]
        domain = [("res_model", "=", self._name), ("res_id", "in", self.ids)]
        # Sales people without a role in the cycle read invoices, but no messages.
        counts = messages.has_access("read") and dict(
            messages._read_group(domain, ["res_id"], ["__count"])
        )
        for move in self:
            move.cycle_message_count = counts and counts.get(move.id, 0)

    # === LIFE OF THE SCHEDULED PAYMENT === #

    @api.model
    def _has_field_access(self, field, operation):
        """Keep people, imports and remote calls from untying an invoice.

        Its payment would be drafted a second time, or never.
        """
        if operation == "write" and not self.env.su and field.name in PROTECTED_FIELDS:
            return False
        return super()._has_field_access(field, operation)

    @api.ondelete(at_uninstall=False)
    def _unlink_hold_scheduled_payment(self):
        self._hold_scheduled_payments(
            self._get_invoiced_payments(),
            self.env._("The draft invoice was deleted by %s.", self.env.user.name),
        )

    def button_cancel(self):
        lines = self._get_invoiced_payments()
        result = super().button_cancel()
        self._hold_scheduled_payments(
            lines, self.env._("The invoice was cancelled by %s.", self.env.user.name)
        )
        return result

    def _get_invoiced_payments(self):
        """Return the payments whose present invoice is among ``self``."""
        lines = self.schedule_line_id.sudo()
        return lines.filtered(lambda line: line.invoice_id and line.invoice_id <= self)

    def _hold_scheduled_payments(self, lines, reason):
        """A person removed the invoice: a person decides whether it comes again.

        :param lines: the payments whose present invoice it was
        :param str reason: what happened
        """
        lines.hold_reason = reason

    # === DISPUTES AND MESSAGES === #

    def action_open_dispute(self):
        """Open the dialog that opens a dispute about this invoice."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Open a dispute"),
            "res_model": "cycle.dispute",
            "view_mode": "form",
            "views": [
                (
                    self.env.ref("order_invoice_cycle.cycle_dispute_view_form_open").id,
                    "form",
                )
            ],
            "target": "new",
            "context": {
                "default_move_id": self.id,
                "default_amount": self.amount_residual,
            },
        }

    def action_view_cycle_messages(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "order_invoice_cycle.cycle_message_action"
        )
        action["domain"] = [("res_model", "=", self._name), ("res_id", "=", self.id)]
        action["context"] = {}
        return action
