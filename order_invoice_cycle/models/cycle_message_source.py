from odoo import models


class CycleMessageSource(models.AbstractModel):
    """What the outbox needs to know of a document that writes to a customer.

    The outbox calls these hooks and knows nothing else of the document.
    """

    _name = "cycle.message.source"
    _description = "Order cycle: document that sends messages"

    def _cycle_message_address(self, message):
        """Return the e-mail address ``message`` goes to, asked again when it does."""
        return message.partner_id.email

    def _cycle_message_documents(self, message):
        """Make the files that go with ``message``, if they are not there yet.

        Asked of several documents at once, with their messages. Runs before a message
        is claimed, in a transaction of its own, because rendering a PDF is slow. Must
        be idempotent.
        """

    def _cycle_message_obstacle(self, message):
        """Return why ``message`` must not go out any more, or False.

        Asked in the transaction that claims the message, so that what was paid,
        disputed or revoked in between is not sent.
        """
        return False

    def _cycle_message_render_context(self, message):
        """Return what the mail template finds in ``ctx`` besides the record.

        A value under the key ``cycle_secret`` never reaches the archive.
        """
        return {}

    def _cycle_message_stamp(self, message):
        """Return what changes whenever the text of ``message`` has to.

        Then it may be rendered together with others, shortly before it is claimed,
        and is rendered again when the stamp is another one by then. None (the
        default): it is rendered in the transaction that claims it.
        """
        return None

    def _cycle_message_attachments(self, message):
        """Return the ``ir.attachment`` records that go with ``message``."""
        return self.env["ir.attachment"]

    def _cycle_message_sent(self, message):
        """React to the mail server having accepted ``message``."""

    def _cycle_message_failed(self, message):
        """React to ``message`` having failed for good or being in doubt."""

    def _cycle_message_cancelled(self, message):
        """React to a person, or a newer message, having withdrawn ``message``."""
