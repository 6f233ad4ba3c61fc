import re
from unittest.mock import patch

from odoo import fields

from ..models.res_company import ResCompany
from .confirmation_common import PublicPageCase
from .recurring_common import RecurringCommon


class RenewalPageCase(RecurringCommon, PublicPageCase):
    """A renewal whose link the customer has; notice by 15 March 2027."""

    def setUp(self):
        super().setUp()
        self.order = self._running()
        self._renew("2027-02-13")
        self.outbox.clear()
        self._send_messages()
        self.renewal = self.order.renewal_ids
        (mail,) = [mail for mail in self.outbox if "renews on" in mail["Subject"]]
        body = mail.get_body(("html",)).get_content()
        self.link = re.search(r"/order/renewal/link/[\w-]+", body).group()
        self.path = f"/order/renewal/{self.renewal.id}"
        self._new_session()

    def _get(self, path, today="2027-03-01", **kwargs):
        self.env.flush_all()
        day = fields.Date.to_date(today)
        with patch.object(ResCompany, "_cycle_today", lambda company: day):
            response = self.url_open(path, **kwargs)
        self.env.invalidate_all()
        return response

    def _refuse(self, today="2027-03-01", headers=None, **form):
        """Send the form, as the page holds it; ``None`` leaves a field out."""
        if "nonce" not in form:
            form["nonce"] = self._read_nonce(self._get(self.path, today))
        values = {
            "csrf_token": self._get_csrf_token(),
            "name": "Anna Nowak",
            "website": "",
            "text": "We move.",
            **form,
        }
        return self._get(
            f"{self.path}/refuse",
            today,
            data={key: value for key, value in values.items() if value is not None},
            headers=headers,
        )

    def assertUntouched(self):
        self.assertEqual(self.renewal.state, "announced")
        self.assertFalse(self.order.date_notice_given)
