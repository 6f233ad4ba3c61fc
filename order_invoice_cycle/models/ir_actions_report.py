from odoo import models
from odoo.exceptions import UserError

from .cycle_confirmation_certificate import ARCHIVING

CERTIFICATE = "order_invoice_cycle.report_cycle_certificate"
QUOTATIONS = (
    "sale.report_saleorder",
    "sale.report_saleorder_raw",
    "sale.report_saleorder_pro_forma",
)


class IrActionsReport(models.Model):
    _inherit = "ir.actions.report"

    def _render_qweb_pdf(self, report_ref, res_ids=None, data=None):
        if self._is_certificate_to_show(report_ref):
            ids = [res_ids] if isinstance(res_ids, int) else res_ids
            confirmations = self.env["cycle.confirmation"].browse(ids)
            return confirmations._get_certificate_content(), "pdf"
        return super()._render_qweb_pdf(report_ref, res_ids=res_ids, data=data)

    def _is_certificate_to_show(self, report_ref):
        """Tell whether the archived certificate is asked for, not one to archive.

        Rendered anew, it would tell of the order as it is now.
        """
        is_certificate = self._get_report(report_ref).report_name == CERTIFICATE
        return is_certificate and (
            self.env.context.get("cycle_archiving") is not ARCHIVING
        )

    def _pre_render_qweb_pdf(self, report_ref, res_ids=None, data=None):
        self._check_may_print(report_ref, res_ids)
        return super()._pre_render_qweb_pdf(report_ref, res_ids=res_ids, data=data)

    def _render_qweb_html(self, report_ref, docids, data=None):
        self._check_may_print(report_ref, docids)
        return super()._render_qweb_html(report_ref, docids, data=data)

    def _render_qweb_text(self, report_ref, docids, data=None):
        self._check_may_print(report_ref, docids)
        return super()._render_qweb_text(report_ref, docids, data=data)

    def _check_may_print(self, report_ref, res_ids):
        """Raise for what is not to be rendered from the order as it is now.

        That is core's quotation of an order that only the cycle's link shows, and a
        certificate, which is archived once, as PDF.

        :raise UserError: naming the order and what to do instead
        """
        if self._is_certificate_to_show(report_ref):
            raise UserError(
                self.env._(
                    "A certificate is archived as PDF when the customer confirms. "
                    "Print it, or download it from the confirmation."
                )
            )
        report = self._get_report(report_ref)
        if report.report_name in QUOTATIONS:
            self.env["sale.order"].browse(res_ids)._refuse_to_print()

    def _build_wkhtmltopdf_args(self, *args, **kwargs):
        """Render without the delay for scripts, which the documents of the cycle lack.

        Only for our own calls: other reports of the database may need the delay.
        """
        command = super()._build_wkhtmltopdf_args(*args, **kwargs)
        if self.env.context.get("cycle_no_print_delay"):
            position = command.index("--javascript-delay")
            command[position + 1] = "0"
        return command
