from datetime import timedelta

from odoo import models
from odoo.tools import float_round, format_date, formatLang

from ..tools.schedule import period, whole_period_days

DATE_FORMAT = "d MMM yyyy"


class SaleOrder(models.Model):
    """Document: what a customer is shown of an order, on the page and in the PDF.

    Everything here is text for people, in the language of the environment.
    """

    _inherit = "sale.order"

    def _get_document_lang(self):
        """Return the language of the PDF: the reader's, else the customer's."""
        self.ensure_one()
        lang = self.env.context.get("cycle_document_lang")
        return lang or self.env["res.company"]._cycle_lang(self.partner_id)

    def _format_document_date(self, date):
        """Return a date that reads the same everywhere: ``5 Jan 2027``."""
        return format_date(self.env, date, date_format=DATE_FORMAT)

    def _format_document_quantity(self, quantity):
        """Return a quantity without the zeros that say nothing: ``10``, ``2.5``."""
        digits = self.env["decimal.precision"].precision_get("Product Unit")
        decimals = next(
            places
            for places in range(digits + 1)
            if places == digits
            or float_round(quantity, places) == float_round(quantity, digits)
        )
        return formatLang(self.env, quantity, digits=decimals)

    def _get_document_lines(self):
        """Return all that is ordered.

        Core hides what a section folds away; here the customer agrees to every line.
        """
        self.ensure_one()
        return self.order_line.filtered(lambda line: not line.is_downpayment)

    def _get_amendment_text(self):
        """Return in one sentence which order this one changes, empty if none."""
        self.ensure_one()
        if not self.amendment_of_id:
            return ""
        return self.env._(
            "This is a changed version of order %(order)s. It replaces that order as "
            "soon as you confirm it; until then that order goes on as agreed. What "
            "was invoiced already stays and is counted here.",
            order=self.amendment_of_id.name,
        )

    # === PAYMENT === #

    def _get_payment_mode_text(self):
        """Return in one sentence how the customer pays."""
        self.ensure_one()
        texts = {
            "prepayment": self.env._("Payment in advance."),
            "after_completion": self.env._(
                "Payment after the service has been completed."
            ),
            "instalments": self.env._(
                "Payment in %(number)s instalments.", number=len(self.schedule_line_ids)
            ),
            "recurring": self.env._(
                "Recurring payment, %(period)s.", period=self._get_period_text()
            ),
        }
        if self.payment_mode == "prepayment" and len(self.schedule_line_ids) > 1:
            return self.env._("A deposit in advance, the rest as in the schedule.")
        label = dict(self._fields["payment_mode"]._description_selection(self.env))
        return texts.get(self.payment_mode, label.get(self.payment_mode, ""))

    def _get_period_text(self):
        """Return how often a recurring order is billed: ``every 3 months``."""
        number = self.recurrence_interval
        single = {
            "week": self.env._("every week"),
            "month": self.env._("every month"),
            "quarter": self.env._("every quarter"),
            "year": self.env._("every year"),
        }
        several = {
            "week": self.env._("every %(number)s weeks", number=number),
            "month": self.env._("every %(number)s months", number=number),
            "quarter": self.env._("every %(number)s quarters", number=number),
            "year": self.env._("every %(number)s years", number=number),
        }
        return (single if number == 1 else several).get(self.recurrence_unit, "")

    def _get_recurrence_texts(self):
        """Return the terms of a recurring order as a list of sentences."""
        self.ensure_one()
        if not self._can_recur():
            return []
        price = self.currency_id.format(self._get_price_per_period())
        return [
            self.env._(
                "You pay %(price)s, taxes included, %(period)s, on the first day of "
                "the period.",
                price=price,
                period=self._get_period_text(),
            )
            if self.recurrence_in_advance
            else self.env._(
                "You pay %(price)s, taxes included, %(period)s, on the last day of "
                "the period.",
                price=price,
                period=self._get_period_text(),
            ),
            *([self._get_change_text()] if self._get_price_factor() != 1 else []),
            self.env._(
                "The first term runs from %(start)s to %(end)s.",
                start=self._format_document_date(self.service_date_start),
                end=self._format_document_date(self._get_first_term_end()),
            ),
            *([self._get_first_period_text()] if self._has_first_part() else []),
            self._get_renewal_text(),
            *([self._get_index_text()] if self._get_index_text() else []),
        ]

    def _get_price_factor(self):
        """Return what renewals have made of the agreed prices, for the next payment."""
        self.ensure_one()
        if not self._can_recur():
            return 1.0
        periods = self.schedule_line_ids.filtered(
            lambda line: line.period_start and not line.is_skipped
        ).sorted("period_start")
        following = periods.filtered(
            lambda line: not line.settled_amounts and not line.invoice_id
        )
        # All of a term may be invoiced: the next one has not been planned yet.
        return (following[:1] or periods[-1:]).price_factor or 1.0

    def _get_price_per_period(self):
        """Return what a whole period costs, taxes included; all, without periods."""
        self.ensure_one()
        factor = self._get_price_factor()
        return self.amount_total if factor == 1 else sum(self._get_period_price(factor))

    def _get_change_text(self):
        percent = formatLang(self.env, 100 * self._get_price_factor() - 100, digits=2)
        return self.env._(
            "The renewals so far have changed the prices of the lines by %(percent)s "
            "%%; that is in this price.",
            percent=percent if percent.startswith("-") else f"+{percent}",
        )

    def _get_first_term_end(self):
        """Return the last day of the first term, or of the service if it is earlier."""
        end = self._get_period_start(self.recurrence_count) - timedelta(days=1)
        return min(end, self.service_date_end) if self.service_date_end else end

    def _get_renewal_text(self):
        term_end = self._get_period_start(self.recurrence_count) - timedelta(days=1)
        last_day = self._get_first_term_end()
        if not self.auto_renew or last_day < term_end:
            return self.env._(
                "It ends on %(date)s and does not renew itself.",
                date=self._format_document_date(last_day),
            )
        return self.env._(
            "After that it renews for as long again each time, unless notice is given "
            "at least %(days)s days before the term ends: for the first term, by "
            "%(date)s.",
            days=self._get_renewal_days(),
            date=self._format_document_date(
                term_end - timedelta(days=self._get_renewal_days())
            ),
        )

    def _has_first_part(self):
        """Tell whether the first billing period is a part of one."""
        rhythm = self._get_rhythm()
        start, end = period(self.service_date_start, 0, *rhythm)
        days = whole_period_days(self.service_date_start, 0, *rhythm)
        return (end - start).days + 1 < days

    def _get_first_period_text(self):
        _start, end = period(self.service_date_start, 0, *self._get_rhythm())
        return self.env._(
            "The first period ends on %(date)s; you pay for its days only.",
            date=self._format_document_date(end),
        )

    def _get_index_text(self):
        """Return the agreed rule by which the price changes, empty without one."""
        self.ensure_one()
        if not self.price_index or not self.auto_renew:
            return ""
        if self.price_index == "percent":
            percent = formatLang(self.env, self.price_index_percent, digits=2)
            return self.env._(
                "The price changes by %(percent)s %% with each renewal.",
                percent=f"+{percent}" if self.price_index_percent > 0 else percent,
            )
        return self.env._(
            "With each renewal the price follows the index “%(index)s”: each change "
            "that it has had since the renewal before is applied once.",
            index=self.price_index_id.sudo().name,
        )

    # === SCHEDULE === #

    def _get_schedule_rows(self):
        """Return the payments in order, as dicts with ``name``, ``due``, ``line``.

        Payments of a term that has not begun, and payments given up, are left out.
        """
        self.ensure_one()
        lines = self.schedule_line_ids.filtered(
            lambda line: not line.is_skipped and line.term_number <= self.term_number
        ).sorted(lambda line: (line.sequence, line.id))
        return [
            {
                "line": line,
                "name": self._get_schedule_line_text(line),
                "due": self._get_due_text(line),
            }
            for line in lines
        ]

    def _get_schedule_line_text(self, line):
        """Return what a payment is for; a billing period is named by its days."""
        if not line.period_start:
            return line.name
        return self.env._(
            "%(start)s to %(end)s",
            start=self._format_document_date(line.period_start),
            end=self._format_document_date(line.period_end),
        )

    def _get_due_text(self, line):
        """Return when a scheduled payment is due: a date, or the event it waits for."""
        if line.settled_amounts and line.amended_line_id:
            return self.env._("already invoiced")
        if line.date_due:
            return self._format_document_date(line.date_due)
        event = {
            "confirmation": self.env._("confirmation"),
            "completion": self.env._("completion"),
        }.get(line.trigger, "")
        unit = {
            ("day", True): self.env._("1 day"),
            ("day", False): self.env._("%s days", line.offset_value),
            ("month", True): self.env._("1 month"),
            ("month", False): self.env._("%s months", line.offset_value),
        }[line.offset_unit, line.offset_value == 1]
        if not line.offset_value:
            text = self.env._("on %(event)s", event=event)
        else:
            text = self.env._("%(delay)s after %(event)s", delay=unit, event=event)
        if line.offset_day:
            text = self.env._(
                "%(text)s, on the next %(day)s", text=text, day=self._get_day_text(line)
            )
        return text

    def _get_day_text(self, line):
        if line.offset_day == 31:
            return self.env._("last day of a month")
        return self.env._("day %s of a month", line.offset_day)

    def _get_invoicing_text(self):
        """Return what the customer receives before they have to pay."""
        self.ensure_one()
        days = self.company_id.cycle_min_payment_days
        requested = self.schedule_line_ids.filtered("is_paid_by_request")
        if not requested:
            return self.env._(
                "You receive an invoice by e-mail before each payment, and have at "
                "least %(days)s days to pay it.",
                days=days,
            )
        text = self.env._(
            "You receive a payment request by e-mail for what is paid in advance, and "
            "the invoice when the payment has arrived."
        )
        if self.schedule_line_ids <= requested:
            return text
        return self.env._(
            "%(text)s Before each other payment you receive an invoice, and have at "
            "least %(days)s days to pay it.",
            text=text,
            days=days,
        )

    def _get_next_payment_text(self):
        """Return in one sentence which payment comes next, after the confirmation."""
        self.ensure_one()
        line = self.schedule_line_ids.filtered(
            lambda line: (
                line.state in ("waiting", "planned", "drafted", "invoiced")
                and line.term_number <= self.term_number
            )
        ).sorted(
            lambda line: (not line.date_due, line.date_due or False, line.sequence)
        )
        if not line:
            return ""
        line = line[0]
        amount = line.currency_id.format(line.amount_total)
        if line.is_paid_by_request and not line.invoice_id:
            return self.env._(
                "The next payment is %(amount)s (%(name)s), due %(due)s. You receive "
                "a payment request by e-mail, and the invoice when the payment has "
                "arrived.",
                amount=amount,
                name=line.name,
                due=self._get_due_text(line),
            )
        if not line.date_due:
            return self.env._(
                "The next payment, %(amount)s (%(name)s), is due %(due)s. You receive "
                "an invoice by e-mail before.",
                amount=amount,
                name=self._get_schedule_line_text(line),
                due=self._get_due_text(line),
            )
        return self.env._(
            "The next payment, %(amount)s (%(name)s), is planned for %(due)s. You "
            "receive an invoice by e-mail before, and have at least %(days)s days to "
            "pay it.",
            amount=amount,
            name=line.name,
            due=self._get_due_text(line),
            days=self.company_id.cycle_min_payment_days,
        )
