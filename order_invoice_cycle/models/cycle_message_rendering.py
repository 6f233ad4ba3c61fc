import logging
from email.message import EmailMessage
from typing import NamedTuple
from urllib.parse import urlsplit

from odoo import models
from odoo.exceptions import UserError
from odoo.tools import email_normalize

from ..tools.mail import clean_header, format_address
from .ir_qweb import COMPILED

_logger = logging.getLogger(__name__)

LAYOUT = "order_invoice_cycle.cycle_mail_layout"
PARTS = ("subject", "body_html", "email_from", "reply_to")


class Mail(NamedTuple):
    """A message as it goes out, and what is kept of it."""

    email: EmailMessage
    subject: str
    archived: str  # the body without its secrets
    address: str
    document: models.BaseModel
    stamp: object

    def is_true(self, message, document):
        """Tell whether it still says what ``message`` about ``document`` has to."""
        return (
            self.document == document
            and self.address == message.email_to
            and self.stamp == document._cycle_message_stamp(message)
        )


class CycleMessage(models.Model):
    """Rendering: a message becomes an e-mail."""

    _inherit = "cycle.message"

    # === MANY AT ONCE === #

    def _render_ahead(self):
        """Render messages whose documents can tell later whether it is still true.

        A template is compiled once for all of them. Whatever fails here fails again
        when the message is claimed, where it is told about.

        :return: {id: Mail}
        """
        ahead = {}
        try:
            for message, document in self._get_documents_to_render().items():
                ahead.setdefault(message._get_rendering_key(), {})[message] = document
            return {
                message.id: mail
                for documents in ahead.values()
                for message, mail in self._render_alike(documents).items()
            }
        except Exception:
            self.env.cr.rollback()
            _logger.info("%s cannot be rendered at once", self, exc_info=True)
            return {}
        finally:
            self.env["ir.cron"]._commit_progress()

    def _get_documents_to_render(self):
        """Return {message: document} of those that may be rendered ahead."""
        documents = {}
        for model, messages in self.grouped("res_model").items():
            found = self.env[model].browse(messages.mapped("res_id")).exists()
            for message in messages:
                document = found.browse(message.res_id) & found
                if document and document._cycle_message_stamp(message) is not None:
                    documents[message] = document.with_company(message.company_id)
        return documents

    def _get_rendering_key(self):
        return self.res_model, self.mail_template_id, self.company_id, self._get_lang()

    def _render_alike(self, documents):
        """Render messages of one template, company and language.

        :param dict documents: {message: document}
        :return: {message: Mail}
        """
        first = next(iter(documents))
        template = first._get_template({COMPILED: {}})
        ids = [document.id for document in documents.values()]
        values = first._fill_in(template, documents[first].browse(ids))
        return {
            message: message._make_mail(document, template, values[document.id], {})
            for message, document in documents.items()
            if format_address(message._get_address(document))
        }

    # === ONE === #

    def _render(self, document):
        """Return the e-mail as it goes out."""
        self.ensure_one()
        context = document._cycle_message_render_context(self)
        template = self._get_template(context)
        values = self._fill_in(template, document)[document.id]
        return self._make_mail(document, template, values, context)

    def _get_lang(self):
        return self.company_id._cycle_lang(self.partner_id)

    def _get_template(self, context):
        template = self.mail_template_id.sudo()
        return template.with_context(lang=self._get_lang(), **context)

    def _get_address(self, document):
        return email_normalize(document._cycle_message_address(self) or "") or ""

    def _fill_in(self, template, documents):
        """Return {document id: rendered parts of the template}."""
        try:
            return template._generate_template(documents.ids, PARTS)
        except UserError as error:
            # Core's message is the whole template and a stack trace.
            raise UserError(
                self.env._(
                    "The mail template “%(template)s” cannot be filled in: %(error)s. "
                    "Correct it, then send again.",
                    template=template.name,
                    error=list(get_causes(error))[-1],
                )
            ) from error

    def _make_mail(self, document, template, values, context):
        body = template._render_encapsulate(
            LAYOUT,
            values["body_html"],
            add_context={"company": self.company_id},
            context_record=document.with_context(lang=template.env.context["lang"]),
        )
        subject = clean_header(values["subject"])
        secret = context.get("cycle_secret")
        address = self._get_address(document)
        return Mail(
            email=self._build_email(document, address, subject, body, values),
            subject=subject,
            archived=body.replace(secret, "…") if secret else body,
            address=address,
            document=document,
            stamp=document._cycle_message_stamp(self),
        )

    def _build_email(self, document, address, subject, body, values):
        sender = format_address(values.get("email_from")) or format_address(
            self.company_id.email_formatted
        )
        if not sender:
            raise UserError(
                self.env._(
                    "%(company)s has no e-mail address to send from: give the company "
                    "one, then send again.",
                    company=self.company_id.name,
                )
            )
        host = urlsplit(self.get_base_url()).hostname or "localhost"
        return self.env["ir.mail_server"]._build_email__(
            email_from=sender,
            email_to=format_address(address, self.partner_id.name),
            subject=subject,
            body=body,
            reply_to=format_address(values.get("reply_to")) or sender,
            attachments=[
                (clean_header(attachment.name), attachment.raw, attachment.mimetype)
                for attachment in document._cycle_message_attachments(self).sudo()
            ],
            message_id=f"<cycle-{self.uuid}@{host}>",
            subtype="html",
            headers={"Auto-Submitted": "auto-generated"},
        )


def get_causes(error):
    """Yield an exception and what it was raised in the handling of, the last first."""
    while error:
        yield error
        error = error.__context__
