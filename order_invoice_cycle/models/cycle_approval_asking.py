from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command, Domain
from odoo.tools import format_datetime, plaintext2html

APPROVAL_ACTIVITY = "order_invoice_cycle.mail_activity_type_approval"
CRON = "order_invoice_cycle.ir_cron_escalate_approvals"


class CycleApproval(models.Model):
    """Asking: the next approver, substitutes, and the escalation group in the end."""

    _inherit = "cycle.approval"

    # === NEXT === #

    def _ask_next(self):
        """Ask the first approval of each order that still waits, and notify."""
        now = fields.Datetime.now()
        for order in self.order_id:
            approvals = order._get_current_approvals()
            if approvals.filtered(lambda approval: approval.state == "pending"):
                continue
            first = approvals.filtered(lambda approval: approval.state == "waiting")[:1]
            first._update_state(
                "pending", date_deadline=first.rule_id._get_deadline(now)
            )
            first._notify_or_escalate(now)

    def _notify_or_escalate(self, now):
        """Notify who is there to decide; when nobody is, the escalation group."""
        for approval in self:
            approval._notify_present(now)
            if not approval._get_reachable(now):
                approval._escalate(now)

    def _notify_present(self, now):
        """Notify the approvers, and instead of the absent ones their substitutes."""
        self.ensure_one()
        stand_ins = self._get_stand_ins(now)
        absent = self.env["res.users"].sudo().union(*stand_ins)
        substitutes = self._filter_reading(absent.union(*stand_ins.values()) - absent)
        self.substitute_ids = [Command.set(substitutes.ids)]
        self._notify(substitutes | (self.approver_ids - absent))

    def _get_stand_ins(self, now):
        """Return {absent approver: users who stand in for them} at ``now``."""
        company = self.company_id
        return self.env["cycle.approval.substitute"]._get_stand_ins(
            self.approver_ids, company, company._cycle_date(now)
        )

    def _get_reachable(self, now):
        """Return who is present, was asked and may decide."""
        absent = self.env["res.users"].sudo().union(*self._get_stand_ins(now))
        return self._filter_able((self.approver_ids - absent) | self.substitute_ids)

    def _filter_reading(self, users):
        """Return the users who may decide and can open the order."""
        return self.env["cycle.approval.rule"]._filter_allowed(
            self._filter_able(users), self.env["res.users"], self.order_id
        )

    def _notify(self, users):
        """Schedule the activity for each of the users, but never a second one."""
        self.ensure_one()
        order = self.order_id
        told = order.activity_search([APPROVAL_ACTIVITY]).user_id
        deadline = self.date_deadline
        for user in users - told:
            order.activity_schedule(
                APPROVAL_ACTIVITY,
                date_deadline=deadline and self.company_id._cycle_date(deadline),
                summary=self.rule_name,
                note=self._get_activity_note(),
                user_id=user.id,
            )

    def _get_activity_note(self):
        """Return what is asked, for whoever reads only the activity or its mail."""
        order = self.order_id
        lines = [
            self.env._(
                "%(order)s, %(customer)s, %(amount)s. Asked by %(requester)s.",
                order=order.name,
                customer=order.partner_id.display_name,
                amount=order.currency_id.format(order.amount_total),
                requester=self.requester_id.name,
            ),
            self.env._(
                "Decide with the buttons Approve and Reject on the order, or in Order "
                "Cycle > Orders > To Approve; marking this activity as done decides "
                "nothing."
            ),
        ]
        return plaintext2html("\n".join(lines))

    # === ESCALATION === #

    def _escalate(self, now):
        """Ask the escalation group as well, once; the order says so.

        :param datetime now: the moment it counts as, UTC
        :raise UserError: when nobody at all is left who could decide
        """
        for approval in self.filtered(lambda approval: not approval.date_escalated):
            users = approval._get_escalation_users()
            if not users and not approval._get_reachable(now):
                raise UserError(approval._get_dead_end_message())
            new = users - approval.approver_ids
            approval.write(
                {
                    "approver_ids": [Command.link(user.id) for user in new],
                    "date_escalated": now,
                }
            )
            approval._notify(new)
            approval.order_id.message_post(
                body=approval._get_escalation_text(new, now),
                subtype_xmlid="mail.mt_note",
            )

    def _get_escalation_users(self):
        """Return the rule's escalation group, or the managers of the order cycle."""
        self.ensure_one()
        order = self.order_id
        excluded = order._get_excluded_approvers(self.requester_id)
        return self.rule_id._get_escalation_approvers(excluded, order)

    def _get_escalation_text(self, new, now):
        late = self.date_deadline and self.date_deadline <= now
        reason = (
            self.env._(
                "Nobody decided about “%(rule)s” by %(deadline)s.",
                rule=self.rule_name,
                deadline=format_datetime(self.env, self.date_deadline),
            )
            if late
            else self.env._(
                "Nobody who was asked about “%(rule)s” can decide now.",
                rule=self.rule_name,
            )
        )
        if not new:
            return self.env._("%s There is nobody else to ask.", reason)
        return self.env._(
            "%(reason)s Now %(users)s can decide as well.",
            reason=reason,
            users=", ".join(new.mapped("name")),
        )

    def _get_dead_end_message(self):
        return self.env._(
            "Nobody can decide about “%(rule)s” of order %(order)s: its approvers and "
            "the escalation group are archived, cannot open the order, or it is their "
            "own. Add somebody to the approval rule, then submit the order again.",
            rule=self.rule_name,
            order=self.order_id.name,
        )

    # === JOB === #

    def _job_document(self):
        return self.order_id

    @api.model
    def _get_unattended_domain(self, now):
        """Return the domain of what nobody decides: late, orphaned, absent."""
        company = self.env.company
        absences = self.env["cycle.approval.substitute"]._get_substitutes(
            company, company._cycle_date(now)
        )
        orphaned = Domain("date_deadline", "<=", now) | Domain(
            "approver_ids", "not any", [("active", "=", True)]
        )
        unattended = Domain("date_escalated", "=", False) & orphaned
        for user, substitutes in absences.items():
            unattended |= Domain("approver_ids", "in", user.ids) & Domain(
                "substitute_ids", "not in", substitutes.ids
            )
        return (
            Domain("company_id", "=", company.id)
            & Domain("state", "=", "pending")
            & (Domain("retry_at", "=", False) | Domain("retry_at", "<=", now))
            & unattended
        )

    def _attend(self, now):
        """Notify new substitutes; escalate what is late or has nobody to decide."""
        for approval in self:
            approval._notify_present(now)
            late = approval.date_deadline and approval.date_deadline <= now
            if late or not approval._get_reachable(now):
                approval._escalate(now)
        self._job_succeeded()

    @api.model
    def _cron_escalate_approvals(self, now=None):
        """Escalate what was not decided in time, and ask substitutes of the absent.

        :param datetime now: the moment it counts as, UTC; by default the present one
        """
        now = fields.Datetime.to_datetime(now) or fields.Datetime.now()
        return self._run_job(
            lambda model: model._get_unattended_domain(now),
            lambda approvals: approvals._attend(now),
            cron=CRON,
            order="date_deadline, id",
        )
