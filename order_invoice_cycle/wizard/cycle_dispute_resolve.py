from odoo import fields, models


class CycleDisputeResolve(models.TransientModel):
    """Asks how a dispute ends."""

    _name = "cycle.dispute.resolve"
    _description = "Resolve a Dispute"

    dispute_id = fields.Many2one("cycle.dispute", required=True)
    currency_id = fields.Many2one(related="dispute_id.currency_id")
    amount_disputed = fields.Monetary(related="dispute_id.amount", string="Disputed")
    outcome = fields.Selection(
        [
            ("accepted", "Accepted: a credit note over all of it is drafted"),
            ("partly", "Partly accepted: a credit note over a part is drafted"),
            ("rejected", "Rejected: the reminders go on after a grace"),
        ],
        required=True,
        default="accepted",
    )
    amount = fields.Monetary(string="Accepted amount", help="Taxes included.")
    note = fields.Text(help="Kept with the case.")

    def action_resolve(self):
        """End the dispute, and open the credit note when there is one."""
        self.ensure_one()
        self.dispute_id.action_resolve(self.outcome, self.amount, self.note)
        credit_note = self.dispute_id.credit_note_id
        if credit_note:
            return credit_note.get_formview_action()
        return {"type": "ir.actions.act_window_close"}
