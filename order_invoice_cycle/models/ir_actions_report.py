from odoo import models


class IrActionsReport(models.Model):
    _inherit = "ir.actions.report"

    def _build_wkhtmltopdf_args(self, *args, **kwargs):
        """Render without the delay for scripts, which the documents of the cycle lack.

        Only for our own calls: other reports of the database may need the delay.
        """
        command = super()._build_wkhtmltopdf_args(*args, **kwargs)
        if self.env.context.get("cycle_no_print_delay"):
            position = command.index("--javascript-delay")
            command[position + 1] = "0"
        return command
