from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain


class AccountMove(models.Model):
    """An invoice of the cycle: it knows its scheduled payment and is published."""

    _name = "account.move"
    _inherit = ["account.move", "cycle.message.source", "cycle.job.mixin"]
    _job_error_field = "cycle_error"
    _job_retry_field = "cycle_retry_at"

    schedule_line_id = fields.Many2one(
        "cycle.schedule.line",
        string="Scheduled payment",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="restrict",
        check_company=True,
    )
    cycle_order_id = fields.Many2one(
        related="schedule_line_id.order_id", string="Order", store=True
    )
    publish_check_state = fields.Selection(
        [("green", "Ready"), ("amber", "Look at it"), ("red", "Cannot be published")],
        string="Check",
        compute="_compute_publish_check",
        search="_search_publish_check_state",
    )
    publish_check_note = fields.Text(
        string="What is unusual", compute="_compute_publish_check"
    )
    dispute_ids = fields.One2many("cycle.dispute", "move_id")
    is_disputed = fields.Boolean(
        compute="_compute_is_disputed",
        store=True,
        help="A dispute about this invoice is open; its amount is not reminded.",
    )
    amount_disputed = fields.Monetary(
        compute="_compute_is_disputed",
        store=True,
        help="Part of the open amount that an open dispute is about.",
    )
    cycle_message_count = fields.Integer(compute="_compute_cycle_message_count")
    cycle_error = fields.Text(readonly=True, copy=False)
    cycle_retry_at = fields.Datetime(readonly=True, copy=False)

    _one_live_invoice_per_scheduled_payment = models.UniqueIndex(
        "(schedule_line_id) WHERE schedule_line_id IS NOT NULL AND state != 'cancel'",
        "This scheduled payment already has an invoice.",
    )

    # === COMPUTES === #

    @api.depends("dispute_ids.state", "dispute_ids.amount")
    def _compute_is_disputed(self):
        for move in self:
            disputes = move.dispute_ids.filtered(lambda d: d.state == "open")
            move.is_disputed = bool(disputes)
            move.amount_disputed = sum(disputes.mapped("amount"))

    def _compute_cycle_message_count(self):
        counts = dict(
            self.env["cycle.message"]._read_group(
                [("res_model", "=", self._name), ("res_id", "in", self.ids)],
                ["res_id"],
                ["__count"],
            )
        )
        for move in self:
            move.cycle_message_count = counts.get(move.id, 0)

    @api.depends(
        "state",
        "amount_total",
        "partner_id.email",
        "partner_id.vat",
        "partner_id.country_id",
        "partner_id.street",
        "partner_id.city",
        "schedule_line_id.amount_total",
        "invoice_date_due",
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

    def _get_publish_findings(self):
        """Return what is unusual about a draft, as (colour, sentence) pairs.

        Other addons add their own findings to the list.
        """
        self.ensure_one()
        findings = []
        line = self.schedule_line_id
        partner = self.partner_id
        money = self.currency_id.format
        if self.currency_id.compare_amounts(self.amount_total, 0) <= 0:
            findings.append(
                ("red", self.env._("Its total is %s.", money(self.amount_total)))
            )
        if not partner.street or not partner.city or not partner.country_id:
            findings.append(
                (
                    "red",
                    self.env._(
                        "The address of %s lacks the street, city or country that an "
                        "invoice must show.",
                        partner.display_name,
                    ),
                )
            )
        if not partner.email:
            findings.append(
                (
                    "amber",
                    self.env._("%s has no e-mail address.", partner.display_name),
                )
            )
        company_partner = self.commercial_partner_id
        foreign = company_partner.country_id != self.company_id.country_id
        if company_partner.is_company and foreign and not company_partner.vat:
            findings.append(
                (
                    "amber",
                    self.env._(
                        "%s is a foreign business without a VAT number.",
                        company_partner.display_name,
                    ),
                )
            )
        if not self.company_id.vat:
            findings.append(
                ("amber", self.env._("Your own company has no VAT number."))
            )
        if self.currency_id.compare_amounts(self.amount_total, line.amount_total):
            findings.append(
                (
                    "amber",
                    self.env._(
                        "Its total is %(total)s, the confirmed schedule says "
                        "%(planned)s.",
                        total=money(self.amount_total),
                        planned=money(line.amount_total),
                    ),
                )
            )
        if line.date_due and line.date_due < self.company_id._cycle_today():
            findings.append(
                (
                    "amber",
                    self.env._(
                        "It was planned for %s; it will be due some days after it is "
                        "published.",
                        line.date_due,
                    ),
                )
            )
        return findings

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

    # === PUBLISHING === #

    def action_publish(self, today=None):
        """Post the drafts; their PDF is archived and e-mailed right afterwards.

        Red drafts are refused with their reasons, the others go through. What is
        posted already is left alone, so a second click does nothing.

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
        drafts = self.filtered(lambda move: move.state == "draft")
        red = drafts.filtered(lambda move: move.publish_check_state == "red")
        for move in red:
            move.cycle_error = move.publish_check_note
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
            move.write(
                {
                    "invoice_date": today,
                    "invoice_date_due": max(due, earliest),
                    "cycle_error": False,
                }
            )
        self._post(soft=False)
        template = self.env.ref("order_invoice_cycle.mail_template_invoice")
        for move in self:
            self.env["cycle.message"]._queue(move, "invoice", template, move.partner_id)

    def _get_refusal_text(self):
        return "\n".join(
            self.env._(
                "%(invoice)s was not published: %(reason)s",
                invoice=move.schedule_line_id.display_name or move.display_name,
                reason=move.cycle_error or move.publish_check_note,
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

    # === LIFE OF THE SCHEDULED PAYMENT === #

    @api.ondelete(at_uninstall=False)
    def _unlink_hold_scheduled_payment(self):
        self._hold_scheduled_payments(
            self.env._("The draft invoice was deleted by %s.", self.env.user.name)
        )

    def button_cancel(self):
        result = super().button_cancel()
        self._hold_scheduled_payments(
            self.env._("The invoice was cancelled by %s.", self.env.user.name)
        )
        return result

    def _hold_scheduled_payments(self, reason):
        """A person removed the invoice: a person decides whether it comes again."""
        lines = self.schedule_line_id.sudo()
        lines.write({"hold_reason": reason})

    # === OUTBOX === #

    def _cycle_message_documents(self, message):
        """Render and archive the PDFs (and electronic formats) by core's own send."""
        missing = self.filtered(
            lambda move: move.state == "posted" and not move.invoice_pdf_report_id
        )
        if missing:
            self.env["account.move.send"]._generate_and_send_invoices(
                missing, allow_raising=False, sending_methods=[]
            )

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

    # === DISPUTES AND MESSAGES === #

    def action_open_dispute(self):
        """Open the dialog that opens a dispute about this invoice."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Open a dispute"),
            "res_model": "cycle.dispute",
            "view_mode": "form",
            "target": "new",
            "context": {
                "default_move_id": self.id,
                "default_amount": self.amount_residual,
            },
        }

    def action_view_cycle_messages(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "order_invoice_cycle.cycle_message_action"
        )
        action["domain"] = [("res_model", "=", self._name), ("res_id", "=", self.id)]
        action["context"] = {}
        return action
