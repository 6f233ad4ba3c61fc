from odoo import api, models

CHANGED = "order_invoice_cycle/dashboard"


class CycleDashboard(models.AbstractModel):
    """Tells open dashboards that a figure may have changed.

    The documents know nothing of the dashboard: all that it listens to is in this
    file. A stage of an order changes with its approvals, confirmations and invoices,
    which are listened to.
    """

    _inherit = "cycle.dashboard"

    @api.model
    def _notify_changed(self):
        """Ask the open dashboards to read again, once per transaction, at commit."""
        data = self.env.cr.precommit.data
        if data.get(CHANGED):
            return
        data[CHANGED] = True
        group = self.env.ref(
            "order_invoice_cycle.group_cycle_user", raise_if_not_found=False
        )
        if group:
            group._bus_send(CHANGED, {})


class CycleStateMixin(models.AbstractModel):
    """Approvals, confirmations, messages, reminders and disputes."""

    _inherit = "cycle.state.mixin"

    def _update_state(self, target, **values):
        changed = super()._update_state(target, **values)
        if changed:
            self.env["cycle.dashboard"]._notify_changed()
        return changed


class CycleScheduleLine(models.Model):
    _inherit = "cycle.schedule.line"

    def write(self, vals):
        result = super().write(vals)
        if not vals.keys().isdisjoint(
            ("date_due", "error", "hold_reason", "is_skipped")
        ):
            self.env["cycle.dashboard"]._notify_changed()
        return result


class CycleDispute(models.Model):
    _inherit = "cycle.dispute"

    @api.model_create_multi
    def create(self, vals_list):
        disputes = super().create(vals_list)
        self.env["cycle.dashboard"]._notify_changed()
        return disputes


class AccountMove(models.Model):
    _inherit = "account.move"

    @api.model_create_multi
    def create(self, vals_list):
        moves = super().create(vals_list)
        if moves.schedule_line_id:
            self.env["cycle.dashboard"]._notify_changed()
        return moves

    def write(self, vals):
        result = super().write(vals)
        if "state" in vals and any(move.is_sale_document() for move in self):
            self.env["cycle.dashboard"]._notify_changed()
        return result


class AccountPartialReconcile(models.Model):
    """A payment, in full or in part, allocated or taken back."""

    _inherit = "account.partial.reconcile"

    @api.model_create_multi
    def create(self, vals_list):
        partials = super().create(vals_list)
        self.env["cycle.dashboard"]._notify_changed()
        return partials

    def unlink(self):
        result = super().unlink()
        self.env["cycle.dashboard"]._notify_changed()
        return result
