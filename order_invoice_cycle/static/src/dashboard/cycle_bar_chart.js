/* global Chart */
import { Component, onWillStart, useEffect, useRef } from "@odoo/owl";
import { loadBundle } from "@web/core/assets";

/**
 * A bar chart whose bars open something. It is a picture for the eye: the figures stand
 * beside it as text and buttons, so it is hidden from screen readers.
 */
export class CycleBarChart extends Component {
    static template = "order_invoice_cycle.CycleBarChart";
    static props = {
        labels: { type: Array, element: String },
        // Each with a label, one number per label, and names of CSS variables.
        datasets: {
            type: Array,
            element: {
                type: Object,
                shape: { label: String, data: Array, colors: Array },
            },
        },
        format: Function,
        formatShort: Function,
        isHorizontal: { type: Boolean, optional: true },
        // Called with the indexes of the bar and of its dataset.
        open: Function,
    };

    setup() {
        this.canvas = useRef("canvas");
        onWillStart(() => loadBundle("web.chartjs_lib"));
        useEffect(
            () => {
                const chart = new Chart(this.canvas.el, this.getConfig());
                return () => chart.destroy();
            },
            () => [this.props.labels, this.props.datasets]
        );
    }

    getConfig() {
        return {
            type: "bar",
            data: { labels: this.props.labels, datasets: this.getDatasets() },
            options: {
                animation: false,
                indexAxis: this.props.isHorizontal ? "y" : "x",
                maintainAspectRatio: false,
                onClick: (_event, [bar]) =>
                    bar && this.props.open(bar.index, bar.datasetIndex),
                onHover: (event, bars) => {
                    event.native.target.style.cursor = bars.length
                        ? "pointer"
                        : "default";
                },
                plugins: {
                    legend: { display: false },
                    tooltip: {
                        callbacks: {
                            label: ({ dataset, raw }) =>
                                `${dataset.label}: ${this.props.format(raw)}`,
                        },
                    },
                },
                scales: this.getScales(),
            },
        };
    }

    getDatasets() {
        return this.props.datasets.map(({ label, data, colors }) => ({
            label,
            data,
            backgroundColor: colors.map((name) => this.getColor(name)),
            borderRadius: 3,
            maxBarThickness: 40,
        }));
    }

    getScales() {
        const color = this.getColor("--cycle-chart-text");
        const ticks = { color, font: { size: 11 } };
        const amounts = {
            stacked: true,
            beginAtZero: true,
            border: { display: false },
            grid: { color: this.getColor("--cycle-chart-grid") },
            ticks: { ...ticks, maxTicksLimit: 5, callback: this.props.formatShort },
        };
        const names = { stacked: true, grid: { display: false }, ticks };
        return this.props.isHorizontal
            ? { x: amounts, y: names }
            : { x: names, y: amounts };
    }

    getColor(name) {
        return getComputedStyle(this.canvas.el).getPropertyValue(name).trim();
    }
}
