from datetime import timedelta
from fractions import Fraction

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Command

from ..tools.shares import split_base_lines

DEADLINE_DAYS = 14


class CycleDispute(models.Model):
    """A clarification case about all or part of an invoice.

    While it is open, its amount is not reminded. It ends accepted (a credit note is
    drafted), rejected (the reminders go on where they were, after a grace) or partly.
    """

    _name = "cycle.dispute"
    _inherit = [
        "cycle.state.mixin",
        "cycle.message.source",
        "mail.thread",
        "mail.activity.mixin",
    ]
    _description = "Dispute"
    _order = "state, date_deadline, id desc"
    _check_company_auto = True

    move_id = fields.Many2one(
        "account.move",
        string="Invoice",
        required=True,
        index=True,
        ondelete="restrict",
        check_company=True,
        domain=[("move_type", "=", "out_invoice"), ("state", "=", "posted")],
    )
    company_id = fields.Many2one(related="move_id.company_id", store=True)
    currency_id = fields.Many2one(related="move_id.currency_id", store=True)
    partner_id = fields.Many2one(related="move_id.partner_id", store=True)
    reason = fields.Text(required=True)
    amount = fields.Monetary(
        string="Disputed amount",
        compute="_compute_amount",
        store=True,
        readonly=False,
        precompute=True,
        required=True,
        help="Taxes included; by default all that is open.",
    )
    user_id = fields.Many2one(
        "res.users", string="Owner", default=lambda self: self.env.user, tracking=True
    )
    date_opened = fields.Date(
        required=True, default=lambda self: self.env.company._cycle_today()
    )
    date_deadline = fields.Date(
        string="Deadline", compute="_compute_date_deadline", store=True, readonly=False
    )
    state = fields.Selection(
        [
            ("open", "Open"),
            ("accepted", "Accepted"),
            ("rejected", "Rejected"),
            ("partly", "Partly accepted"),
        ],
        required=True,
        default="open",
        index=True,
        tracking=True,
    )
    _transitions = {"open": {"accepted", "rejected", "partly"}}
    date_resolved = fields.Date(readonly=True)
    amount_accepted = fields.Monetary(readonly=True)
    resolution_note = fields.Text(readonly=True)
    credit_note_id = fields.Many2one("account.move", readonly=True, copy=False)

    _amount_positive = models.Constraint(
        "CHECK (amount > 0)", "The disputed amount must be more than zero."
    )

    @api.depends("move_id")
    def _compute_amount(self):
        for dispute in self:
            dispute.amount = dispute.amount or dispute.move_id.amount_residual

    @api.depends("date_opened")
    def _compute_date_deadline(self):
        for dispute in self:
            dispute.date_deadline = dispute.date_opened and (
                dispute.date_opened + timedelta(days=DEADLINE_DAYS)
            )

    @api.depends("move_id.name")
    def _compute_display_name(self):
        for dispute in self:
            dispute.display_name = self.env._(
                "Dispute about %s", dispute.move_id.name or ""
            )

    @api.constrains("amount", "move_id", "state")
    def _check_amount(self):
        for dispute in self.filtered(lambda dispute: dispute.state == "open"):
            move = dispute.move_id
            if move.state != "posted" or move.move_type != "out_invoice":
                raise ValidationError(
                    self.env._(
                        "Only a published customer invoice can be disputed; %s is not "
                        "one.",
                        move.display_name,
                    )
                )
            if (
                move.currency_id.compare_amounts(
                    move.amount_disputed, move.amount_residual
                )
                > 0
            ):
                raise ValidationError(
                    self.env._(
                        "%(invoice)s has only %(open)s open. Dispute that or less; "
                        "what another open dispute covers counts as well.",
                        invoice=move.display_name,
                        open=move.currency_id.format(move.amount_residual),
                    )
                )

    @api.model_create_multi
    def create(self, vals_list):
        disputes = super().create(vals_list)
        for dispute in disputes:
            dispute._acknowledge()
            dispute.activity_schedule(
                "order_invoice_cycle.mail_activity_type_dispute",
                date_deadline=dispute.date_deadline,
                user_id=dispute.user_id.id or self.env.uid,
            )
        return disputes

    @api.ondelete(at_uninstall=False)
    def _unlink_except_never(self):
        raise UserError(
            self.env._("Disputes are part of the history and cannot be deleted.")
        )

    # === BUTTONS === #

    def action_resolve(self, outcome, amount=None, note=None):
        """End the dispute.

        :param str outcome: ``accepted``, ``rejected`` or ``partly``
        :param float amount: what is accepted of it, for ``partly``
        :param str note: kept with the case
        :raise UserError: for another outcome or an impossible amount
        """
        self.ensure_one()
        self.check_access("write")
        accepted = {"accepted": self.amount, "rejected": 0.0}.get(outcome, amount or 0)
        compare = self.currency_id.compare_amounts
        if outcome not in ("accepted", "rejected", "partly") or (
            outcome == "partly"
            and not (compare(accepted, 0) > 0 > compare(accepted, self.amount))
        ):
            raise UserError(
                self.env._(
                    "Say whether the dispute is accepted, rejected or partly accepted; "
                    "for the last, give an amount between 0 and %(amount)s.",
                    amount=self.currency_id.format(self.amount),
                )
            )
        today = self.company_id._cycle_today()
        paused = self._get_paused_lines()
        if not self._update_state(
            outcome,
            date_resolved=today,
            amount_accepted=accepted,
            resolution_note=note,
        ):
            return
        self._resume_reminders(paused, today)
        if accepted:
            self.credit_note_id = self._draft_credit_note(accepted)
        self.activity_unlink(["order_invoice_cycle.mail_activity_type_dispute"])

    def action_open_resolve(self):
        """Open the dialog that asks for the outcome."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Resolve the dispute"),
            "res_model": "cycle.dispute.resolve",
            "view_mode": "form",
            "target": "new",
            "context": {"default_dispute_id": self.id},
        }

    # === STEPS === #

    def _acknowledge(self):
        """Tell the customer that the case was received."""
        self.env["cycle.message"]._queue(
            self,
            "dispute",
            self.env.ref("order_invoice_cycle.mail_template_dispute"),
            self.partner_id,
        )

    def _get_paused_lines(self):
        """Return the receivable lines that the open disputes touch, in superuser mode.

        :return: {line: whether nothing of it could be reminded}
        """
        reminder = self.env["cycle.reminder"]
        lines = self.sudo().move_id.line_ids.filtered(
            lambda line: line.account_type == "asset_receivable"
        )
        claims = {line: reminder._get_claim(line) for line in lines}
        return {
            line: not claim
            for line, claim in claims.items()
            if claim < line.amount_residual_currency
        }

    def _resume_reminders(self, paused, today):
        """Let the reminders go on at the same level, after a grace."""
        for line, is_whole in paused.items():
            line._postpone_reminders(today)
            late_from = max(self.date_opened, line.date_maturity)
            if is_whole and today > late_from:
                line.cycle_days_paused += (today - late_from).days

    def _draft_credit_note(self, amount):
        """Draft a credit note over ``amount``, taxes included.

        The whole invoice is reversed by core; for a part of it the lines are split by
        the tax engine, so that every tax has its share, to the cent.
        """
        # In sudo: who resolves a dispute need not be allowed to write invoices.
        move = self.move_id.sudo()
        credit_note = move._reverse_moves(
            [
                {
                    "ref": self.env._("Dispute about %s", move.name),
                    "invoice_date": self.date_resolved,
                }
            ]
        )
        if self.currency_id.compare_amounts(amount, move.amount_total) < 0:
            rounding = self.currency_id.rounding
            share = Fraction(
                round(amount / rounding), round(move.amount_total / rounding)
            )
            self._reduce_credit_note(credit_note, move, share)
        return credit_note

    def _reduce_credit_note(self, credit_note, move, share):
        account_tax = self.env["account.tax"]
        base_lines, _tax_lines = move._get_rounded_base_and_tax_lines()
        pieces, _rest = split_base_lines(
            account_tax,
            base_lines,
            move.company_id,
            [share, 1 - share],
            self.env["decimal.precision"].precision_get("Product Price"),
        )
        pieces = {piece["record"]: piece for piece in pieces}
        commands = []
        for origin, line in zip(_products(move), _products(credit_note), strict=True):
            piece = pieces[origin]
            values = line.copy_data(
                {
                    "quantity": 1.0,
                    "discount": 0.0,
                    "price_unit": piece["price_unit"],
                    "extra_tax_data": account_tax._export_base_line_extra_tax_data(
                        piece
                    ),
                }
            )
            # Made anew: the amounts of an existing line do not follow its tax data.
            commands += [Command.delete(line.id), Command.create(values[0])]
        credit_note.invoice_line_ids = commands


def _products(move):
    """Return the lines of an invoice that have a price, in their order."""
    lines = move.invoice_line_ids.filtered(lambda line: line.display_type == "product")
    return lines.sorted(lambda line: (line.sequence, line.id))
