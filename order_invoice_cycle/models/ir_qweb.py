from lxml import etree

from odoo import models

# The context key of a dictionary: what was compiled while many mails are rendered.
COMPILED = "cycle_compiled"


class IrQweb(models.AbstractModel):
    _inherit = "ir.qweb"

    def _generate_code_uncached(self, template):
        """Compile the text of a mail template once for all mails of a batch.

        Core compiles it anew for each record, which takes longer than rendering it.
        Only for our own calls, in one language and one transaction.
        """
        compiled = self.env.context.get(COMPILED)
        if not isinstance(compiled, dict) or not isinstance(template, etree._Element):
            return super()._generate_code_uncached(template)
        key = etree.tostring(template)
        if key not in compiled:
            compiled[key] = super()._generate_code_uncached(template)
        return compiled[key]
