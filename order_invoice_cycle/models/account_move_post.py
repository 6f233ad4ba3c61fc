from datetime import timedelta

from odoo import models
from odoo.exceptions import UserError

# Says that the drafts were checked. An object of this process, so that no context of
# a remote call can hold it.
CHECKED = object()


class AccountMove(models.Model):
    """Posting a draft of the cycle by core's buttons: the same invoice, not mailed."""

    _inherit = "account.move"

    def action_post(self):
        """Post, but let a payment that arrives online leave drafts of the cycle."""
        if not self.env.context.get("cycle_leave_drafts"):
            return super().action_post()
        return super(AccountMove, self - self._get_cycle_drafts()).action_post()

    def _get_cycle_drafts(self):
        return self.filtered(lambda x: x.state == "draft" and x.schedule_line_id)

    def _post(self, soft=True):
        if self.env.context.get("cycle_checked") is not CHECKED:
            drafts = self._get_scheduled_drafts_to_post(soft)
            drafts._check_not_red()
            drafts._set_dates_of_posting()
        return super()._post(soft)

    def _post_checked(self):
        """Post drafts that were checked, and have their dates, already."""
        self.with_context(cycle_checked=CHECKED)._post(soft=False)

    def _get_scheduled_drafts_to_post(self, soft):
        """Return the drafts of the cycle among ``self`` that core is going to post.

        :param bool soft: those of a later day are only planned, as core does
        """
        return self.filtered(
            lambda move: (
                move.state == "draft"
                and move.schedule_line_id
                and not (soft and move.date > move.company_id._cycle_today())
            )
        )

    def _check_not_red(self):
        """Refuse what *To publish* refuses.

        :raise UserError: with every reason of every red draft
        """
        # In superuser mode: who posts invoices need not read orders.
        findings = self.sudo()._get_publish_findings()
        reasons = [
            self.env._(
                "“%(payment)s” cannot be posted: %(reason)s",
                payment=move.schedule_line_id.display_name,
                reason=text,
            )
            for move, found in findings.items()
            for colour, text in found
            if colour == "red"
        ]
        if reasons:
            reasons.append(
                self.env._(
                    "Correct that first; “To publish” shows what is unusual about each "
                    "draft, posts it and sends it to the customer."
                )
            )
            raise UserError("\n".join(reasons))

    def _set_dates_of_posting(self):
        """Give drafts the dates of a published invoice.

        A date that a person gave stays; what was posted before keeps its dates.
        """
        drafts = self.filtered(lambda move: not move.posted_before)
        for company, moves in drafts.grouped("company_id").items():
            today = company._cycle_today()
            for (date, due), same in moves.grouped(
                lambda move, today=today: move._get_dates_of_posting(today)
            ).items():
                same.write({"invoice_date": date, "invoice_date_due": due})

    def _get_dates_of_posting(self, today):
        date = self.invoice_date or today
        return date, self._get_due_date_of_posting(max(date, today))

    def _get_due_date_of_posting(self, day):
        """Return when an invoice is due that the customer can know of from ``day``.

        The day it was planned for, or later so that there is time to pay.
        """
        self.ensure_one()
        days = timedelta(days=self.company_id.cycle_min_payment_days)
        return max(self.invoice_date_due or day + days, day + days)
