from odoo import api, fields, models
from odoo.exceptions import UserError

from ..tools.buckets import make_buckets, sum_buckets

# A payment as a payment mode alone brings it.
PLAIN = {"amount_type": "rest", "offset_value": 0, "offset_day": 0}


class SaleOrder(models.Model):
    """Editor: what helps a person to write a schedule that adds up."""

    _inherit = "sale.order"

    schedule_note = fields.Text(
        string="Scheduled",
        compute="_compute_schedule_note",
        help="How much of the order is scheduled, and what is missing, tax by tax.",
    )

    @api.depends("schedule_problem", "schedule_line_ids.amount_total", "amount_total")
    def _compute_schedule_note(self):
        for order in self:
            order.schedule_note = (
                order.payment_mode
                and order.payment_mode != "recurring"
                and order._get_schedule_note()
            )

    def _get_schedule_note(self):
        """Return what is scheduled and what is missing to the whole order."""
        missing = 1 - sum(self._get_weights().values())
        format_amount = self.currency_id.format
        lines = [
            self.env._(
                "%(scheduled)s of %(total)s are scheduled.",
                scheduled=format_amount(self.amount_total * float(1 - missing)),
                total=format_amount(self.amount_total),
            )
        ]
        if not missing or not self.amount_total:
            return lines[0]
        for group in self._get_tax_groups():
            untaxed, tax = (float(missing) * amount for amount in group[1:])
            text = (
                self.env._("Missing of %(group)s: %(untaxed)s and %(tax)s tax.")
                if missing > 0
                else self.env._("Too much of %(group)s: %(untaxed)s and %(tax)s tax.")
            )
            lines.append(
                text
                % {
                    "group": group[0],
                    "untaxed": format_amount(abs(untaxed)),
                    "tax": format_amount(abs(tax)),
                }
            )
        return "\n".join(lines)

    def _get_tax_groups(self):
        """Return (names, untaxed, tax) of each set of taxes of the order."""
        groups = []
        for bucket in make_buckets(self._get_rounded_base_lines()):
            taxes = self.env["account.tax"].browse(bucket["taxes"])
            names = ", ".join(taxes.mapped("name")) or self.env._("what has no tax")
            groups.append((names, *sum_buckets([bucket])))
        return groups

    def onchange(self, values, field_names, fields_spec):
        """Tell the form what an edited payment leaves to the others.

        What is computed while the edited lines are read in counts as known to the
        form, which is then not told: the amounts have to follow after that.
        """
        order = self
        if "schedule_line_ids" in field_names:
            order = self.with_context(cycle_amounts_follow=True)
        return super(SaleOrder, order).onchange(values, field_names, fields_spec)

    @api.onchange("schedule_line_ids")
    def _onchange_schedule_line_ids(self):
        if self.payment_mode:
            for line, (untaxed, tax) in self._get_schedule_amounts().items():
                line.amount_untaxed = untaxed
                line.amount_tax = tax
                line.amount_total = untaxed + tax

    # === BUTTONS === #

    def action_spread_evenly(self):
        """Let every payment that is open take an equal share of the rest.

        :raise UserError: when the schedule cannot be edited
        """
        for order in self:
            order._check_schedule_editable()
            lines = order.schedule_line_ids.filtered(lambda x: not x.settled_amounts)
            lines.write({"amount_type": "rest", "percent": 0.0, "amount_fixed": 0.0})

    def _check_schedule_editable(self):
        self.ensure_one()
        self.check_access("write")
        if not self.is_schedule_locked and self.payment_mode != "recurring":
            return
        raise UserError(
            self.env._(
                "The schedule of order %(order)s cannot be edited: it is recurring, "
                "or the order is confirmed or cancelled. A confirmed order is changed "
                "by an amendment.",
                order=self.name,
            )
        )

    # === DEFAULT PLAN === #

    @api.onchange("partner_id")
    def _onchange_partner_plan(self):
        """Offer the customer's own plan, with its payment mode, on a new order."""
        plan = self._get_partner_plan()
        if plan and self.state == "draft" and not self.terms_version:
            is_own = (
                plan.payment_mode == self.payment_mode or not self._is_mode_chosen()
            )
            company = self.company_id or self.env.company
            chosen = self.plan_id - company.cycle_default_plan_id
            if chosen or (is_own and not self._has_schedule_by_hand()):
                self.payment_mode = plan.payment_mode
                self.plan_id = plan

    def _is_mode_chosen(self):
        """Tell whether somebody chose the payment mode: it is not the default one."""
        company = self.company_id or self.env.company
        return self.payment_mode not in (False, company.cycle_default_payment_mode)

    def _has_schedule_by_hand(self):
        """Tell whether somebody typed the payments.

        Not when they are those that the payment mode, or the company's default plan,
        brings by itself: in a new form nobody has chosen these.
        """
        self.ensure_one()
        lines = self.schedule_line_ids
        if not lines or self.payment_mode == "recurring":
            return bool(lines)
        prepared = self._prepare_schedule() or []
        return len(lines) != len(prepared) or any(
            line[name] != value
            for line, values in zip(lines, prepared, strict=True)
            for name, value in {**PLAIN, **values}.items()
            # Its text is in the language of whoever was the customer before.
            if name != "name"
        )

    def _get_partner_plan(self):
        partner = self.partner_id.commercial_partner_id.sudo()
        company = self.company_id or self.env.company
        return partner.with_company(company).cycle_plan_id.filtered("active")

    def _get_default_plan(self):
        """Return the plan of the customer or the company, if it fits the mode."""
        plans = self._get_partner_plan() | self.company_id.cycle_default_plan_id
        return plans.filtered(
            lambda plan: plan.active and plan.payment_mode == self.payment_mode
        )[:1]


class CycleScheduleLine(models.Model):
    _inherit = "cycle.schedule.line"

    def _compute_amounts(self):
        follow = self.env.context.get("cycle_amounts_follow")
        waiting = self.filtered(lambda line: follow and not line.id)
        for line in waiting:
            line.amount_untaxed = line.amount_untaxed
            line.amount_tax = line.amount_tax
            line.amount_total = line.amount_total
        return super(CycleScheduleLine, self - waiting)._compute_amounts()

    def action_take_rest(self):
        """Let this payment take what the others leave; they keep their amounts.

        :raise UserError: when the schedule cannot be edited
        """
        self.ensure_one()
        self.order_id._check_schedule_editable()
        self._check_not_settled()
        others = self.order_id.schedule_line_ids - self
        for line in others.filtered(
            lambda line: line.amount_type == "rest" and not line.settled_amounts
        ):
            line.write({"amount_type": "fixed", "amount_fixed": line.amount_total})
        self.write({"amount_type": "rest", "percent": 0.0, "amount_fixed": 0.0})
