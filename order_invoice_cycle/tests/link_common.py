import re

from .common import CycleCommon


class LinkCommon(CycleCommon):
    """An order whose link lies in the outbox, without a web page."""

    def _offer(self, **values):
        """Return an approved order whose links have gone out."""
        order = self._approve(self._create_order(**values))
        self._send_messages()
        return order

    def _get_token(self, mail):
        """Return the token of the link in an e-mail of the outbox."""
        body = mail.get_body(("html",)).get_content()
        return re.search(r"/order/confirm/([\w-]+)", body)[1]

    def _find(self, token):
        return self.env["cycle.confirmation"]._find_by_token(token)

    def _events(self, order):
        return order.confirmation_ids.event_ids.sorted("sequence").mapped("event")
