from odoo import SUPERUSER_ID, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command

from .sale_order import REOPENING, TERMS_FIELDS
from .sale_order_amendment import FIXED_FIELDS


class SaleOrder(models.Model):
    """Applying: a running order takes over the terms of its confirmed amendment."""

    _inherit = "sale.order"

    def _become_sale(self):
        if not self.amendment_of_id:
            return super()._become_sale()
        return self.with_user(SUPERUSER_ID)._apply_amendment()

    def _apply_amendment(self):
        """Let the amended order take over the confirmed terms, all or nothing.

        :raise UserError: when the order would not have exactly these terms
        """
        self.ensure_one()
        order = self.amendment_of_id.with_company(self.company_id)
        order._lock_for_answer()
        order._check_running()
        is_locked = order.locked
        lines = order.schedule_line_ids
        lines.filtered(lambda line: line.state == "drafted")._drop_drafts()
        lines.filtered(lambda line: line._is_posted())._settle()
        requested = lines._get_requested()
        # An offer for a moment: the terms of a sale cannot be written.
        order.with_context(cycle_reopening=REOPENING).write(
            {"state": "draft", "locked": False}
        )
        order.write(self._prepare_amended_terms(order))
        if order.terms_hash != self.terms_hash:
            raise UserError(
                self.env._(
                    "Amendment %(amendment)s cannot be applied: order %(order)s "
                    "changed meanwhile. Cancel the amendment and begin a new one.",
                    amendment=self.name,
                    order=order.name,
                )
            )
        self.write({"state": "cancel", "date_amended": fields.Datetime.now()})
        order.write(
            {
                "state": "sale",
                "locked": is_locked,
                "applied_amendment_id": self.id,
                "terms_version": order.terms_version + 1,
                "cycle_fiscal_position_id": order._get_taxed_position().id,
            }
        )
        order._after_amendment(self, requested)

    def _prepare_amended_terms(self, order):
        """Return the values that give ``order`` the terms of this amendment."""
        header = [name for name in TERMS_FIELDS if name not in FIXED_FIELDS]
        values = {name: _plain(self[name]) for name in header}
        values["order_line"] = self._prepare_line_commands(
            self.order_line, order.order_line
        )
        if order.payment_mode != "recurring":
            values["schedule_line_ids"] = self._prepare_line_commands(
                self.schedule_line_ids, order.schedule_line_ids
            )
        else:
            values["schedule_line_ids"] = []
        return values

    def _prepare_line_commands(self, lines, present):
        """Return commands that make ``present`` lines like ``lines``, in their order.

        A line that was taken from a present one changes that one, so that its
        invoices stay linked; a present line that nothing was taken from goes.
        """
        lines = lines.sorted(lambda line: (line.sequence, line.id))
        commands, kept = [], present.browse()
        for position, line in enumerate(lines, start=1):
            values = {**line._get_amended_values(), "sequence": position * 10}
            origin = line.amended_line_id & present
            if origin:
                kept |= origin
                commands.append(Command.update(origin.id, values))
            else:
                commands.append(Command.create(values))
        gone = present - kept
        return [line._prepare_amended_removal() for line in gone] + commands

    def _after_amendment(self, amendment, requested):
        """Date the new payments, and say what has to be decided.

        :param amendment: the ``sale.order`` that was applied
        :param dict requested: what payment requests asked for before, by payment
        """
        self.ensure_one()
        today = self.company_id._cycle_today()
        undated = self.schedule_line_ids.filtered(lambda line: not line.date_due)
        undated._set_triggered("confirmation", today)
        if self.date_completed:
            undated._set_triggered("completion", self.date_completed)
        if self.payment_mode == "recurring":
            self._renew_as_amended(amendment)
        else:
            self.schedule_line_ids.filtered(
                lambda line: (
                    not line.settled_amounts
                    and self.currency_id.is_zero(line.amount_total)
                    and not self.currency_id.is_zero(self.amount_total)
                )
            ).is_skipped = True
        now = self.schedule_line_ids._get_requested()
        changed = [line.id for line in now if now[line] != requested.get(line)]
        self.schedule_line_ids.browse(changed)._forget_request()
        self.message_post(
            body=self.env._(
                "Amended by %(amendment)s: version %(version)s.",
                amendment=amendment._get_html_link(),
                version=self.terms_version,
            ),
            subtype_xmlid="mail.mt_note",
        )
        self._propose_credit_note()
        self._trigger_drafting()


def _plain(value):
    """Return a field's value as ``write`` takes it."""
    return value.id if isinstance(value, models.BaseModel) else value
