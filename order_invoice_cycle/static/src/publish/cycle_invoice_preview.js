import { Component } from "@odoo/owl";
import { registry } from "@web/core/registry";
import { standardWidgetProps } from "@web/views/widgets/standard_widget_props";

const VIEWER = "/web/static/lib/pdfjs/web/viewer.html";

/** The invoice as it would be printed now, rendered when it is looked at. */
export class CycleInvoicePreview extends Component {
    static template = "order_invoice_cycle.CycleInvoicePreview";
    static props = { ...standardWidgetProps };

    get url() {
        const { resId, data } = this.props.record;
        if (!resId) {
            return "";
        }
        // What was changed since gives another address, so the browser asks again.
        const version = data.write_date ? data.write_date.toMillis() : 0;
        const file = `/order_invoice_cycle/preview/${resId}?v=${version}`;
        return `${VIEWER}?file=${encodeURIComponent(file)}#zoom=page-width&pagemode=none`;
    }
}

registry.category("view_widgets").add("cycle_invoice_preview", {
    component: CycleInvoicePreview,
    fieldDependencies: [{ name: "write_date", type: "datetime" }],
});
