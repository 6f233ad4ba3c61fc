from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import float_compare

from ..tools.schedule import offset_date
from .res_company import PAYMENT_MODES

KINDS = [
    ("deposit", "Deposit"),
    ("instalment", "Instalment"),
    ("completion", "Completion payment"),
    ("period", "Billing period"),
]
TRIGGERS = [
    ("date", "On a date"),
    ("confirmation", "After confirmation"),
    ("completion", "After completion"),
]
AMOUNT_TYPES = [
    ("percent", "Percent of the order"),
    ("fixed", "Fixed amount"),
    ("rest", "Equal share of the rest"),
]
OFFSET_UNITS = [("day", "Days"), ("month", "Months")]
RECURRENCE_UNITS = [
    ("week", "Weeks"),
    ("month", "Months"),
    ("quarter", "Quarters"),
    ("year", "Years"),
]
PRICE_INDEXES = [
    ("percent", "Changes by a percentage"),
    ("table", "Follows an index"),
]
DEPOSIT_DOCUMENTS = [
    ("invoice", "Invoice now"),
    ("request", "Payment request first"),
]
MAX_LINES = 240
# Says that the plan itself looks at its lines in a moment. An object of this process,
# so that no context of a remote call can hold it.
FOLLOW = object()


class CyclePlan(models.Model):
    """A reusable payment plan: what is paid when, as a rule instead of dates."""

    _name = "cycle.plan"
    _description = "Payment Plan"
    _order = "sequence, name, id"
    _check_company_auto = True

    name = fields.Char(required=True, translate=True)
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one(
        "res.company", help="Empty: the plan can be used by every company."
    )
    payment_mode = fields.Selection(PAYMENT_MODES, required=True)
    has_lead_days = fields.Boolean(
        string="Own lead days",
        help="Use another number of days than the company's between the draft and "
        "its due date.",
    )
    lead_days = fields.Integer(
        help="Invoices of this plan are drafted this many days before they are due."
    )
    deposit_document = fields.Selection(
        DEPOSIT_DOCUMENTS,
        string="Prepayment by",
        default="invoice",
        required=True,
        help="What asks for the prepayment: an invoice up front, or a payment request "
        "without a number, whose invoice is drafted when the payment arrives. Where an "
        "unpaid advance invoice would be a tax liability, choose the request.",
    )
    line_ids = fields.One2many("cycle.plan.line", "plan_id", copy=True)

    recurrence_interval = fields.Integer(
        string="Bill every", default=1, help="Length of one billing period, in units."
    )
    recurrence_unit = fields.Selection(
        RECURRENCE_UNITS, string="Unit", default="month", required=True
    )
    recurrence_count = fields.Integer(
        string="Periods per term",
        default=12,
        help="The customer commits to this many billing periods; a renewal adds as "
        "many again.",
    )
    recurrence_in_advance = fields.Boolean(
        string="Bill in advance",
        default=True,
        help="On: a period is due on its first day. Off: on its last day.",
    )
    recurrence_day = fields.Integer(
        string="Periods begin on day",
        help="Day of the month on which billing periods begin; 31 is the last day of "
        "the month. The first period is then a part period, prorated by days, and "
        "counts as one of the term. 0: periods begin on the day of the service start.",
    )
    auto_renew = fields.Boolean(
        string="Renew automatically",
        default=True,
        help="The order goes on for another term unless notice is given in time.",
    )
    notice_days = fields.Integer(
        default=30,
        help="Notice must be given at least this many days before the term ends.",
    )

    price_index = fields.Selection(
        PRICE_INDEXES,
        string="Price at renewal",
        help="How the price changes with each renewal. It is part of the terms that "
        "the customer confirms, and is announced before each renewal.",
    )
    price_index_percent = fields.Float(
        string="Price change",
        digits=(7, 4),
        help="Percent that the price changes by at each renewal.",
    )
    price_index_id = fields.Many2one(
        "cycle.price.index", string="Index", check_company=True
    )

    _recurrence_possible = models.Constraint(
        "CHECK (recurrence_interval > 0 AND notice_days >= 0 AND lead_days >= 0"
        f" AND recurrence_count BETWEEN 1 AND {MAX_LINES}"
        " AND recurrence_day BETWEEN 0 AND 31 AND price_index_percent > -100)",
        "A recurring plan bills every 1 or more units, for 1 to 240 periods per "
        "term, its notice days and lead days cannot be negative, its day of the month "
        "is 0 to 31, and a price cannot fall by 100 % or more.",
    )

    @api.model_create_multi
    def create(self, vals_list):
        """Judge the lines as a whole, once all of them are there."""
        plans = super(CyclePlan, self.with_context(cycle_lines_follow=FOLLOW))
        return plans.create(vals_list).with_env(self.env)

    def write(self, vals):
        """Judge the lines as a whole, once all of them are changed."""
        return super(CyclePlan, self.with_context(cycle_lines_follow=FOLLOW)).write(
            vals
        )

    @api.constrains("payment_mode", "line_ids")
    def _check_lines(self):
        for plan in self:
            lines = plan.line_ids
            if plan.payment_mode == "recurring" or not lines:
                continue
            plan._check_line_count()
            rest = lines.filtered(lambda line: line.amount_type == "rest")
            percent = sum(
                line.percent * line.repeat
                for line in lines
                if line.amount_type == "percent"
            )
            fixed = lines.filtered(lambda line: line.amount_type == "fixed")
            is_whole = float_compare(percent, 100, precision_digits=3) == 0
            if percent < 100 and not is_whole and (rest or fixed):
                continue
            if not is_whole or rest or fixed:
                raise ValidationError(
                    self.env._(
                        "The lines of the plan “%(plan)s” add up to %(percent)s %%. "
                        "Change them to 100 %%, or let one line take the rest.",
                        plan=plan.name,
                        percent=f"{percent:g}",
                    )
                )

    def _check_line_count(self):
        count = sum(self.line_ids.mapped("repeat"))
        if count > MAX_LINES:
            raise ValidationError(
                self.env._(
                    "The plan “%(plan)s” has %(count)s payments, and a schedule at "
                    "most %(most)s. Repeat its lines less often.",
                    plan=self.name,
                    count=count,
                    most=MAX_LINES,
                )
            )

    def _prepare_schedule_lines(self, anchor):
        """Return the values of the schedule lines that this plan asks for.

        :param datetime.date anchor: the day that lines on a date are counted from
        :return: list of dict, in the order of payment
        """
        self.ensure_one()
        return [
            values
            for line in self.line_ids
            for values in line._prepare_schedule_lines(anchor)
        ]


