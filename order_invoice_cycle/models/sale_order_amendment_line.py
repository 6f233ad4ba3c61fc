from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ..tools.buckets import sum_buckets
from .cycle_schedule_line import TERMS_FIELDS as SCHEDULE_TERMS_FIELDS
from .sale_order_line import TERMS_FIELDS as LINE_TERMS_FIELDS

# Written by the system only: what became of a payment, the days and the price of a
# billing period, where a line comes from. None of them is a term of its own, so
# nothing else would tell that one was changed before the customer confirmed.
SYSTEM_FIELDS = {
    "amended_line_id",
    "amount_tax",
    "amount_total",
    "amount_untaxed",
    "date_draft",
    "date_requested",
    "deposit_payment_id",
    "error",
    "hold_reason",
    "invoice_id",
    "is_left_out",
    "is_payment_awaited",
    "is_request_queued",
    "is_skipped",
    "period_end",
    "period_number",
    "period_share",
    "period_start",
    "price_factor",
    "request_pdf_id",
    "retry_at",
    "settled_amounts",
    "state",
    "term_number",
}
# Stored for searching. Not among the others, because a list of a customer's orders
# has these names as defaults in its context.
FIELDS_OF_ORDER = {"company_id", "partner_id", "user_id", "currency_id"}


class SaleOrderLine(models.Model):
    """A line of an amendment knows the line of the running order that it changes."""

    _inherit = "sale.order.line"

    amended_line_id = fields.Many2one(
        "sale.order.line", readonly=True, copy=False, index="btree_not_null"
    )

    def _get_amended_values(self):
        """Return this line's terms as values for the line of the running order."""
        self.ensure_one()
        names = [name for name in LINE_TERMS_FIELDS if name != "order_id"]
        values = {name: self[name] for name in names}
        return {
            **self._convert_to_write(values),
            "tax_ids": [fields.Command.set(self.tax_ids.ids)],
        }

    def _prepare_amended_removal(self):
        """Return the command that takes this line out of the running order."""
        return fields.Command.delete(self.id)


