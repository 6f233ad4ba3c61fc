from odoo import api, fields, models
from odoo.exceptions import RedirectWarning


class MailActivity(models.Model):
    """An approval that is asked for stays asked until it is decided."""

    _inherit = "mail.activity"

    cycle_asked_terms = fields.Char(
        compute="_compute_cycle_asked_terms",
        help="The terms that you are asked to approve; empty when you are not asked.",
    )

    @api.depends("activity_type_id", "res_model", "res_id")
    @api.depends_context("uid")
    def _compute_cycle_asked_terms(self):
        kind = self._get_approval_kind()
        asking = self.filtered(
            lambda activity: (
                activity.activity_type_id == kind and activity.res_model == "sale.order"
            )
        )
        orders = self.env["sale.order"].browse(asking.mapped("res_id")).exists()
        terms = {
            order.id: order.terms_hash
            for order in orders._filtered_access("read")
            if order.can_decide
        }
        for activity in self:
            activity.cycle_asked_terms = activity in asking and terms.get(
                activity.res_id, False
            )

    def _to_store_defaults(self, target):
        """Let the chatter offer the decision to whoever may make it."""
        return [*super()._to_store_defaults(target), "cycle_asked_terms"]

    @api.model
    def _get_approval_kind(self):
        """Return the activity type of approvals, empty while it is being installed."""
        kind = self.env.ref(
            "order_invoice_cycle.mail_activity_type_approval", raise_if_not_found=False
        )
        return kind or self.env["mail.activity.type"]

    def _action_done(self, feedback=False, attachment_ids=None):
        """Refuse to tick off an approval: that would look like one, and be none."""
        self._check_approval_decided()
        return super()._action_done(feedback=feedback, attachment_ids=attachment_ids)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_open_approval(self):
        self._check_approval_decided()

    def _check_approval_decided(self):
        """Raise when an activity asks for a decision that is still to be made.

        The addon itself closes them in superuser mode, once it is decided.

        :raise RedirectWarning: with a button that leads to the decision
        """
        kind = self._get_approval_kind()
        if self.env.su or not kind:
            return
        for activity in self.filtered(lambda a: a.activity_type_id == kind):
            order = self.env["sale.order"].sudo().browse(activity.res_id).exists()
            if activity.user_id in order._get_pending_approval()._get_deciders():
                raise RedirectWarning(
                    self.env._(
                        "Marking this activity as done or cancelling it decides "
                        "nothing about order %(order)s. Approve or reject it: with the "
                        "buttons on the order, or in the list To Approve.",
                        order=order.name,
                    ),
                    self.env.ref("order_invoice_cycle.cycle_approval_action").id,
                    self.env._("Open To Approve"),
                )
