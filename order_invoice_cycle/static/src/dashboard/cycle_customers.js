import { Component } from "@odoo/owl";
import { formatCurrency } from "@web/core/currency";
import { _t } from "@web/core/l10n/translation";

/** The customers who owe most. */
export class CycleCustomers extends Component {
    static template = "order_invoice_cycle.CycleCustomers";
    static props = {
        customers: Array,
        currencyId: Number,
        open: Function,
    };

    setup() {
        this.columns = [
            { key: "open", label: _t("Open") },
            { key: "overdue", label: _t("Overdue") },
            { key: "disputed", label: _t("Disputed") },
        ];
    }

    format(amount) {
        return formatCurrency(amount, this.props.currencyId);
    }

    openCustomer({ partner_id, name }) {
        return this.props.open({
            type: "ir.actions.act_window",
            name,
            res_model: "res.partner",
            res_id: partner_id,
            views: [[false, "form"]],
        });
    }
}
