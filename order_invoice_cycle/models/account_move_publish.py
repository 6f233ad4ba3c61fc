from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain
from odoo.tools import email_normalize, format_date


class AccountMove(models.Model):
    """Publishing: a draft is checked, posted, archived as PDF and e-mailed."""

    _inherit = "account.move"

    publish_check_state = fields.Selection(
        [("green", "Ready"), ("amber", "Look at it"), ("red", "Cannot be published")],
        string="Check",
        compute="_compute_publish_check",
        search="_search_publish_check_state",
    )
    publish_check_note = fields.Text(
        string="What is unusual", compute="_compute_publish_check"
    )

    # === CHECKS === #

    @api.depends(
        "state",
        "amount_total",
        "partner_id.email",
        "partner_id.vat",
        "partner_id.country_id",
        "partner_id.street",
        "partner_id.city",
        "schedule_line_id.amount_total",
        "schedule_line_id.date_due",
    )
    def _compute_publish_check(self):
        for move in self:
            findings = []
            if move.state == "draft" and move.schedule_line_id:
                findings = move._get_publish_findings()
            colours = [colour for colour, _text in findings]
            move.publish_check_state = (
                "red" if "red" in colours else "amber" if colours else "green"
            )
            move.publish_check_note = "\n".join(text for _colour, text in findings)

    @api.model
    def _search_publish_check_state(self, operator, value):
        if operator != "in":
            return NotImplemented
        drafts = self.search(
            Domain("state", "=", "draft") & Domain("schedule_line_id", "!=", False)
        )
        return [
            ("id", "in", drafts.filtered(lambda m: m.publish_check_state in value).ids)
        ]

    def _get_publish_findings(self, today=None):
        """Return what is unusual about a draft, as (colour, sentence) pairs.

        Other addons add their own findings to the list.

        :param date today: the day of the check, the company's today by default
        """
        self.ensure_one()
        return [
            *self._get_amount_findings(),
            *self._get_customer_findings(),
            *self._get_date_findings(today or self.company_id._cycle_today()),
        ]

    def _get_amount_findings(self):
        findings = []
        currency, total = self.currency_id, self.amount_total
        planned = self.schedule_line_id.amount_total
        last = self.schedule_line_id._get_previous_period().invoice_id
        if currency.compare_amounts(total, 0) <= 0:
            colour = "amber" if currency.is_zero(total) else "red"
            text = self.env._("Its total is %s.", currency.format(total))
            findings.append((colour, text))
        if currency.compare_amounts(total, planned):
            text = self.env._(
                "Its total is %(total)s, the confirmed schedule says %(planned)s.",
                total=currency.format(total),
                planned=currency.format(planned),
            )
            findings.append(("amber", text))
        if last and currency.compare_amounts(total, last.amount_total):
            text = self.env._(
                "Its total is %(total)s, the one of the period before %(last)s.",
                total=currency.format(total),
                last=currency.format(last.amount_total),
            )
            findings.append(("amber", text))
        return findings

    def _get_customer_findings(self):
        findings = []
        partner, payer = self.partner_id, self.commercial_partner_id
        if not all((partner.street, partner.city, partner.country_id)):
            text = self.env._(
                "The address of %s lacks the street, city or country that an invoice "
                "must show.",
                partner.display_name,
            )
            findings.append(("red", text))
        if not email_normalize(partner.email or ""):
            text = self.env._("%s has no valid e-mail address.", partner.display_name)
            findings.append(("amber", text))
        is_foreign = payer.country_id != self.company_id.country_id
        if payer.is_company and is_foreign and not payer.vat:
            text = self.env._(
                "%s is a foreign business without a VAT number.", payer.display_name
            )
            findings.append(("amber", text))
        if not self.company_id.vat:
            text = self.env._("Your own company has no VAT number.")
            findings.append(("amber", text))
        return findings

    def _get_date_findings(self, today):
        date_due = self.schedule_line_id.date_due
        if not date_due or date_due >= today:
            return []
        text = self.env._(
            "It was planned for %s; it will be due some days after it is published.",
            format_date(self.env, date_due),
        )
        return [("amber", text)]

    # === PUBLISHING === #

    def action_publish(self, today=None):
        """Post the drafts; their PDF is archived and e-mailed right afterwards.

        Red drafts are refused with their reasons, the others go through. What is
        posted already, or does not come from a schedule, is left alone, so a second
        click does nothing.

        :param date today: date of the invoices, by default each company's today
        :return: a notification that says what happened
        :raise AccessError: without the billing role
        :raise UserError: when every draft was refused
        """
        if not self.env.user.has_group("order_invoice_cycle.group_cycle_billing"):
            raise AccessError(
                self.env._("Only the billing role of the order cycle publishes.")
            )
        self.check_access("write")
        drafts = self.filtered(lambda x: x.state == "draft" and x.schedule_line_id)
        red = drafts.filtered(lambda move: move.publish_check_state == "red")
        for move in red:
            move.cycle_error = move._get_refusal_reasons()
        published = self.browse()
        for company, moves in (drafts - red).grouped("company_id").items():
            day = fields.Date.to_date(today) or company._cycle_today()
            moves = moves.with_company(company)
            ids, _failed = moves._run_job_halving(
                moves, lambda batch, day=day: batch._publish(day)
            )
            published |= self.browse(ids)
        refused = drafts - published
        if refused and not published:
            raise UserError(refused._get_refusal_text())
        return self._get_publish_notification(published, refused)

    def _publish(self, today):
        """Post ``self``, drafts of one company, and queue their e-mails."""
        for move in self:
            earliest = today + timedelta(days=move.company_id.cycle_min_payment_days)
            due = move.invoice_date_due or earliest
            move.write({"invoice_date": today, "invoice_date_due": max(due, earliest)})
        self._post(soft=False)
        self._job_succeeded()
        template = self.env.ref("order_invoice_cycle.mail_template_invoice")
        for move in self:
            self.env["cycle.message"]._queue(move, "invoice", template, move.partner_id)

    def _get_refusal_reasons(self):
        """Return what has to be put right before a draft can be published."""
        findings = self._get_publish_findings()
        return "\n".join(text for colour, text in findings if colour == "red")

    def _get_refusal_text(self):
        return "\n".join(
            self.env._(
                "%(invoice)s was not published: %(reason)s",
                invoice=move.schedule_line_id.display_name,
                reason=move.cycle_error,
            )
            for move in self
        )

    def _get_publish_notification(self, published, refused):
        message = self.env._("%s invoice(s) published.", len(published))
        if refused:
            message += "\n" + refused._get_refusal_text()
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "warning" if refused else "success",
                "message": message,
                "sticky": bool(refused),
                "next": {"type": "ir.actions.act_window_close"},
            },
        }

    # === OUTBOX === #

    def _cycle_message_documents(self, message):
        """Render and archive the PDFs (and electronic formats) by core's own send."""
        missing = self.filtered(
            lambda move: move.state == "posted" and not move.invoice_pdf_report_id
        )
        if missing:
            unsent = missing.filtered(lambda move: not move.is_move_sent)
            self.env["account.move.send"]._generate_and_send_invoices(
                missing, allow_raising=False, sending_methods=[]
            )
            # Core calls an invoice sent as soon as its PDF is there.
            unsent.is_move_sent = False

    def _cycle_message_obstacle(self, message):
        if self.state != "posted":
            return self.env._("The invoice is not posted any more.")
        if not self.invoice_pdf_report_id:
            raise UserError(
                self.env._("The PDF of %s could not be made.", self.display_name)
            )
        return False

    def _cycle_message_attachments(self, message):
        return self.env["account.move.send"]._get_invoice_extra_attachments(self)

    def _cycle_message_sent(self, message):
        self.is_move_sent = True
        self._message_log(
            body=self.env._("Sent to %(address)s.", address=message.email_to)
        )
