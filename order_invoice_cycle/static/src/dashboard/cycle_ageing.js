import { Component } from "@odoo/owl";
import { formatCurrency } from "@web/core/currency";
import { _t } from "@web/core/l10n/translation";

import { CycleBarChart } from "./cycle_bar_chart";

/** Open receivables by days overdue: a bar chart and the same as buttons. */
export class CycleAgeing extends Component {
    static template = "order_invoice_cycle.CycleAgeing";
    static components = { CycleBarChart };
    static props = {
        ageing: Array,
        credits: Object,
        currencyId: Number,
        open: Function,
    };

    setup() {
        this.format = (amount) => formatCurrency(amount, this.props.currencyId);
        this.formatShort = (amount) =>
            formatCurrency(amount, this.props.currencyId, {
                digits: [16, 0],
                humanReadable: true,
                minDigits: 2,
                noSymbol: true,
            });
        this.openBar = (index) => this.props.open(this.props.ageing[index].action);
    }

    get isNothingOverdue() {
        return this.props.ageing.every((tile) => tile.key === "not_due" || !tile.count);
    }

    get isEmpty() {
        return this.props.ageing.every((tile) => !tile.count);
    }

    get labels() {
        return this.props.ageing.map((tile) => tile.label);
    }

    get datasets() {
        return [
            {
                label: _t("Open"),
                data: this.props.ageing.map((tile) => tile.amount),
                colors: this.props.ageing.map((tile) => `--cycle-ageing-${tile.key}`),
            },
        ];
    }

    /** The rows under the chart: the buckets, then what is taken off. */
    get rows() {
        const { ageing, credits } = this.props;
        const rows = ageing.map((tile) => ({
            ...tile,
            color: `--cycle-ageing-${tile.key}`,
        }));
        return credits.count ? [...rows, { ...credits, key: "credits" }] : rows;
    }
}
