import base64

from odoo import models
from odoo.exceptions import UserError

from odoo.addons.base.models.ir_model import MODULE_UNINSTALL_FLAG

EVIDENCE_MODEL = "cycle.confirmation"
# What a file is and what it belongs to; the rest (its public token) may change.
EVIDENCE_FIELDS = (
    "db_datas",
    "mimetype",
    "name",
    "res_field",
    "res_id",
    "res_model",
    "type",
    "url",
)


class IrAttachment(models.Model):
    """Files of a confirmation are evidence: they stay as they are."""

    _inherit = "ir.attachment"

    def write(self, vals):
        """Refuse to change evidence; writing again what it is changes nothing."""
        for attachment in self._filter_evidence():
            if attachment._changes_evidence(vals):
                attachment._refuse_to_touch_evidence()
        return super().write(vals)

    def unlink(self):
        """Refuse to delete evidence, for everyone, superuser included.

        Uninstalling the addon removes the confirmations, and their files with them.
        """
        if not (self.env.su and self.env.context.get(MODULE_UNINSTALL_FLAG)):
            for attachment in self._filter_evidence():
                attachment._refuse_to_touch_evidence()
        return super().unlink()

    def _filter_evidence(self):
        return self.sudo().filtered(
            lambda attachment: (
                attachment.res_model == EVIDENCE_MODEL and attachment.res_id
            )
        )

    def _changes_evidence(self, vals):
        self.ensure_one()
        if any(vals[key] != self[key] for key in EVIDENCE_FIELDS if key in vals):
            return True
        raw = self.raw
        contents = [vals["raw"]] if "raw" in vals else []
        if "datas" in vals:
            contents.append(base64.b64decode(vals["datas"] or b""))
        return any(
            (content.encode() if isinstance(content, str) else content or b"") != raw
            for content in contents
        )

    def _refuse_to_touch_evidence(self):
        raise UserError(
            self.env._(
                "“%(file)s” is evidence of the confirmation of order %(order)s: it is "
                "kept as it is and can be neither changed nor deleted.",
                file=self.name,
                order=self.env[EVIDENCE_MODEL].sudo().browse(self.res_id).order_id.name,
            )
        )
