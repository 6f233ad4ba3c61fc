from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import UserError


class CycleApprovalDecide(models.TransientModel):
    """Approves or rejects one or many; what cannot be decided says why."""

    _name = "cycle.approval.decide"
    _description = "Decide about Approvals"

    decision = fields.Selection(
        [("approve", "Approve"), ("reject", "Reject")], required=True
    )
    approval_ids = fields.Many2many("cycle.approval", string="Asked", required=True)
    comment = fields.Text(help="Sales reads it, and it is kept for good.")
    open_count = fields.Integer(compute="_compute_open_count")
    done_count = fields.Integer(string="Decided", readonly=True)
    refused_html = fields.Html(string="Not decided", readonly=True)

    @api.depends("approval_ids.can_decide")
    def _compute_open_count(self):
        for wizard in self:
            wizard.open_count = len(wizard.approval_ids.filtered("can_decide"))

    def action_decide(self):
        """Decide about each for itself.

        :return: the dialog again, saying what was not decided and why; or what
            closes it, when all were
        :raise UserError: when a reason is missing
        """
        self.ensure_one()
        if self.decision == "reject" and not (self.comment or "").strip():
            raise UserError(
                self.env._("Say why you reject the order: sales will read it.")
            )
        refused = []
        for approval in self.approval_ids:
            problem = self._decide(approval)
            if problem:
                refused.append((approval.order_id.sudo().name, problem))
        if not refused:
            return {"type": "ir.actions.act_window_close"}
        self.done_count = len(self.approval_ids) - len(refused)
        items = (Markup("<li><b>%s</b>: %s</li>") % item for item in refused)
        self.refused_html = Markup("<ul>%s</ul>") % Markup().join(items)
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Not decided"),
            "res_model": self._name,
            "res_id": self.id,
            "view_mode": "form",
            "target": "new",
        }

    def _decide(self, approval):
        """Decide about one; return why it could not be, or None."""
        # What the list showed is what is decided about.
        approval = approval.with_context(cycle_seen_terms=approval.sudo().terms_hash)
        try:
            with self.env.cr.savepoint():
                if self.decision == "approve":
                    approval.action_approve(self.comment)
                else:
                    approval.action_reject(self.comment)
                self.env.flush_all()
        except UserError as error:
            return str(error.args[0])
        return None
