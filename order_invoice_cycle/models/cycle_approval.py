from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain
from odoo.tools import SQL

DECIDED = ("approved", "rejected")
# What a decision says. PostgreSQL keeps it as it is; rule and company are only links:
# a rule may be deleted, and an order that is offered anew may change its company.
EVIDENCE = (
    "order_id",
    "rule_name",
    "sequence",
    "version",
    "terms_hash",
    "terms_json",
    "state",
    "requester_id",
    "date_requested",
    "user_id",
    "substituted_id",
    "date_decided",
    "comment",
)


class CycleApproval(models.Model):
    """One decision asked of one rule for one version of an order.

    Asked (``waiting`` until the decisions before it are made, then ``pending``),
    decided once, and never changed or deleted afterwards. When the terms change
    before the decision, it becomes ``superseded``.
    """

    _name = "cycle.approval"
    _inherit = ["cycle.state.mixin", "cycle.job.mixin"]
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
    substitute_ids = fields.Many2many(
        "res.users",
        "cycle_approval_substitute_rel",
        string="Asked as substitutes",
        help="Stand in for approvers who are absent.",
    )
    date_deadline = fields.Datetime(
        string="Deadline", help="When nobody has decided by then, it escalates."
    )
    date_escalated = fields.Datetime(string="Escalated on")
    user_id = fields.Many2one("res.users", string="Decided by", ondelete="restrict")
    substituted_id = fields.Many2one(
        "res.users", string="In place of", ondelete="restrict"
    )
    date_decided = fields.Datetime()
    comment = fields.Text()
    can_decide = fields.Boolean(
        compute="_compute_can_decide", search="_search_can_decide"
    )
    error = fields.Text(readonly=True)
    retry_at = fields.Datetime(readonly=True)

    _asked_once = models.UniqueIndex(
        "(order_id, version, sequence) WHERE state != 'superseded'",
        "This approval has already been asked for.",
    )

    def init(self):
        """Let PostgreSQL itself refuse to change or delete a decision."""
        self.env.cr.execute(
            SQL(
                """
                CREATE OR REPLACE FUNCTION cycle_approval_decided()
                RETURNS trigger AS $$
                BEGIN
                    IF TG_OP = 'TRUNCATE' THEN
                        RAISE EXCEPTION 'decisions in cycle_approval stay';
                    ELSIF OLD.state NOT IN ('approved', 'rejected') THEN
                        RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
                    ELSIF TG_OP = 'DELETE' OR (%(old)s) IS DISTINCT FROM (%(new)s) THEN
                        RAISE EXCEPTION 'decisions in cycle_approval stay';
                    ELSIF NEW.rule_id IS DISTINCT FROM OLD.rule_id
                            AND NEW.rule_id IS NOT NULL THEN
                        RAISE EXCEPTION 'decisions in cycle_approval stay';
                    END IF;
                    RETURN NEW;
                END;
                $$ LANGUAGE plpgsql;
                DROP TRIGGER IF EXISTS cycle_approval_no_change ON cycle_approval;
                CREATE TRIGGER cycle_approval_no_change
                    BEFORE UPDATE OR DELETE ON cycle_approval
                    FOR EACH ROW EXECUTE FUNCTION cycle_approval_decided();
                DROP TRIGGER IF EXISTS cycle_approval_no_truncate ON cycle_approval;
                CREATE TRIGGER cycle_approval_no_truncate
                    BEFORE TRUNCATE ON cycle_approval
                    FOR EACH STATEMENT EXECUTE FUNCTION cycle_approval_decided();
                """,
                old=SQL(", ").join(SQL.identifier("old", name) for name in EVIDENCE),
                new=SQL(", ").join(SQL.identifier("new", name) for name in EVIDENCE),
            )
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
        deciders = self._get_deciders_by_approval()
        for approval in self:
            approval.can_decide = self.env.user in deciders.get(approval._origin.id, ())

    @api.model
    def _search_can_decide(self, operator, value):
        """Find what the present user may decide; the same rules as in the compute."""
        if operator != "in" or set(value) != {True}:
            return NotImplemented
        user = self.env.user
        own = Domain.OR(
            Domain(name, "=", user.id)
            for name in ("order_id.create_uid", "order_id.user_id", "requester_id")
        )
        allowed = Domain("order_id.company_id.cycle_allow_self_approval", "=", True)
        asked = Domain("approver_ids", "in", user.ids)
        for company in self.env["res.company"].sudo().search([]):
            absent = self.env["cycle.approval.substitute"]._get_represented(
                user, company, company._cycle_today()
            )
            if absent:
                asked |= Domain("company_id", "=", company.id) & Domain(
                    "approver_ids", "in", absent.ids
                )
        return Domain("state", "=", "pending") & asked & (~own | allowed)

    # === BUTTONS === #

    def action_approve(self, comment=None):
        """Approve what is asked, as one of those who are asked; all or nothing.

        :param str comment: kept with the decisions
        :raise UserError: when it is not asked any more, e.g. by a list opened earlier
        """
        for approval in self:
            approval._check_still_asked()
            approval.order_id.action_approve(comment)

    def action_reject(self, reason):
        """Reject what is asked; all or nothing.

        :param str reason: mandatory, kept with the decisions
        :raise UserError: without a reason, or when it is not asked any more
        """
        for approval in self:
            approval._check_still_asked()
            approval.order_id.action_reject(reason)

    def action_open_approve(self):
        """Open the dialog that approves one or many, each for itself."""
        return self._get_decision_dialog("approve", self.env._("Approve"))

    def action_open_reject(self):
        """Open the dialog that rejects one or many, and asks for the reason."""
        return self._get_decision_dialog("reject", self.env._("Reject"))

    def _get_decision_dialog(self, decision, name):
        return {
            "type": "ir.actions.act_window",
            "name": name,
            "res_model": "cycle.approval.decide",
            "view_mode": "form",
            "views": [(False, "form")],
            "target": "new",
            "context": {
                "default_decision": decision,
                "default_approval_ids": self.ids,
            },
        }

    def action_view_order(self):
        """Open the order that is to be decided about."""
        self.ensure_one()
        return self.order_id.get_formview_action()

    # === DECIDING === #

    def _get_deciders(self):
        """Return who may decide about one of ``self`` now."""
        deciders = self._get_deciders_by_approval()
        return self.env["res.users"].sudo().union(*deciders.values())

    def _get_deciders_by_approval(self, day=None):
        """Return who may decide now, per approval.

        Who was asked and who stands in for them today, less whose order it is. Asked
        again at the moment of the decision: the salesperson may have changed since.

        :param date day: the day it counts as; by default each company's today
        :return: {approval id: users}, in superuser mode
        """
        approvals = self._origin.sudo()
        result = dict.fromkeys(approvals.ids, approvals.env["res.users"])
        pending = approvals.filtered(lambda approval: approval.state == "pending")
        for company, group in pending.grouped("company_id").items():
            stand_ins = self.env["cycle.approval.substitute"]._get_stand_ins(
                group.approver_ids, company, day or company._cycle_today()
            )
            for approval in group:
                asked = approval.approver_ids
                asked = asked.union(*(stand_ins.get(user, user) for user in asked))
                result[approval.id] = approval._filter_able(asked)
        return result

    def _filter_able(self, users):
        """Return the users who could decide, had they been asked."""
        self.ensure_one()
        excluded = self.order_id._get_excluded_approvers(self.requester_id)
        return users.filtered(
            lambda user: (
                user not in excluded
                and user.active
                and not user.share
                and self.company_id in user.company_ids
            )
        )

    def _check_still_asked(self):
        """Raise when a list or a mail shows what is not asked any more.

        :raise UserError: when it was decided, or the order was changed
        """
        self.ensure_one()
        if self not in self.order_id._get_pending_approval():
            raise UserError(
                self.env._(
                    "“%(rule)s” is not asked any more about order %(order)s: it "
                    "was decided, or the order was changed. Look at the order.",
                    rule=self.rule_name,
                    order=self.order_id.name,
                )
            )

    def _check_can_decide(self, user):
        """Raise unless ``user`` may make the decision on what they have seen.

        :raise AccessError: when somebody else was asked
        :raise UserError: when the form was opened before the terms changed
        """
        self.ensure_one()
        deciders = self._get_deciders()
        if user not in deciders:
            raise AccessError(
                self.env._(
                    "You cannot decide about order %(order)s: “%(rule)s” asks "
                    "%(approvers)s. Nobody approves an order of their own.",
                    order=self.order_id.name,
                    rule=self.rule_name,
                    approvers=", ".join(deciders.mapped("name")) or "-",
                )
            )
        seen = self.env.context.get("cycle_seen_terms")
        if seen and seen != self.terms_hash:
            raise UserError(
                self.env._(
                    "Order %(order)s was changed after you opened it. Open it again, "
                    "look at what changed, then decide.",
                    order=self.order_id.name,
                )
            )

    def _get_substituted(self, user):
        """Return the absent approver in whose place ``user`` decides, or empty."""
        self.ensure_one()
        approval = self.sudo()
        if user in approval.approver_ids:
            return self.env["res.users"]
        company = approval.company_id
        represented = self.env["cycle.approval.substitute"]._get_represented(
            user, company, company._cycle_today()
        )
        return (represented & approval.approver_ids)[:1]

    def _set_approved(self, user, comment=None):
        return self._update_state(
            "approved",
            user_id=user.id,
            substituted_id=self._get_substituted(user).id,
            date_decided=fields.Datetime.now(),
            comment=comment,
        )

    def _set_rejected(self, user, reason):
        return self._update_state(
            "rejected",
            user_id=user.id,
            substituted_id=self._get_substituted(user).id,
            date_decided=fields.Datetime.now(),
            comment=reason,
        )

    def _set_superseded(self):
        return self.filtered(
            lambda approval: approval.state in ("waiting", "pending")
        )._update_state("superseded")
