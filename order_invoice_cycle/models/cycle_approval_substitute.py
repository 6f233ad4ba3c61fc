from collections import defaultdict

from odoo import api, fields, models
from odoo.exceptions import ValidationError


class CycleApprovalSubstitute(models.Model):
    """Somebody who decides in the place of an approver who is absent."""

    _name = "cycle.approval.substitute"
    _description = "Substitute of an Approver"
    _order = "date_from desc, id desc"
    _rec_name = "user_id"

    user_id = fields.Many2one(
        "res.users",
        string="Absent",
        required=True,
        index=True,
        ondelete="cascade",
        default=lambda self: self.env.user,
        domain=[("share", "=", False)],
    )
    substitute_id = fields.Many2one(
        "res.users",
        required=True,
        index=True,
        ondelete="cascade",
        domain=[("share", "=", False)],
        help="Is asked instead, and may decide on these days. Nobody decides about an "
        "order of their own, as a substitute neither.",
    )
    date_from = fields.Date(
        string="First day", required=True, default=fields.Date.context_today
    )
    date_to = fields.Date(string="Last day", required=True)
    company_id = fields.Many2one(
        "res.company", help="Empty: for the orders of every company."
    )

    @api.constrains("user_id", "substitute_id", "date_from", "date_to")
    def _check_substitute(self):
        for absence in self:
            if absence.date_to < absence.date_from:
                raise ValidationError(
                    self.env._(
                        "The absence of %(user)s ends on %(end)s, before it begins on "
                        "%(start)s.",
                        user=absence.user_id.name,
                        start=absence.date_from,
                        end=absence.date_to,
                    )
                )
            if absence.user_id == absence.substitute_id:
                raise ValidationError(
                    self.env._(
                        "%(user)s cannot be their own substitute. Choose somebody "
                        "else.",
                        user=absence.user_id.name,
                    )
                )
            if absence.substitute_id.share:
                raise ValidationError(
                    self.env._(
                        "%(user)s is no employee, so they cannot decide. Choose "
                        "somebody else.",
                        user=absence.substitute_id.name,
                    )
                )

    @api.model
    def _get_stand_ins(self, users, company, day):
        """Return who stands in for those of ``users`` who are absent on ``day``.

        A substitute who is absent as well is represented by their own substitute.

        :return: {absent user: users present}, without users who are there
        """
        direct = self._get_substitutes(company, day)

        def find(user, seen):
            present = self.env["res.users"].sudo()
            for substitute in direct[user] - seen:
                if substitute in direct:
                    present |= find(substitute, seen | substitute)
                else:
                    present |= substitute
            return present

        return {user: find(user, user) for user in users.sudo() if user in direct}

    @api.model
    def _get_represented(self, substitute, company, day):
        """Return the absent users for whom ``substitute`` stands in on ``day``."""
        absent = (
            self.env["res.users"].sudo().union(*self._get_substitutes(company, day))
        )
        stand_ins = self._get_stand_ins(absent, company, day)
        return absent.filtered(lambda user: substitute in stand_ins[user])

    @api.model
    def _get_substitutes(self, company, day):
        """Return {absent user: their substitutes} of a company and day."""
        result = defaultdict(self.env["res.users"].sudo().browse)
        for absence in self.sudo().search(
            [
                ("date_from", "<=", day),
                ("date_to", ">=", day),
                ("company_id", "in", [False, company.id]),
                ("user_id.active", "=", True),
                ("substitute_id.active", "=", True),
            ]
        ):
            result[absence.user_id] |= absence.substitute_id
        return dict(result)
