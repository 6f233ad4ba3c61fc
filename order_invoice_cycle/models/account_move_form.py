from odoo import api, fields, models


class AccountMove(models.Model):
    """What the form of an invoice shows of its reminders and disputes."""

    _inherit = "account.move"

    cycle_dispute_count = fields.Integer(
        string="Disputes", compute="_compute_cycle_counts"
    )
    cycle_reminder_count = fields.Integer(
        string="Reminders", compute="_compute_cycle_counts"
    )
    can_dispute = fields.Boolean(
        compute="_compute_can_dispute",
        help="Something of this published invoice is open and not disputed yet.",
    )

    @api.depends("dispute_ids", "line_ids.cycle_reminder_ids")
    def _compute_cycle_counts(self):
        for model, field in (
            ("cycle.dispute", "cycle_dispute_count"),
            ("cycle.reminder", "cycle_reminder_count"),
        ):
            counts = dict(
                self.env[model]._read_group(
                    [("move_id", "in", self.ids)], ["move_id"], ["__count"]
                )
            )
            for move in self:
                move[field] = counts.get(move._origin, 0)

    @api.depends("state", "move_type", "amount_residual", "amount_disputed")
    def _compute_can_dispute(self):
        for move in self:
            move.can_dispute = (
                move.state == "posted"
                and move.move_type == "out_invoice"
                and move.currency_id.compare_amounts(
                    move.amount_residual, move.amount_disputed
                )
                > 0
            )

    def action_view_cycle_disputes(self):
        """Open the disputes about this invoice."""
        return self._get_cycle_action("cycle_dispute_action")

    def action_view_cycle_reminders(self):
        """Open the reminders of this invoice."""
        return self._get_cycle_action("cycle_reminder_action")

    def _get_cycle_action(self, name):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            f"order_invoice_cycle.{name}"
        )
        return {**action, "domain": [("move_id", "=", self.id)], "context": {}}
