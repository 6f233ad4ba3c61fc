from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tools import float_round, plaintext2html

from ..tools.mail import clean_text


class SaleOrder(models.Model):
    """Approval: submit, approve, reject. The decisions are ``cycle.approval``."""

    _inherit = "sale.order"

    approval_ids = fields.One2many(
        "cycle.approval", "order_id", readonly=True, copy=False
    )
    can_decide = fields.Boolean(
        string="Can approve",
        compute="_compute_can_decide",
        help="You are asked to approve this order.",
    )

    @api.depends("approval_ids.state", "approval_ids.approver_ids", "terms_hash")
    @api.depends_context("uid")
    def _compute_can_decide(self):
        pending = {order: order._get_pending_approval() for order in self}
        approvals = self.env["cycle.approval"].union(*pending.values())
        deciders = approvals._get_deciders_by_approval()
        for order in self:
            order.can_decide = any(
                self.env.user in deciders.get(approval._origin.id, ())
                for approval in pending[order]
            )

    @api.ondelete(at_uninstall=False)
    def _unlink_except_evidence(self):
        for order in self.sudo():
            if order.approval_ids or order.confirmation_ids:
                raise UserError(
                    self.env._(
                        "Order %(order)s cannot be deleted: its approvals and "
                        "confirmations are kept as evidence. Cancel it instead.",
                        order=order.name,
                    )
                )

    # === BUTTONS === #

    def action_submit_for_approval(self):
        """Ask for the approval of the present terms.

        The first matching rule is asked first; without a matching rule the order
        counts as approved, and that is recorded as well.

        :raise UserError: when the order is not complete, naming what is missing
        """
        self.check_access("write")
        for order in self:
            order._check_can_submit()
        for order in self:
            order._submit_for_approval()

    def action_approve(self, comment=None):
        """Approve the orders, as one of the approvers who are asked now.

        :param str comment: kept with the decision
        :raise AccessError: when somebody else is asked (nobody approves their own)
        """
        for order in self:
            approval = order._get_approval_to_decide()
            approval._set_approved(
                self.env.user, clean_text(str(comment or "")) or None
            )
            order._after_decision()

    def action_reject(self, reason):
        """Reject the orders; the salesperson is told why.

        :param str reason: mandatory, kept with the decision
        :raise UserError: without a reason
        """
        reason = clean_text(str(reason or ""))
        if not reason:
            raise UserError(
                self.env._("Say why you reject the order: sales will read it.")
            )
        for order in self:
            approval = order._get_approval_to_decide()
            approval._set_rejected(self.env.user, reason)
            order._get_current_approvals()._set_superseded()
            order._close_approval_activities()
            order.sudo().activity_schedule(
                "order_invoice_cycle.mail_activity_type_rejected",
                note=plaintext2html(reason),
                user_id=order._job_owner().id,
            )

    def action_open_reject(self):
        """Open the dialog that asks for the reason."""
        for order in self:
            order._get_approval_to_decide()
        pending = self.env["cycle.approval"].union(
            *(order._get_pending_approval() for order in self)
        )
        return pending.action_open_reject()

    # === STEPS === #

    def _get_asked_approvals(self):
        """Return every decision asked for the present version and terms, in order.

        In superuser mode: whoever reads an order may know whether it is approved.
        """
        self.ensure_one()
        return (
            self.sudo()
            .approval_ids.filtered(
                lambda approval: (
                    approval.version == self.terms_version
                    and approval.terms_hash == self.terms_hash
                )
            )
            .sorted("sequence")
        )

    def _get_current_approvals(self):
        """Return the decisions that were taken, or are asked, for these terms."""
        return self._get_asked_approvals().filtered(
            lambda approval: approval.state != "superseded"
        )

    def _get_pending_approval(self):
        return self._get_current_approvals().filtered(
            lambda approval: approval.state == "pending"
        )

    def _is_approved(self):
        """Tell whether every decision about the present terms is an approval.

        One that is not awaited any more is none, whatever the others decided.
        """
        self.ensure_one()
        approvals = self._get_asked_approvals()
        return bool(approvals) and all(
            approval.state == "approved" for approval in approvals
        )

    def _get_largest_discount(self):
        """Return the largest discount that a line of the order gets, in percent.

        Core's *Discount* button takes something off the whole order by lines below
        zero: every line gets that as well as its own.
        """
        self.ensure_one()
        lines = self.order_line.filtered(
            lambda line: not line.display_type and not line.is_downpayment
        )
        amounts = lines.mapped("price_subtotal")
        whole = sum(amount for amount in amounts if amount > 0)
        taken_off = -sum(amount for amount in amounts if amount < 0)
        left = max(0.0, 1 - taken_off / whole) if whole else 1.0
        discount = max(lines.mapped("discount"), default=0.0)
        digits = self.env["decimal.precision"].precision_get("Discount")
        return float_round(100 - (100 - discount) * left, precision_digits=digits)

    def _check_can_submit(self):
        self.ensure_one()
        if not self.payment_mode:
            problem = self.env._("Choose a payment mode first.")
        elif self.cycle_stage not in (
            "draft",
            "rejected",
            "changes_requested",
            "to_approve",
        ):
            problem = self.env._(
                "It is “%(stage)s”.",
                stage=dict(
                    self._fields["cycle_stage"]._description_selection(self.env)
                )[self.cycle_stage],
            )
        elif self._get_pending_approval()._get_deciders():
            problem = self.env._("These terms have already been submitted.")
        else:
            problem = self._get_lines_problem() or self._get_schedule_problem()
        if problem:
            raise UserError(
                self.env._(
                    "Order %(order)s cannot be submitted. %(problem)s",
                    order=self.name,
                    problem=problem,
                )
            )

    def _get_lines_problem(self):
        """Return why core would refuse to confirm these lines, or False.

        Asked before anybody approves: the customer could do nothing about it.
        """
        lines = self._get_priced_lines()
        if not lines:
            return self.env._("Add at least one order line.")
        nameless = lines.filtered(lambda line: not line.product_id)[:1]
        return nameless and self.env._(
            "“%(line)s” has no product: choose one.", line=nameless.name
        )

    def _submit_for_approval(self):
        self.ensure_one()
        order = self.sudo()
        order.approval_ids._set_superseded()
        order.confirmation_ids._set_superseded()
        order._close_approval_activities()
        order._write_out_linked_terms()
        order.terms_version += 1
        rules = self.env["cycle.approval.rule"].sudo().search([])
        rules = rules._filter_matching(order)
        if rules:
            self.env["cycle.approval"].sudo().create(
                [
                    order._prepare_approval(rule, position)
                    for position, rule in enumerate(rules, start=1)
                ]
            )._ask_next()
        else:
            self.env["cycle.approval"].sudo().create(
                {
                    **order._prepare_approval(rules, 1),
                    "rule_name": self.env._("No rule asks for an approval"),
                    "state": "approved",
                    "date_decided": fields.Datetime.now(),
                }
            )
            order._after_decision()

    def _prepare_approval(self, rule, position):
        """Return the values of one decision asked of one rule.

        :raise UserError: when nobody is left who may decide
        """
        approvers = self.env["res.users"]
        if rule:
            excluded = self._get_excluded_approvers(self.env.user)
            approvers = rule._get_approvers(excluded, self)
        if rule and not approvers:
            raise UserError(
                self.env._(
                    "Nobody may approve order %(order)s by the rule “%(rule)s”: its "
                    "approvers and escalation group are empty, cannot open the order, "
                    "or consist only of the author, the salesperson and you. Ask an "
                    "administrator to add somebody.",
                    order=self.name,
                    rule=rule.name,
                )
            )
        return {
            "order_id": self.id,
            "rule_id": rule.id,
            "rule_name": rule.name,
            "sequence": position,
            "version": self.terms_version,
            "terms_hash": self.terms_hash,
            "terms_json": self._get_terms_json(),
            "requester_id": self.env.uid,
            "date_requested": fields.Datetime.now(),
            "approver_ids": [Command.set(approvers.ids)],
        }

    def _get_excluded_approvers(self, requester):
        """Return who may not approve this order, because it is their own."""
        self.ensure_one()
        if self.company_id.cycle_allow_self_approval:
            return self.env["res.users"]
        return self.create_uid | self.user_id | requester

    def _get_approval_to_decide(self):
        """Return the decision that the present user is asked for, in superuser mode."""
        self.ensure_one()
        # Customers may read their order, but not who is asked to approve it.
        self.check_access("read")
        self.env["cycle.approval"].check_access("read")
        # Two approvers at once, or an approver and a salesperson who edits.
        self.sudo()._lock_for_answer()
        approval = self._get_pending_approval()
        if not approval:
            raise UserError(
                self.env._(
                    "No approval of order %(order)s is pending: it is “%(stage)s”. "
                    "If the order was changed, sales must submit it again.",
                    order=self.name,
                    stage=dict(
                        self._fields["cycle_stage"]._description_selection(self.env)
                    ).get(self.cycle_stage, "-"),
                )
            )
        approval._check_can_decide(self.env.user)
        # Approvers cannot write approvals: their decision is the only way in.
        return approval.sudo()

    def _after_decision(self):
        """Ask the next approver, or send the link once everybody has approved."""
        self.ensure_one()
        order = self.sudo()
        order._close_approval_activities()
        if not order._is_approved():
            order.approval_ids._ask_next()
        elif order.company_id.cycle_auto_send_confirmation:
            problem = order._get_sending_problem()
            if problem:
                # The approval stands; the salesperson has to correct the contact.
                order._job_notify_owner(problem)
            else:
                order._send_confirmation()

    def write(self, vals):
        """Ask somebody else when the approver becomes the salesperson."""
        result = super().write(vals)
        if "user_id" in vals:
            now = fields.Datetime.now()
            for order in self:
                order._get_pending_approval()._notify_or_escalate(now)
        return result

    def _message_track_post_template(self, changes):
        """Take back what approvers were asked when the terms they saw are gone."""
        if changes and "cycle_stage" in changes and not self._get_pending_approval():
            self._close_approval_activities()
        return super()._message_track_post_template(changes)

    def _close_approval_activities(self):
        self.sudo().activity_unlink(["order_invoice_cycle.mail_activity_type_approval"])
