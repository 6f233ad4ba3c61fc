import { Component, useState } from "@odoo/owl";
import { formatCurrency } from "@web/core/currency";
import { deserializeDate, formatDate } from "@web/core/l10n/dates";

import { CycleBarChart } from "./cycle_bar_chart";

/** Expected incoming cash by week: a stacked bar chart and, on demand, a table. */
export class CycleForecast extends Component {
    static template = "order_invoice_cycle.CycleForecast";
    static components = { CycleBarChart };
    static props = {
        forecast: Object,
        currencyId: Number,
        open: Function,
    };

    setup() {
        this.state = useState({ isTableShown: false });
        this.format = (amount) => formatCurrency(amount, this.props.currencyId);
        this.formatShort = (amount) =>
            formatCurrency(amount, this.props.currencyId, {
                digits: [16, 0],
                humanReadable: true,
                minDigits: 2,
                noSymbol: true,
            });
        this.openBar = (index, source) =>
            this.openSource(this.chartBuckets[index], this.sources[source].key);
    }

    get sources() {
        return this.props.forecast.sources;
    }

    get buckets() {
        return this.props.forecast.buckets;
    }

    /** What the chart shows: a bar for all that comes later would dwarf the weeks. */
    get chartBuckets() {
        return this.buckets.filter((bucket) => bucket.key !== "later");
    }

    get amountInWeeks() {
        return this.props.forecast.amount - this.later.amount;
    }

    get later() {
        return this.buckets.find((bucket) => bucket.key === "later");
    }

    get isEmpty() {
        return this.buckets.every((bucket) => !Object.keys(bucket.sources).length);
    }

    get labels() {
        return this.chartBuckets.map((bucket) =>
            bucket.date_from
                ? deserializeDate(bucket.date_from).toLocaleString({
                      day: "numeric",
                      month: "short",
                  })
                : bucket.label
        );
    }

    get datasets() {
        return this.sources.map(({ key, label }) => ({
            label,
            data: this.chartBuckets.map((bucket) => bucket.sources[key]?.amount || 0),
            colors: this.chartBuckets.map((bucket) => this.getColor(bucket, key)),
        }));
    }

    getColor(bucket, source) {
        return bucket.key === "overdue" && source === "posted"
            ? "--cycle-forecast-overdue"
            : `--cycle-forecast-${source}`;
    }

    /** The name of a bucket in full: both days of a week. */
    getName({ label, date_from, date_to }) {
        if (!date_from) {
            return label;
        }
        const [first, last] = [date_from, date_to].map((day) =>
            formatDate(deserializeDate(day))
        );
        return first === last ? first : `${first} – ${last}`;
    }

    openSource(bucket, key) {
        const tile = bucket.sources[key];
        return tile && this.props.open(tile.action);
    }
}
