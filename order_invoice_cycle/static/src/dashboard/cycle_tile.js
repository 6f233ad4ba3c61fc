import { Component } from "@odoo/owl";
import { formatCurrency } from "@web/core/currency";
import { _t } from "@web/core/l10n/translation";
import { formatFloat } from "@web/core/utils/numbers";

/** One figure: a button that opens the records behind it. */
export class CycleTile extends Component {
    static template = "order_invoice_cycle.CycleTile";
    static props = {
        name: String,
        tile: Object,
        currencyId: Number,
        open: Function,
    };

    get isCount() {
        return this.props.tile.amount === undefined && !this.isDays;
    }

    get isDays() {
        return this.props.tile.days !== undefined;
    }

    get value() {
        const { tile, currencyId } = this.props;
        if (this.isCount) {
            return String(tile.count);
        }
        if (this.isDays) {
            return tile.days === null
                ? "–"
                : _t("%s days", formatFloat(tile.days, { digits: [16, 1] }));
        }
        return formatCurrency(tile.amount, currencyId);
    }

    get description() {
        const { tile } = this.props;
        return _t("%(label)s: %(value)s, records: %(count)s", {
            label: tile.label,
            value: this.value,
            count: tile.count,
        });
    }

    get isEmpty() {
        return !this.props.tile.count;
    }
}
