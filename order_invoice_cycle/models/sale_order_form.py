from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import format_date, format_datetime


class SaleOrder(models.Model):
    """What the form and the lists of a cycle order show: notes, dates, counts."""

    _inherit = "sale.order"

    cycle_stage_note = fields.Text(
        string="What happens now",
        compute="_compute_cycle_stage_note",
        groups="base.group_user",
        help="Who has to do what, and what was answered.",
    )
    is_schedule_locked = fields.Boolean(
        compute="_compute_is_schedule_locked",
        help="Confirmed or cancelled: the schedule is what was agreed.",
    )
    date_next_due = fields.Date(
        string="Next due",
        compute="_compute_date_next_due",
        help="Due date of the next scheduled payment that is not paid yet.",
    )
    confirmation_event_ids = fields.One2many(
        "cycle.confirmation.event", "order_id", string="Evidence", readonly=True
    )
    cycle_message_count = fields.Integer(
        string="Customer messages", compute="_compute_cycle_message_count"
    )

    # === COMPUTES === #

    @api.depends("state")
    def _compute_is_schedule_locked(self):
        for order in self:
            order.is_schedule_locked = order.state in ("sale", "cancel")

    @api.depends("cycle_stage", "approval_ids.state", "confirmation_ids.state")
    def _compute_cycle_stage_note(self):
        for order in self:
            order.cycle_stage_note = order._get_cycle_stage_note()

    def _get_cycle_stage_note(self):
        """Return one sentence about the stage, False when there is nothing to say."""
        notes = {
            "to_approve": self._get_approval_note,
            "rejected": self._get_rejection_note,
            "approved": self._get_unsent_note,
            "awaiting_customer": self._get_link_note,
            "changes_requested": self._get_comment_note,
        }
        note = notes.get(self.cycle_stage)
        return note() if note else False

    def _get_approval_note(self):
        pending = self._get_pending_approval()[:1]
        note = self.env._(
            "“%(rule)s” asks %(approvers)s to approve it.",
            rule=pending.rule_name,
            approvers=", ".join(pending._get_deciders().mapped("name")) or "-",
        )
        if not pending.date_deadline:
            return note
        return self.env._(
            "%(note)s Deadline: %(deadline)s.",
            note=note,
            deadline=format_datetime(self.env, pending.date_deadline),
        )

    def _get_rejection_note(self):
        rejected = self._get_current_approvals().filtered(
            lambda approval: approval.state == "rejected"
        )[:1]
        return self.env._(
            "Rejected by %(user)s: %(reason)s",
            user=rejected.user_id.name,
            reason=rejected.comment,
        )

    def _get_unsent_note(self):
        return self.env._(
            "Approved, and no link to the customer is valid now: send it."
        )

    def _get_link_note(self):
        return "\n".join(
            confirmation._get_link_note()
            for confirmation in self._get_current_confirmations()
            if confirmation.state in ("pending", "sent")
        )

    def _get_comment_note(self):
        return "\n".join(
            self.env._(
                "%(name)s asks for changes: %(comment)s",
                name=confirmation.decided_name,
                comment=confirmation.comment,
            )
            for confirmation in self._get_current_confirmations()
            if confirmation.state == "commented"
        )

    def _get_next_payment_note(self):
        """Return one sentence about what *Create invoice* drafts."""
        self.ensure_one()
        line = self.schedule_line_ids.filtered(
            lambda line: line.state in ("planned", "held")
        ).sorted("date_due")[:1]
        if not line:
            return self.env._("%s has no payment to invoice now.", self.name)
        return self.env._(
            "%(order)s is invoiced by its schedule. Next: %(line)s, %(amount)s, due on "
            "%(date)s.",
            order=self.name,
            line=line.name,
            amount=self.currency_id.format(line.amount_total),
            date=format_date(self.env, line.date_due),
        )

    @api.depends("schedule_line_ids.state", "schedule_line_ids.date_due")
    def _compute_date_next_due(self):
        due = self.env["cycle.schedule.line"]._read_group(
            [
                ("order_id", "in", self.ids),
                ("state", "in", ("planned", "drafted", "invoiced")),
            ],
            ["order_id"],
            ["date_due:min"],
        )
        dates = {order.id: date for order, date in due}
        for order in self:
            order.date_next_due = dates.get(order._origin.id, False)

    def _compute_cycle_message_count(self):
        messages = self.env["cycle.message"]
        # Sales people without a role in the cycle read orders, but no messages.
        can_read = messages.has_access("read")
        for order in self:
            order.cycle_message_count = can_read and messages.search_count(
                order._get_cycle_messages_domain()
            )

    def _get_cycle_messages_domain(self):
        """Return the domain of the messages sent about this order and its invoices."""
        self.ensure_one()
        # In sudo: an invoice of a colleague is not read, only its messages are found.
        order = self.sudo()
        invoices = order.schedule_line_ids.invoice_id
        documents = (
            order,
            order.confirmation_ids,
            order.renewal_ids,
            order.schedule_line_ids,
            invoices,
            invoices.line_ids.cycle_reminder_ids,
            invoices.dispute_ids,
        )
        return list(
            Domain.OR(
                Domain("res_model", "=", records._name)
                & Domain("res_id", "in", records.ids)
                for records in documents
            )
        )

    # === BUTTONS === #

    def action_view_cycle_messages(self):
        """Open the messages sent about this order and its invoices."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "order_invoice_cycle.cycle_message_action"
        )
        return {**action, "domain": self._get_cycle_messages_domain(), "context": {}}

    def action_open_complete(self):
        """Open the dialog that asks for the day of completion."""
        return self._get_cycle_dialog(
            "sale.order.complete",
            self.env._("Mark completed"),
            default_order_ids=self.ids,
        )

    def action_open_terminate(self):
        """Open the dialog that asks when and why the order ends."""
        return self._get_cycle_dialog(
            "sale.order.terminate",
            self.env._("Terminate"),
            default_order_ids=self.ids,
        )

    def action_open_resume(self):
        """Open the dialog that asks from when paused orders are billed again."""
        return self._get_cycle_dialog(
            "sale.order.resume", self.env._("Resume"), default_order_ids=self.ids
        )

    def action_open_notice(self):
        """Open the dialog that asks who gave notice, and when."""
        self.ensure_one()
        return self._get_cycle_dialog(
            "sale.order.notice",
            self.env._("Notice given"),
            default_order_id=self.id,
            default_name=self.partner_id.name,
        )

    def action_show_verification(self):
        """Say in one sentence whether the evidence of this order is untouched."""
        self.ensure_one()
        return self.confirmation_ids[:1].action_show_verification()

    @api.model
    def _get_cycle_dialog(self, model, name, **context):
        return {
            "type": "ir.actions.act_window",
            "name": name,
            "res_model": model,
            "view_mode": "form",
            "target": "new",
            "context": context,
        }
