from werkzeug.exceptions import NotFound

from odoo.http import Controller, request, route

REPORT = "account.account_invoices"


class InvoicePreview(Controller):
    """What billing looks at before publishing: rendered on demand, kept nowhere."""

    @route(
        "/order_invoice_cycle/preview/<int:move_id>",
        type="http",
        auth="user",
        methods=["GET"],
        readonly=True,
    )
    def preview(self, move_id, **_kwargs):
        """Return the PDF of an invoice of the cycle as it would be printed now.

        :param int move_id: an ``account.move`` that the user may read
        :raise NotFound: for any other document, which tells nothing about it
        """
        user = request.env.user
        move = request.env["account.move"].browse(move_id).exists()
        if (
            not user.has_group("order_invoice_cycle.group_cycle_billing")
            or not move.has_access("read")
            or not move.schedule_line_id
        ):
            raise NotFound()
        reports = request.env["ir.actions.report"].with_company(move.company_id)
        content, kind = reports.with_context(
            cycle_no_print_delay=True
        )._render_qweb_pdf(REPORT, move.ids)
        mimetype = "application/pdf" if kind == "pdf" else "text/html"
        return request.make_response(
            content,
            headers=[
                ("Content-Type", mimetype),
                ("Content-Length", len(content)),
                ("Content-Disposition", "inline"),
                ("Cache-Control", "private, no-store"),
            ],
        )
