import { Component } from "@odoo/owl";
import { currencies } from "@web/core/currency";
import { deserializeDate, formatDate } from "@web/core/l10n/dates";
import { RecordSelector } from "@web/core/record_selectors/record_selector";

/** The filter bar: salesperson, customer, currency; companies are the switcher's. */
export class CycleDashboardFilters extends Component {
    static template = "order_invoice_cycle.CycleDashboardFilters";
    static components = { RecordSelector };
    static props = {
        filters: Object,
        isLoading: Boolean,
        today: { type: String, optional: true },
        update: Function,
        refresh: Function,
    };

    get currencies() {
        return Object.entries(currencies).map(([id, { name }]) => ({
            id: Number(id),
            name,
        }));
    }

    get hasFilter() {
        return Object.values(this.props.filters).some(Boolean);
    }

    get today() {
        return this.props.today && formatDate(deserializeDate(this.props.today));
    }

    set(name, value) {
        return this.props.update({ ...this.props.filters, [name]: value });
    }

    setCurrency(event) {
        return this.set("currency_id", Number(event.target.value) || false);
    }

    clear() {
        return this.props.update({});
    }
}
