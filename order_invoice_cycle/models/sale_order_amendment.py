import json

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Command

from .sale_order import TERMS_FIELDS

# What an amendment takes over from the order and may not change.
FIXED_FIELDS = ["company_id", "partner_id", "currency_id", "payment_mode"]
# What the billing periods of a running recurring order are counted by.
RECURRENCE_FIELDS = [
    "service_date_start",
    "service_date_end",
    "recurrence_interval",
    "recurrence_unit",
    "recurrence_count",
    "recurrence_in_advance",
    "recurrence_day",
]


class SaleOrder(models.Model):
    """Amendment: a changed version of a running order, agreed on like a new one.

    It is a draft copy with the whole new terms, with approvals and a confirmation of
    its own. Until the customer confirms it the order runs unchanged; then, in one
    transaction, the order takes over lines and schedule. What was invoiced stays.
    """

    _inherit = "sale.order"

    amendment_of_id = fields.Many2one(
        "sale.order",
        string="Amendment of",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="restrict",
        help="The running order that this order changes once it is confirmed.",
    )
    amendment_ids = fields.One2many("sale.order", "amendment_of_id", readonly=True)
    live_amendment_id = fields.Many2one(
        "sale.order",
        string="Amendment under way",
        compute="_compute_live_amendment_id",
    )
    applied_amendment_id = fields.Many2one(
        "sale.order",
        string="Applied amendment",
        readonly=True,
        copy=False,
        ondelete="restrict",
        help="Its approvals and its confirmation are those of the present terms.",
    )
    date_amended = fields.Datetime(
        string="Applied on",
        readonly=True,
        copy=False,
        help="When this amendment was taken over by the order it changes.",
    )

    _one_live_amendment = models.UniqueIndex(
        "(amendment_of_id) WHERE amendment_of_id IS NOT NULL"
        " AND state IN ('draft', 'sent')",
        "An amendment of this order is under way already.",
    )

    @api.depends("amendment_ids.state")
    def _compute_live_amendment_id(self):
        for order in self:
            order.live_amendment_id = order.amendment_ids.filtered(
                lambda amendment: amendment.state in ("draft", "sent")
            )[:1]

    # === BUTTONS === #

    def action_amend(self):
        """Begin an amendment of a running order and open it.

        :return: the action that opens the draft with the order's present terms
        :raise UserError: when the order is not running, or is being amended already
        """
        self.ensure_one()
        self.check_access("write")
        self._check_running()
        self._lock_for_answer()
        if self.live_amendment_id:
            raise UserError(
                self.env._(
                    "Order %(order)s is being amended already by %(amendment)s. "
                    "Change that one, or cancel it first.",
                    order=self.name,
                    amendment=self.live_amendment_id.name,
                )
            )
        self._archive_certificates()
        # In superuser mode for the settled amounts; the author stays the user.
        amendment = self.sudo().copy(self._prepare_amendment()).sudo(False)
        self._message_log(
            body=self.env._("Amendment %s was begun.", amendment._get_html_link())
        )
        return self._get_order_action(amendment)

    def _get_order_action(self, order):
        return {
            "type": "ir.actions.act_window",
            "res_model": self._name,
            "res_id": order.id,
            "view_mode": "form",
            "views": [(False, "form")],
        }

    # === BEGINNING === #

    def _prepare_amendment(self):
        """Return what the copy of the order has beside what every copy has."""
        number = len(self.sudo().amendment_ids) + 2
        lines = self.order_line.filtered(lambda line: not line.is_downpayment)
        return {
            "name": f"{self.name}-{number}",
            "amendment_of_id": self.id,
            "cycle_customer_number": self.cycle_customer_number,
            "user_id": self.user_id.id,
            "term_number": self.term_number,
            "order_line": [
                Command.create({**line.copy_data()[0], "amended_line_id": line.id})
                for line in lines.sorted()
            ],
            "schedule_line_ids": self.sudo()._prepare_amended_schedule(),
        }

    def _prepare_amended_schedule(self):
        """Return the commands of the amendment's schedule.

        What was invoiced stays as a fixed amount; of what is open, the last payment
        takes the rest, unless one does already.
        """
        lines = self.schedule_line_ids.filtered(
            lambda line: (
                line.term_number <= self.term_number
                and (line._is_posted() or not line.is_skipped)
            )
        ).sorted(lambda line: (line.sequence, line.id))
        result = [line._prepare_amended_line() for line in lines]
        is_open = [not line._is_posted() for line in lines]
        rows = [row for row, free in zip(result, is_open, strict=True) if free]
        has_rest = any(row["amount_type"] == "rest" for row in rows)
        if rows and not all(is_open) and not has_rest:
            rows[-1].update(amount_type="rest", percent=0.0, amount_fixed=0.0)
        return [Command.create(row) for row in result]

    def _prepare_schedule(self):
        # An amendment keeps what was invoiced; a person spreads the rest anew.
        if self.amendment_of_id:
            return None
        return super()._prepare_schedule()

    # === CHECKS === #

    def _get_schedule_problem(self):
        return self._get_amendment_problem() or super()._get_schedule_problem()

    def _get_amendment_problem(self):
        """Return why these terms cannot amend the order, or False."""
        order = self.amendment_of_id
        if not order:
            return False
        if order.state != "sale":
            return self.env._("Order %s, which it amends, is not running.", order.name)
        fixed = [*FIXED_FIELDS]
        if order.payment_mode == "recurring":
            fixed += RECURRENCE_FIELDS
        for name in fixed:
            if self[name] != order[name]:
                return self.env._(
                    "An amendment keeps “%(field)s” of order %(order)s. Set it back, "
                    "or end that order and make a new one.",
                    field=self._fields[name]._description_string(self.env),
                    order=order.name,
                )
        if order.payment_mode != "recurring":
            return self._get_missing_payment_problem()
        return False

    def _get_missing_payment_problem(self):
        """Return which payment of the order cannot be taken out, or False."""
        kept = self.schedule_line_ids.amended_line_id
        for line in self.sudo().amendment_of_id.schedule_line_ids - kept:
            if line._must_stay():
                return self.env._(
                    "“%(line)s” was invoiced or paid and cannot be taken out of the "
                    "schedule. Cancel this amendment and begin a new one.",
                    line=line.display_name,
                )
        return False

    def _get_schedule_sum_problem(self):
        settled = self.schedule_line_ids.filtered("settled_amounts")
        invoiced = sum(settled.mapped("amount_total"))
        if (
            not settled
            or self.currency_id.compare_amounts(self.amount_total, invoiced) > 0
        ):
            return super()._get_schedule_sum_problem()
        free = self.schedule_line_ids - settled
        left = self._get_amount_left()
        if left and not free:
            # More was invoiced than it is worth, but not of each of its taxes.
            return self.env._(
                "%(amount)s of the new terms have other taxes than what was invoiced, "
                "and no payment is left for them. Add one that takes the rest.",
                amount=self.currency_id.format(left),
            )
        others = free.filtered(lambda line: line.amount_type != "rest")
        return others and self.env._(
            "%(amount)s were invoiced already, so nothing is left for “%(line)s”. "
            "Remove it, or let it take the rest.",
            amount=self.currency_id.format(invoiced),
            line=others[0].name,
        )

    @api.constrains("state", *TERMS_FIELDS)
    def _check_confirmed_terms(self):
        for order in self.filtered("amendment_of_id"):
            if order.state == "sale":
                raise ValidationError(
                    self.env._(
                        "Amendment %(amendment)s does not become an order of its own: "
                        "once confirmed it changes order %(order)s.",
                        amendment=order.name,
                        order=order.amendment_of_id.name,
                    )
                )
            if order.date_amended and not order._is_confirmed_by_customer():
                raise ValidationError(
                    self.env._(
                        "Amendment %(amendment)s was confirmed and applied to order "
                        "%(order)s: it cannot be changed. Amend that order again.",
                        amendment=order.name,
                        order=order.amendment_of_id.name,
                    )
                )
        return super()._check_confirmed_terms()

    def _confirmation_error_message(self):
        if self.amendment_of_id:
            return self.env._(
                "Amendment %(amendment)s is confirmed by the customer's link, and then "
                "changes order %(order)s.",
                amendment=self.name,
                order=self.amendment_of_id.name,
            )
        return super()._confirmation_error_message()

    # === WHOSE APPROVALS AND CONFIRMATION COUNT === #

    def _get_terms_source(self):
        """Return the order whose approvals and confirmation are for these terms."""
        amendment = self.sudo().applied_amendment_id
        if amendment and amendment.terms_hash == self.terms_hash:
            return amendment
        return self

    def _get_asked_approvals(self):
        source = self._get_terms_source()
        return super(SaleOrder, source)._get_asked_approvals()

    def _get_current_confirmations(self):
        source = self._get_terms_source()
        return super(SaleOrder, source)._get_current_confirmations()

    # === WHILE AN AMENDMENT IS UNDER WAY === #

    def _keep_amendment_true(self, schedule_line):
        """Take over what was published, credited or opened again since it was begun.

        Where the amendment would remove the payment, move it, leave nobody to pay the
        rest, or charge again what was credited, its terms change, and so it has to be
        approved and confirmed again.
        """
        self.ensure_one()
        copy = self.schedule_line_ids.filtered(
            lambda line: line.amended_line_id == schedule_line
        )
        others = (self.schedule_line_ids - copy).filtered(
            lambda line: not line.settled_amounts
        )
        values = {"settled_amounts": False, **schedule_line._prepare_amended_line()}
        if not schedule_line._is_posted():
            # Credited, and to be invoiced anew; or paid, and not to be taken out.
            is_true = not copy.settled_amounts and (
                copy or not schedule_line._must_stay()
            )
        elif copy.settled_amounts:
            is_true = copy.settled_amounts == _as_stored(values["settled_amounts"])
        else:
            is_true = (
                others
                and copy
                and copy._get_due_terms() == schedule_line._get_due_terms()
                and not schedule_line._is_credited_in_part()
            )
        if is_true:
            return
        offered = self.terms_hash
        if copy:
            copy.write(values)
        else:
            self.schedule_line_ids = [Command.create(values)]
        if self.terms_hash == offered:
            # The periods of a recurring order are no terms of their own.
            return
        self._job_notify_owner(
            self.env._(
                "“%(line)s” was invoiced, paid or credited meanwhile and stays as it "
                "is. Check the schedule of the amendment and submit it again.",
                line=schedule_line.display_name,
            )
        )

    def _action_cancel(self):
        result = super()._action_cancel()
        live = self.sudo().live_amendment_id
        if live:
            live._action_cancel()
        return result

    def action_draft(self):
        """Set cancelled orders back to quotation, but for amendments that count."""
        for order in self.filtered("date_amended"):
            raise UserError(
                self.env._(
                    "Amendment %(amendment)s was applied to order %(order)s: it cannot "
                    "be offered again. Amend that order.",
                    amendment=order.name,
                    order=order.amendment_of_id.name,
                )
            )
        # Core leaves the others as they are, whoever asks: so must we.
        reset = self.filtered(lambda order: order.state in ("cancel", "sent"))
        if reset:
            reset.check_access("write")
            reset._check_no_other_amendment()
            reset.sudo().applied_amendment_id = False
        result = super().action_draft()
        for amendment in reset.sudo().filtered("amendment_of_id"):
            amendment.amendment_of_id.schedule_line_ids._tell_live_amendment()
        return result

    def _check_no_other_amendment(self):
        for amendment in self.filtered("amendment_of_id"):
            order = amendment.amendment_of_id
            applied = order.sudo().applied_amendment_id
            if applied and applied.date_amended >= amendment.create_date:
                raise UserError(
                    self.env._(
                        "Order %(order)s was amended by %(other)s since, so "
                        "%(amendment)s would undo that. Begin a new amendment.",
                        order=order.name,
                        other=applied.name,
                        amendment=amendment.name,
                    )
                )
            other = order.sudo().live_amendment_id - amendment
            if other:
                raise UserError(
                    self.env._(
                        "Order %(order)s has another amendment under way, %(other)s. "
                        "Change that one, or cancel it before %(amendment)s is offered "
                        "again.",
                        order=order.name,
                        other=other.name,
                        amendment=amendment.name,
                    )
                )

    def _get_cycle_stage(self):
        return "applied" if self.date_amended else super()._get_cycle_stage()


def _as_stored(settled):
    """Return amounts as they are once they were stored as JSON."""
    return json.loads(json.dumps(settled))
