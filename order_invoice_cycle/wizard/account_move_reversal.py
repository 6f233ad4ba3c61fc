from odoo import models


class AccountMoveReversal(models.TransientModel):
    _inherit = "account.move.reversal"

    def reverse_moves(self, is_modify=False):
        """Let *Reverse and Create Invoice* leave the new invoice in the schedule."""
        moves = self.move_ids
        action = super().reverse_moves(is_modify)
        if is_modify:
            # Core creates one for each, in the order of the invoices.
            new_moves = self.new_move_ids.sorted("id")
            for move, new_move in zip(moves, new_moves, strict=True):
                move._hand_schedule_over(new_move)
        return action
