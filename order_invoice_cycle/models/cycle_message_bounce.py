import re

from odoo import api, models

from ..tools.mail import clean_header

MESSAGE_ID = re.compile(r"<cycle-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})@")
# What a mail server reports when nothing is lost (RFC 3464, 2.3.3).
HARMLESS = {"delayed", "delivered", "relayed", "expanded"}


class CycleMessage(models.Model):
    """Bounces: a server further on gave a message back after ours had taken it."""

    _inherit = "cycle.message"

    @api.model
    def _receive_bounce(self, report, message_ids):
        """Take back that messages were delivered, and tell whom they belong to.

        :param email.message.EmailMessage report: what the other server sent
        :param list message_ids: the Message-Ids that it names
        :return: the messages that count as failed now
        """
        actions, reason = _read_report(report)
        uuids = MESSAGE_ID.findall(" ".join(message_ids or ()))
        if not uuids or (actions and actions <= HARMLESS):
            return self.browse()
        messages = self.search(
            [
                ("uuid", "in", uuids),
                ("state", "in", ("sending", "sent", "uncertain")),
            ]
        )
        for message in messages:
            message._set_failed(
                self.env._(
                    "%(address)s could not be reached: %(reason)s",
                    address=message.email_to,
                    reason=reason or self.env._("the mail came back"),
                )
            )
        return messages


def _read_report(report):
    """Return the actions that a delivery report names, and its reason."""
    fields = [
        block
        for part in report.walk()
        if part.get_content_type() == "message/delivery-status"
        for block in part.get_payload()
    ]
    actions = {str(block["Action"]).strip().lower() for block in fields} - {"none"}
    reasons = [block["Diagnostic-Code"] or block["Status"] for block in fields]
    reason = str(next(filter(None, reasons), ""))
    return actions, clean_header(reason.rpartition(";")[2])
