from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

DECIDED = ("approved", "rejected")


class CycleApproval(models.Model):
    """One decision asked of one rule for one version of an order.

    Asked (``waiting`` until the decisions before it are made, then ``pending``),
    decided once, and never changed or deleted afterwards. When the terms change
    before the decision, it becomes ``superseded``.
    """

    _name = "cycle.approval"
    _inherit = ["cycle.state.mixin"]
    _description = "Approval"
    _order = "order_id, version, sequence, id"
    _rec_name = "rule_name"

    order_id = fields.Many2one(
        "sale.order", required=True, index=True, ondelete="restrict"
    )
    company_id = fields.Many2one(related="order_id.company_id", store=True)
    currency_id = fields.Many2one(related="order_id.currency_id")
    amount_total = fields.Monetary(related="order_id.amount_total")
    partner_id = fields.Many2one(related="order_id.partner_id")
    rule_id = fields.Many2one("cycle.approval.rule", ondelete="set null")
    rule_name = fields.Char(string="Asked by rule", required=True)
    sequence = fields.Integer(required=True)
    version = fields.Integer(required=True)
    terms_hash = fields.Char(string="Terms", required=True)
    terms_json = fields.Text(
        string="Terms in full",
        readonly=True,
        help="What was to be decided about; its SHA-256 is the fingerprint.",
    )
    state = fields.Selection(
        [
            ("waiting", "Not asked yet"),
            ("pending", "To decide"),
            ("approved", "Approved"),
            ("rejected", "Rejected"),
            ("superseded", "Superseded"),
        ],
        required=True,
        default="waiting",
        index=True,
    )
    _transitions = {
        "waiting": {"pending", "superseded"},
        "pending": {"approved", "rejected", "superseded"},
    }
    requester_id = fields.Many2one("res.users", string="Requested by", required=True)
    date_requested = fields.Datetime(required=True)
    approver_ids = fields.Many2many("res.users", string="Asked")
    user_id = fields.Many2one("res.users", string="Decided by")
    date_decided = fields.Datetime()
    comment = fields.Text()
    can_decide = fields.Boolean(compute="_compute_can_decide")

    _asked_once = models.UniqueIndex(
        "(order_id, version, sequence) WHERE state != 'superseded'",
        "This approval has already been asked for.",
    )

    def write(self, vals):
        """Refuse to change a decision: it is evidence, for the superuser as well."""
        decided = self.filtered(lambda approval: approval.state in DECIDED)
        if decided:
            raise UserError(
                self.env._(
                    "The decision “%(decision)s” on order %(order)s is kept as "
                    "evidence and cannot be changed. A new version of the order asks "
                    "for a new one.",
                    decision=decided[0].rule_name,
                    order=decided[0].order_id.name,
                )
            )
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_never(self):
        if self:
            raise UserError(
                self.env._(
                    "Approvals are kept as evidence and cannot be deleted "
                    "(order %(order)s).",
                    order=self[0].order_id.name,
                )
            )

    @api.depends("state", "approver_ids")
    @api.depends_context("uid")
    def _compute_can_decide(self):
        for approval in self:
            approval.can_decide = self.env.user in approval._get_deciders()

    # === BUTTONS === #

    def action_approve(self):
        """Approve what is asked, as one of those who are asked.

        :raise UserError: when it is not asked any more, e.g. by a list opened earlier
        """
        for approval in self:
            if approval not in approval.order_id._get_pending_approval():
                raise UserError(
                    self.env._(
                        "“%(rule)s” is not asked any more about order %(order)s: it "
                        "was decided, or the order was changed. Look at the order.",
                        rule=approval.rule_name,
                        order=approval.order_id.name,
                    )
                )
        self.order_id.action_approve()

    def action_open_reject(self):
        """Open the dialog that asks for the reason."""
        return self.order_id.action_open_reject()

    def action_view_order(self):
        """Open the order that is to be decided about."""
        self.ensure_one()
        return self.order_id.get_formview_action()

    # === DECIDING === #

    def _get_deciders(self):
        """Return who may decide now: who was asked, less whose order it is.

        Asked again at the moment of the decision, because the salesperson may have
        changed since.
        """
        approvals = self.sudo().filtered(lambda approval: approval.state == "pending")
        deciders = approvals.approver_ids
        for approval in approvals:
            deciders -= approval.order_id._get_excluded_approvers(approval.requester_id)
        return deciders

    def _check_can_decide(self, user):
        """Raise unless ``user`` may make the decision.

        :raise AccessError: when somebody else was asked
        """
        self.ensure_one()
        if user not in self._get_deciders():
            raise AccessError(
                self.env._(
                    "You cannot decide about order %(order)s: “%(rule)s” asks "
                    "%(approvers)s. Nobody approves an order of their own.",
                    order=self.order_id.name,
                    rule=self.rule_name,
                    approvers=", ".join(self._get_deciders().mapped("name")) or "-",
                )
            )

    def _set_approved(self, user, comment=None):
        return self._update_state(
            "approved",
            user_id=user.id,
            date_decided=fields.Datetime.now(),
            comment=comment,
        )

    def _set_rejected(self, user, reason):
        return self._update_state(
            "rejected",
            user_id=user.id,
            date_decided=fields.Datetime.now(),
            comment=reason,
        )

    def _set_superseded(self):
        return self.filtered(
            lambda approval: approval.state in ("waiting", "pending")
        )._update_state("superseded")

    # === ASKING === #

    def _ask_next(self):
        """Ask the first approval of each order that still waits, and notify."""
        for order in self.order_id:
            approvals = order._get_current_approvals()
            if approvals.filtered(lambda approval: approval.state == "pending"):
                continue
            first = approvals.filtered(lambda approval: approval.state == "waiting")[:1]
            first._update_state("pending")
            first._notify_approvers()

    def _notify_approvers(self):
        for approval in self:
            order = approval.order_id
            for user in approval.approver_ids:
                order.activity_schedule(
                    "order_invoice_cycle.mail_activity_type_approval",
                    summary=approval.rule_name,
                    user_id=user.id,
                )
