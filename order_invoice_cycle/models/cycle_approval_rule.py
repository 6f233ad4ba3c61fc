from dateutil.relativedelta import relativedelta

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from .res_company import PAYMENT_MODES


class CycleApprovalRule(models.Model):
    """Who must approve which orders; matching rules are asked in sequence."""

    _name = "cycle.approval.rule"
    _description = "Approval Rule"
    _order = "sequence, id"
    _check_company_auto = True

    name = fields.Char(required=True, translate=True)
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one(
        "res.company", help="Empty: the rule holds for every company."
    )

    amount_min = fields.Float(
        string="Minimum amount",
        digits="Product Price",
        help="Order total, taxes included, in the company's currency, from which "
        "the rule asks for approval.",
    )
    discount_min = fields.Float(
        string="Minimum discount (%)",
        help="The rule asks for approval when a line's discount is at least this, or "
        "that of the whole order: what its lines below zero take off.",
    )
    payment_mode = fields.Selection(PAYMENT_MODES, help="Empty: every payment mode.")
    team_id = fields.Many2one(
        "crm.team",
        string="Sales team",
        check_company=True,
        help="Empty: every sales team.",
    )

    approver_ids = fields.Many2many(
        "res.users", string="Approvers", domain=[("share", "=", False)]
    )
    approver_group_id = fields.Many2one(
        "res.groups",
        string="Approver group",
        help="Its members may approve, together with the approvers named. Members only "
        "by way of a higher group are asked when nobody else of it can be.",
    )
    escalation_group_id = fields.Many2one(
        "res.groups",
        string="Escalation group",
        default=lambda self: self.env.ref(
            "order_invoice_cycle.group_cycle_manager", raise_if_not_found=False
        ),
        help="Is asked instead when no approver of the rule may decide: because the "
        "order is their own, or because they are archived. Is asked as well when the "
        "deadline passes.",
    )
    deadline_value = fields.Integer(
        string="Deadline",
        help="Time to decide, counted from the moment it is asked. When it has passed, "
        "the escalation group is asked as well. 0: no deadline.",
    )
    deadline_unit = fields.Selection(
        [("hour", "hours"), ("day", "days")], required=True, default="day"
    )

    _deadline_not_negative = models.Constraint(
        "CHECK (deadline_value >= 0)",
        "The deadline of an approval rule cannot be below zero.",
    )

    @api.constrains("approver_ids", "approver_group_id", "escalation_group_id")
    def _check_somebody_can_approve(self):
        for rule in self:
            if not (
                rule.approver_ids or rule.approver_group_id or rule.escalation_group_id
            ):
                raise ValidationError(
                    self.env._(
                        "Nobody could approve by the rule “%(rule)s”. Name an "
                        "approver, a group or an escalation group.",
                        rule=rule.name,
                    )
                )

    def _filter_matching(self, order):
        """Return the rules of ``self`` that ask for the approval of ``order``."""
        currency = order.company_id.currency_id
        amount = order._get_amount_in_company_currency()
        discount = order._get_largest_discount()
        return self.filtered(
            lambda rule: (
                rule.company_id in (order.company_id, self.env["res.company"])
                and (
                    not rule.amount_min
                    or currency.compare_amounts(amount, rule.amount_min) >= 0
                )
                and (not rule.discount_min or discount >= rule.discount_min)
                and rule.payment_mode in (False, order.payment_mode)
                and rule.team_id in (order.team_id, self.env["crm.team"])
            )
        )

    def _get_approvers(self, excluded, order):
        """Return the users who may decide about ``order`` by this rule.

        :param res.users excluded: who may not (author, salesperson, submitter)
        :return: the rule's approvers, else its escalation group: those who are
            active, can open the order, and are not ``excluded``
        """
        self.ensure_one()
        named = self._filter_allowed(
            self.approver_ids | self.approver_group_id.user_ids, excluded, order
        )
        return (
            named
            or self._filter_allowed(
                self.approver_group_id.all_user_ids, excluded, order
            )
            or self._get_escalation_approvers(excluded, order)
        )

    def _get_escalation_approvers(self, excluded, order):
        """Return who is asked when the rule's approvers cannot or do not decide.

        The rule's escalation group, or the managers of the order cycle: also for a
        rule that was deleted while an order waited.
        """
        managers = self.env.ref("order_invoice_cycle.group_cycle_manager").sudo()
        return self._get_group_approvers(
            self.escalation_group_id, excluded, order
        ) or self._get_group_approvers(managers, excluded, order)

    @api.model
    def _get_group_approvers(self, group, excluded, order):
        """Return the allowed members of a group, its own before implied ones.

        A manager is a member of every group below; asking them about every order
        would be noise.
        """
        own = self._filter_allowed(group.user_ids, excluded, order)
        return own or self._filter_allowed(group.all_user_ids, excluded, order)

    @api.model
    def _filter_allowed(self, users, excluded, order):
        """Return the users who are active, can open ``order`` and may decide."""
        company = order.company_id
        order = order.with_context(allowed_company_ids=company.ids)
        return (users - excluded).filtered(
            lambda user: (
                user.active
                and not user.share
                and company in user.company_ids
                and order.with_user(user).has_access("read")
            )
        )

    def _get_deadline(self, moment):
        """Return until when to decide what is asked at ``moment`` (UTC), or False."""
        if not self.deadline_value:
            return False
        return moment + relativedelta(**{f"{self.deadline_unit}s": self.deadline_value})
