import secrets
from datetime import timedelta

from odoo import fields, models
from odoo.tools import consteq, hmac

CODE_DIGITS = 6
CODE_MINUTES = 15
# Together they let a guesser try 50 of a million codes for one link.
WRONG_ENTRIES = 5
CODES_PER_LINK = 10
SECONDS_BETWEEN = 60


class CycleConfirmationCode(models.Model):
    """A code that was asked for on the page of a link, and mailed to its recipient.

    It is made while the mail is being sent; only a keyed hash of it is kept. It shows
    that whoever confirms reads the recipient's mail now, not only a forwarded link.
    """

    _name = "cycle.confirmation.code"
    _description = "Code to Confirm an Order"
    _order = "id desc"
    _rec_name = "date_asked"

    confirmation_id = fields.Many2one(
        "cycle.confirmation", required=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="confirmation_id.company_id", store=True)
    date_asked = fields.Datetime(required=True)
    date_expiry = fields.Datetime(help="Empty until its mail is being sent.")
    wrong_entries = fields.Integer()
    code_hash = fields.Char(groups="base.group_system")

    def _issue(self):
        """Make the code and return it, as people read it; one made before is void."""
        self.ensure_one()
        number = secrets.randbelow(10**CODE_DIGITS)
        code = f"{number:0{CODE_DIGITS}d}"
        self.code_hash = self._get_hash(code)
        self.date_expiry = fields.Datetime.now() + timedelta(minutes=CODE_MINUTES)
        half = CODE_DIGITS // 2
        return f"{code[:half]} {code[half:]}"

    def _get_hash(self, code):
        return hmac(self.env(su=True), self._name, (self.id, code))

    def _is_usable(self):
        """Tell whether it can be entered, or will be as soon as its mail is there."""
        expired = self.date_expiry and self.date_expiry < fields.Datetime.now()
        return bool(self) and not expired and self.wrong_entries < WRONG_ENTRIES

    def _fits(self, typed):
        """Tell whether a visitor typed this code, with or without blanks."""
        digits = "".join(typed.split())
        return (
            bool(self.code_hash)
            and digits.isascii()
            and consteq(self.code_hash, self._get_hash(digits))
        )


class CycleConfirmation(models.Model):
    """Codes: a large order is confirmed only by who reads the recipient's mail."""

    _inherit = "cycle.confirmation"

    code_ids = fields.One2many(
        "cycle.confirmation.code", "confirmation_id", groups="base.group_system"
    )

    # === WHETHER === #

    def _needs_code(self):
        """Tell whether the company asks for a code for an order of this amount."""
        self.ensure_one()
        company = self.company_id
        least = company.cycle_code_amount
        amount = self.order_id._get_amount_in_company_currency()
        return bool(least) and company.currency_id.compare_amounts(amount, least) >= 0

    def _get_code_minutes(self):
        """Return for how many minutes a code is valid, for texts."""
        return CODE_MINUTES

    def _get_code(self):
        """Return the code asked for last, in superuser mode, empty without any."""
        self.ensure_one()
        return self.sudo().code_ids[:1]

    # === ASKING === #

    def _ask_for_code(self):
        """Queue the mail with a new code, if the order asks for one.

        :return: False, or why it is not sent: ``code_too_soon``, ``code_too_many``
        """
        self.ensure_one()
        if not self._needs_code():
            return False
        self._lock_order()
        now = fields.Datetime.now()
        last = self._get_code()
        if last and now - last.date_asked < timedelta(seconds=SECONDS_BETWEEN):
            return "code_too_soon"
        codes = self.sudo().code_ids
        if len(codes) >= CODES_PER_LINK:
            return "code_too_many"
        codes.create({"confirmation_id": self.id, "date_asked": now})
        self.env["cycle.message"]._queue(
            self,
            "code",
            self.env.ref("order_invoice_cycle.mail_template_code"),
            self.partner_id,
        )
        return False

    # === ENTERING === #

    def _confirm(self, shown_hash, name, code="", **evidence):
        """Confirm the order, with the code where the company asks for one.

        :param str code: as the visitor typed it
        :return: as in the base method, or what is wrong with the code:
            ``code_missing``, ``code_wrong``, ``code_void`` (ask for a new one)
        """
        if self._needs_code():
            self._lock_order()
            problem = not self._refuse_answer(shown_hash) and self._enter_code(
                code, name, evidence
            )
            if problem:
                return problem
        return super()._confirm(shown_hash, name, **evidence)

    def _enter_code(self, typed, name, evidence):
        """Check a code and note in the evidence that it was entered.

        :return: False when it is right, otherwise as in :meth:`_confirm`
        """
        code = self._get_code()
        if not code._is_usable():
            return "code_void" if code else "code_missing"
        if not typed.strip():
            return "code_missing"
        is_right = code._fits(typed)
        if not is_right:
            code.wrong_entries += 1
        self._log_event(
            "code_entered" if is_right else "code_refused",
            name=name,
            **{key: evidence.get(key) for key in ("user_id", "ip", "user_agent")},
        )
        if is_right:
            return False
        return "code_wrong" if code._is_usable() else "code_void"

    def _get_code_event(self):
        """Return the event of the code that this confirmation was made with."""
        self.ensure_one()
        return self.sudo().event_ids.filtered(lambda e: e.event == "code_entered")[-1:]

    # === TOKENS === #

    def _issue_token(self):
        # Sent anew by sales: the count of the codes begins anew as well.
        self.sudo().code_ids.unlink()
        return super()._issue_token()

    # === OUTBOX === #

    def _cycle_message_obstacle(self, message):
        obstacle = super()._cycle_message_obstacle(message)
        if not obstacle and message.purpose == "code" and not self._get_code():
            return self.env._("The code is no longer asked for.")
        return obstacle

    def _cycle_message_render_context(self, message):
        if message.purpose != "code":
            return super()._cycle_message_render_context(message)
        code = self._get_code()._issue()
        return {"cycle_code": code, "cycle_secret": code}

    def _cycle_message_sent(self, message):
        result = super()._cycle_message_sent(message)
        if message.purpose == "code":
            self._lock_order()
            self._log_event("code_sent", email=message.email_to)
        return result