class CyclePlanLine(models.Model):
    _name = "cycle.plan.line"
    _description = "Payment Plan Line"
    _order = "sequence, id"

    plan_id = fields.Many2one("cycle.plan", required=True, ondelete="cascade")
    sequence = fields.Integer(default=10)
    name = fields.Char(string="Description", translate=True, required=True)
    kind = fields.Selection(KINDS, required=True, default="instalment")
    amount_type = fields.Selection(
        AMOUNT_TYPES, string="Amount", required=True, default="percent"
    )
    percent = fields.Float(digits=(7, 4))
    amount_fixed = fields.Float(
        string="Fixed amount", digits="Product Price", help="Taxes included."
    )
    repeat = fields.Integer(
        string="Times", default=1, help="How many such payments follow each other."
    )
    repeat_months = fields.Integer(
        string="Months between", default=1, help="Months between two repetitions."
    )
    trigger = fields.Selection(TRIGGERS, required=True, default="confirmation")
    offset_value = fields.Integer(
        string="Due after", help="Days or months between the trigger and the due date."
    )
    offset_unit = fields.Selection(OFFSET_UNITS, required=True, default="day")
    offset_day = fields.Integer(
        string="On day",
        help="Day of the month on which it is due; 31 is the last day of the month, "
        "0 keeps the day.",
    )

    _values_possible = models.Constraint(
        "CHECK (repeat BETWEEN 1 AND 120 AND repeat_months >= 0 AND percent >= 0"
        " AND amount_fixed >= 0 AND offset_value >= 0"
        " AND offset_day BETWEEN 0 AND 31)",
        "A plan line is repeated 1 to 120 times, its percentage, amount and offset "
        "are not negative, and its day of the month is 0 to 31.",
    )
    _repeated_in_months = models.Constraint(
        "CHECK (repeat = 1 OR offset_value = 0 OR offset_unit = 'month')",
        "A repeated plan line counts its offset in months, not in days.",
    )

    @api.constrains("plan_id", "amount_type", "percent", "amount_fixed", "repeat")
    def _check_plan(self):
        """A line that is written by itself leaves the plan a whole as well."""
        if self.env.context.get("cycle_lines_follow") is not FOLLOW:
            self.plan_id._check_lines()

    def unlink(self):
        """Leave the plan a whole; lines that go in the plan are judged there."""
        plans = self.plan_id
        result = super().unlink()
        if self.env.context.get("cycle_lines_follow") is not FOLLOW:
            plans._check_lines()
        return result

    def _prepare_schedule_lines(self, anchor):
        self.ensure_one()
        result = []
        for index in range(self.repeat):
            months = index * self.repeat_months
            offset_value, offset_unit = self.offset_value, self.offset_unit
            if months:
                offset_value, offset_unit = offset_value + months, "month"
            date_due = False
            if self.trigger == "date":
                date_due = offset_date(
                    anchor, offset_value, offset_unit, self.offset_day
                )
            name = self.name
            if self.repeat > 1:
                name = self.env._(
                    "%(name)s %(number)s of %(total)s",
                    name=name,
                    number=index + 1,
                    total=self.repeat,
                )
            result.append(
                {
                    "name": name,
                    "kind": self.kind,
                    "amount_type": self.amount_type,
                    "percent": self.percent if self.amount_type == "percent" else 0,
                    "amount_fixed": self.amount_fixed,
                    "trigger": self.trigger,
                    "offset_value": offset_value,
                    "offset_unit": offset_unit,
                    "offset_day": self.offset_day,
                    "date_due": date_due,
                }
            )
        return result
