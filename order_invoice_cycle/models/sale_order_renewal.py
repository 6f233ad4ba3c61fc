from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tools import format_date


class SaleOrder(models.Model):
    """Renewal: the customer is told, may refuse, and the next term begins or not."""

    _inherit = "sale.order"

    renewal_ids = fields.One2many(
        "cycle.renewal", "order_id", readonly=True, copy=False
    )
    date_renewal_notice = fields.Date(
        string="Customer told on",
        compute="_compute_date_renewal_notice",
        store=True,
        help="The day on which the customer is told about the next renewal, with its "
        "term and price.",
    )
    date_notice_given = fields.Date(
        string="Notice given on",
        readonly=True,
        copy=False,
        tracking=True,
        help="The order ends with the present term and is not renewed.",
    )
    notice_given_by = fields.Char(readonly=True, copy=False)

    @api.depends(
        "date_renewal", "renewal_ids.state", "company_id.cycle_renewal_notice_days"
    )
    def _compute_date_renewal_notice(self):
        for order in self:
            number = order.term_number + 1
            order.date_renewal_notice = (
                order.date_renewal
                and not order._get_renewal(number)
                and order._get_announcement_day(number)
            )

    # === BUTTONS === #

    def action_give_notice(self, date=None, name=None, note=None):
        """Record that the customer, or the company, gave notice.

        Notice that arrived in time counts, even when it is recorded after the
        renewal: the renewal is taken back.

        :param date date: the day it arrived, today by default
        :param str name: who gave notice
        :param str note: kept in the chatter
        :raise UserError: when the order is not running, not recurring, or has notice
        """
        for order in self:
            order.check_access("write")
            order._check_running()
            order._check_can_end()
            order._lock_for_answer()
            day = fields.Date.to_date(date) or order.company_id._cycle_today()
            order._take_notice(day, name or order.env.user.name, note)

    def action_withdraw_notice(self):
        """Let orders go on that notice was given for.

        :raise UserError: when the order is not running or has no notice
        """
        for order in self:
            order.check_access("write")
            order._check_running()
            if not order.date_notice_given:
                raise UserError(
                    self.env._("No notice was given for order %s.", order.name)
                )
            order.sudo()._withdraw_notice()

    # === JOB === #

    def _renew_terms(self, today):
        """Announce and begin every term of recurring orders that is due, in order.

        :param datetime.date today: what is due on it or before happens, so that
            missed renewals are caught up one after the other
        """
        for order in self:
            while order._renew_next(today):
                pass
        self._job_succeeded()
        self._trigger_drafting()

    def _renew_next(self, today):
        """Take the next step of the renewal that is due; tell whether there was one."""
        self.ensure_one()
        if self.date_renewal_notice and self.date_renewal_notice <= today:
            self._announce_renewal(today)
            return True
        if self.date_renewal and self.date_renewal <= today:
            self._renew_term(today)
            return True
        return False

    def _announce_renewal(self, today):
        """Fix the next term and its price, and tell the customer by e-mail."""
        self.ensure_one()
        renewal = self.env["cycle.renewal"].create(self._prepare_renewal())
        lines = self.schedule_line_ids.filtered(
            lambda line: line.term_number == renewal.term_number
        )
        lines.price_factor = renewal.price_factor
        is_late = today > renewal.date_cancel_by
        # Of a term that is over already, nothing can be answered.
        if not self.date_terminated and renewal.date_end >= today:
            renewal._send()
        self.message_post(body=renewal._get_announcement_text(is_late))

    def _prepare_renewal(self):
        """Return the values of the renewal that begins the next term."""
        number = self.term_number + 1
        term_end = self._get_term_start(number + 1) - timedelta(days=1)
        factor = self._get_term_factor(number)
        untaxed, tax = self._get_period_price(factor)
        old_untaxed, old_tax = self._get_period_price(
            self._get_term_factor(self.term_number)
        )
        return {
            "order_id": self.id,
            "term_number": number,
            "date_start": self._get_term_start(number),
            "date_end": min(term_end, self._get_service_end() or term_end),
            "date_cancel_by": self.date_cancel_by,
            "date_index": self._get_index_day(number),
            **self._prepare_renewal_index(number),
            "price_factor": factor,
            "amount_untaxed": untaxed,
            "amount_tax": tax,
            "amount_total": untaxed + tax,
            "amount_total_before": old_untaxed + old_tax,
        }

    def _prepare_renewal_index(self, number):
        """Return which entries of which index the renewal of a term applies."""
        if self.price_index != "table":
            return {}
        entries = self._get_index_entries(number) - self._get_index_entries(number - 1)
        return {
            "price_index_id": self.price_index_id.id,
            "index_entry_ids": [Command.set(entries.ids)],
        }

    def _renew_term(self, today):
        """Begin the next term and plan the one after it."""
        self.ensure_one()
        renewal = self._get_renewal(self.term_number + 1)
        customer = renewal._get_recipient().display_name
        renewal._update_state(
            "renewed",
            date_decided=today,
            decided_name=self.env._(
                "%(customer)s, who gave no notice", customer=customer
            ),
        )
        self.term_number = renewal.term_number
        self._replan_periods()
        self.message_post(
            body=self.env._(
                "Renewed for term %(term)s, until %(date)s, at %(price)s per period: "
                "%(customer)s gave no notice by %(day)s.",
                term=self.term_number,
                date=format_date(self.env, self.date_term_end),
                price=self.currency_id.format(renewal.amount_total),
                customer=customer,
                day=format_date(self.env, renewal.date_cancel_by),
            )
        )

    def _renew_as_amended(self, amendment):
        """Plan the next term by the amended terms, until the day they say.

        A renewal that was announced keeps the day that the customer was told.
        """
        if self.date_renewal and not self._get_renewal(self.term_number + 1):
            self.renewal_days = amendment._get_renewal_days()
        if not self.date_renewal:
            self._cancel_renewals()
        self._replan_periods()

    # === NOTICE === #

    def _check_can_end(self):
        self.ensure_one()
        if self.payment_mode != "recurring":
            raise UserError(
                self.env._(
                    "Order %(order)s is not recurring: it ends by itself, without "
                    "notice.",
                    order=self.name,
                )
            )
        if self.date_notice_given:
            raise UserError(
                self.env._(
                    "Notice was given for order %(order)s on %(date)s already.",
                    order=self.name,
                    date=format_date(self.env, self.date_notice_given),
                )
            )

    def _take_notice(self, date, name, note=None, **evidence):
        """End the order with the term that notice of ``date`` is in time for.

        What was to be renewed by that day is renewed first, so that the end does not
        depend on when the job ran.

        :param datetime.date date: the day on which the notice arrived
        :param str name: who gave notice
        :param str note: the reason, if one was given
        :param evidence: fields of the renewal that was refused: who, from where
        """
        self.ensure_one()
        order = self.sudo()
        day = order._get_last_day_to_renew(date)
        while order.date_renewal and order.date_renewal <= day:
            order._renew_next(day)
        while order._get_renewal(order.term_number).date_cancel_by and (
            date <= order._get_renewal(order.term_number).date_cancel_by
        ):
            order._take_renewal_back(order.term_number, date, name, evidence)
            order.term_number -= 1
        order._take_renewal_back(order.term_number + 1, date, name, evidence)
        order.write({"date_notice_given": date, "notice_given_by": name})
        order._replan_periods()
        self._log_notice(name, note)

    def _get_last_day_to_renew(self, date):
        """Return the last day until ``date`` on which the job renews or should have.

        Never in the future, whatever day somebody types in.
        """
        self.ensure_one()
        last = min(date, self.company_id._cycle_today())
        if self.is_paused:
            last = min(last, self._get_pause_start() - timedelta(days=1))
        return last

    def _take_renewal_back(self, number, date, name, evidence):
        self._get_renewal(number)._update_state(
            "refused", date_decided=date, decided_name=name, **evidence
        )

    def _log_notice(self, name, note):
        """Tell in the chatter, and the salesperson, that the order ends."""
        order = self._in_our_language()
        end = format_date(order.env, self.date_term_end)
        invoices = order.sudo()._get_invoiced_days_text(
            self.date_term_end + timedelta(days=1)
        )
        order.message_post(
            body=order.env._(
                "%(name)s gave notice: the order ends on %(date)s. %(note)s "
                "%(invoices)s",
                name=name,
                date=end,
                note=note or "",
                invoices=invoices,
            ),
            # A customer who followed a link is no user.
            author_id=self.partner_id.id if self.env.user._is_public() else None,
        )
        order.sudo().activity_schedule(
            "order_invoice_cycle.mail_activity_type_notice_given",
            summary=order.env._("Ends on %(date)s: notice was given", date=end),
            user_id=self._job_owner().id,
        )

    def _withdraw_notice(self):
        self.ensure_one()
        self.write({"date_notice_given": False, "notice_given_by": False})
        self._replan_periods()
        self.activity_unlink(["order_invoice_cycle.mail_activity_type_notice_given"])
        self.message_post(body=self.env._("The notice was withdrawn."))

    def _cancel_renewals(self):
        """Close what was announced to a customer whose order does not go on."""
        announced = self.renewal_ids.filtered(lambda r: r.state == "announced")
        announced._update_state("cancelled")
