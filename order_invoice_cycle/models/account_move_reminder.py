from odoo import models

ALLOCATE_ACTIVITY = "order_invoice_cycle.mail_activity_type_allocate"


class AccountMove(models.Model):
    """What reminders ask people to do about an invoice."""

    _inherit = "account.move"

    def _ask_to_allocate(self, reason):
        """Ask the owner once to allocate what could settle this invoice.

        :param str reason: why no reminder goes out
        """
        self.ensure_one()
        self._job_notify_owner(reason, ALLOCATE_ACTIVITY)

    def _close_credit_activity(self):
        """Take the request back: nothing is left to allocate."""
        if self:
            self.activity_unlink([ALLOCATE_ACTIVITY])