class CycleScheduleLine(models.Model):
    """A payment of an amendment knows the payment of the running order it changes."""

    _inherit = "cycle.schedule.line"

    amended_line_id = fields.Many2one(
        "cycle.schedule.line", readonly=True, copy=False, index="btree_not_null"
    )

    @api.model
    def _has_field_access(self, field, operation):
        """Keep people and remote calls from writing what the system writes down."""
        if operation == "write" and not self.env.su and field.name in SYSTEM_FIELDS:
            return False
        return super()._has_field_access(field, operation)

    def _is_posted(self):
        """Tell whether an invoice of this payment was published, even if credited.

        Not one that was credited and replaced: what replaces it is still a draft, or
        is the one that counts.
        """
        self.ensure_one()
        return any(
            move.state == "posted" and not move.is_replaced
            for move in self.sudo().move_ids
        )

    def _is_credited_in_part(self):
        """Tell whether a credit note took back some of what was published."""
        posted = self.sudo().move_ids.filtered(
            lambda move: move.state == "posted" and not move.is_replaced
        )
        return "posted" in posted.reversal_move_ids.mapped("state")

    def _must_stay(self):
        """Tell whether an amendment may not take this payment out."""
        return self._is_posted() or (not self.is_skipped and self._is_paid_by_payment())

    def _tell_live_amendment(self):
        """Let an amendment under way know what became of these payments."""
        for line in self.sudo():
            for amendment in line.order_id.live_amendment_id:
                amendment._keep_amendment_true(line)

    def _get_due_terms(self):
        terms = self._get_terms()
        return terms.get("due"), terms.get("delay")

    def _prepare_amended_line(self):
        """Return the values of this payment in an amendment of its order."""
        self.ensure_one()
        values = {
            **self._get_amended_values(),
            "amended_line_id": self.id,
            "period_start": self.period_start,
            "period_end": self.period_end,
            "period_share": self.period_share,
            # What an index has made of the prices holds for the new ones as well.
            "price_factor": self.price_factor,
            "term_number": self.term_number,
            "date_due": self.date_due,
        }
        if self._is_posted():
            settled = self._prepare_settled(self._get_net_rows())
            values["settled_amounts"] = settled
            if self.order_id.payment_mode != "recurring":
                total = sum(sum_buckets(settled["buckets"]))
                values.update(
                    amount_type="fixed",
                    # Nothing, when more was credited than invoiced.
                    amount_fixed=max(self.currency_id.round(total), 0.0),
                    percent=0.0,
                )
        return values

    def _get_amended_values(self):
        """Return this payment's terms as values for the running order's payment."""
        self.ensure_one()
        names = [name for name in SCHEDULE_TERMS_FIELDS if name != "order_id"]
        values = {name: self[name] for name in names}
        values["is_left_out"] = False
        if self.trigger != "date" and not self.date_due:
            # The day on which its event happened is no term: it stays.
            values.pop("date_due")
        return values

    def _prepare_amended_removal(self):
        """Return the command that takes this payment out of the running order.

        A payment that had an invoice, which was cancelled, stays for its sake: it takes
        nothing of the order, and is no part of the terms any more. One that has an
        invoice or was paid stays as it is, whatever the amendment says.
        """
        if self._must_stay():
            return fields.Command.update(self.id, {})
        if not self.sudo().move_ids and not self.sudo().deposit_payment_id:
            return fields.Command.delete(self.id)
        return fields.Command.update(
            self.id,
            {
                "is_skipped": True,
                "is_left_out": True,
                "settled_amounts": False,
                "amount_type": "fixed",
                "amount_fixed": 0.0,
                "percent": 0.0,
            },
        )

    @api.model_create_multi
    def create(self, vals_list):
        """Refuse to add payments to a confirmed or a recurring schedule."""
        if not self.env.su:
            ids = {vals["order_id"] for vals in vals_list if vals.get("order_id")}
            orders = self.env["sale.order"].browse(ids)
            self._check_fields_of_order(set().union(*vals_list))
            self._check_not_confirmed(orders)
            self._check_not_recurring(orders)
            for vals in vals_list:
                self._check_date_is_known(vals, vals.get("trigger", "date"))
        return super().create(vals_list)

    def write(self, vals):
        """Refuse to change what was confirmed, follows from the recurrence, or was
        invoiced in an amendment."""
        names = set(vals) & set(SCHEDULE_TERMS_FIELDS)
        if not self.env.su:
            self._check_fields_of_order(set(vals))
        if not self.env.su and names:
            orders = self.order_id | self.order_id.browse(vals.get("order_id"))
            self._check_not_confirmed(orders, names)
            self._check_not_recurring(orders)
            for trigger in set(self.mapped("trigger")):
                self._check_date_is_known(vals, vals.get("trigger", trigger))
        if not self.env.su and names - {"sequence"}:
            self._check_not_settled()
        return super().write(vals)

    def unlink(self):
        """Refuse to take payments out of a confirmed or a recurring schedule."""
        if not self.env.su:
            self._check_not_confirmed(self.order_id)
            self._check_not_recurring(self.order_id)
        return super().unlink()

    @api.ondelete(at_uninstall=False)
    def _unlink_except_settled(self):
        if not self.env.su:
            self._check_not_settled()

    def _check_not_confirmed(self, orders, names=()):
        """Say what to do instead; without this, core says that a right is missing.

        :param orders: the orders of the payments
        :param names: fields that were to be changed; none for whole payments
        """
        confirmed = orders.filtered(lambda order: order.state == "sale")[:1]
        if not confirmed:
            return
        labels = sorted(
            self._fields[name]._description_string(self.env) for name in names
        )
        raise UserError(
            self.env._(
                "The schedule of order %(order)s is confirmed by the customer, so "
                "%(what)s cannot be changed. “Amend” offers the customer another "
                "schedule; “Hold” and “Skip” need no amendment.",
                order=confirmed.name,
                what=", ".join(f"“{label}”" for label in labels)
                or self.env._("its payments"),
            )
        )

    def _check_fields_of_order(self, names):
        for name in sorted(names & FIELDS_OF_ORDER):
            raise AccessError(
                self.env._(
                    "“%(field)s” of a scheduled payment is that of its order: change "
                    "it there.",
                    field=self._fields[name]._description_string(self.env),
                )
            )

    def _check_date_is_known(self, vals, trigger):
        """A payment that waits for an event is agreed by its delay, not by a date.

        A date written before the event is no term, and the payment would be invoiced
        on it all the same.
        """
        if trigger != "date" and vals.get("date_due"):
            labels = dict(self._fields["trigger"]._description_selection(self.env))
            raise UserError(
                self.env._(
                    "“%(line)s” is due “%(trigger)s” and gets its date then. Remove "
                    "the due date, or let it be due “%(date)s”.",
                    line=vals.get("name") or ", ".join(self.mapped("name")),
                    trigger=labels.get(trigger),
                    date=labels["date"],
                )
            )

    def _check_not_recurring(self, orders):
        """The terms of a recurring order are its recurrence, not the periods."""
        recurring = orders.filtered(lambda order: order.payment_mode == "recurring")[:1]
        if recurring:
            raise UserError(
                self.env._(
                    "The billing periods of order %(order)s follow from its "
                    "recurrence and cannot be written one by one. Change the service "
                    "dates, the billing interval or the number of periods instead.",
                    order=recurring.name,
                )
            )

    def _check_not_settled(self):
        for line in self:
            if line.settled_amounts:
                raise UserError(
                    self.env._(
                        "“%(line)s” was invoiced already and stays as it is. Change "
                        "the payments that are open.",
                        line=line.display_name,
                    )
                )
