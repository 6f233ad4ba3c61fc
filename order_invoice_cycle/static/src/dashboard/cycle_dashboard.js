import { Component, onWillStart, onWillUnmount, useState } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { KeepLast } from "@web/core/utils/concurrency";
import { useService } from "@web/core/utils/hooks";
import { useDebounced } from "@web/core/utils/timing";
import { useSetupAction } from "@web/search/action_hook";
import { Layout } from "@web/search/layout";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";

import { CycleAgeing } from "./cycle_ageing";
import { CycleCustomers } from "./cycle_customers";
import { CycleDashboardFilters } from "./cycle_dashboard_filters";
import { CycleForecast } from "./cycle_forecast";
import { CycleTile } from "./cycle_tile";

const CHANGED = "order_invoice_cycle/dashboard";
const RELOAD_DELAY = 2000;

/**
 * The figures of `cycle.dashboard` as tiles, charts and a table. Each figure opens the
 * records it is the sum of; the page reads again when the server says that one changed.
 */
export class CycleDashboard extends Component {
    static template = "order_invoice_cycle.CycleDashboard";
    static components = {
        CycleAgeing,
        CycleCustomers,
        CycleDashboardFilters,
        CycleForecast,
        CycleTile,
        Layout,
    };
    static props = { ...standardActionServiceProps };
    static displayName = _t("Dashboard");

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.bus = useService("bus_service");
        this.keepLast = new KeepLast();
        this.state = useState({
            data: null,
            error: "",
            isLoading: false,
            filters: { ...this.props.state?.filters },
        });
        this.openAction = this.openAction.bind(this);
        this.onChanged = useDebounced(() => this.load({ silent: true }), RELOAD_DELAY);
        this.onVisible = () => this.isOutdated && !document.hidden && this.onChanged();
        useSetupAction({
            getLocalState: () => ({ filters: { ...this.state.filters } }),
        });
        onWillStart(() => this.load());
        this.listen();
    }

    listen() {
        const onNews = () => {
            this.isOutdated = true;
            this.onVisible();
        };
        this.bus.subscribe(CHANGED, onNews);
        document.addEventListener("visibilitychange", this.onVisible);
        onWillUnmount(() => {
            this.bus.unsubscribe(CHANGED, onNews);
            document.removeEventListener("visibilitychange", this.onVisible);
        });
    }

    // Reading

    /**
     * Read all figures; the last call wins, and a failure keeps what is shown.
     *
     * @param {Object} [options]
     * @param {boolean} [options.silent] do not block the page meanwhile
     */
    async load({ silent = false } = {}) {
        const orm = silent ? this.orm.silent : this.orm;
        this.isOutdated = false;
        this.state.isLoading = true;
        try {
            const data = await this.keepLast.add(
                orm.call("cycle.dashboard", "get_data", [this.state.filters])
            );
            Object.assign(this.state, { data, error: "", isLoading: false });
        } catch (error) {
            const message = error.data?.message || _t("The server cannot be reached.");
            Object.assign(this.state, { error: message, isLoading: false });
        }
    }

    updateFilters(filters) {
        this.state.filters = filters;
        return this.load();
    }

    openAction(action) {
        return this.action.doAction(action);
    }

    // Showing

    get tiles() {
        return this.state.data.tiles;
    }

    /** The sections; of what needs a person, only what is there. */
    get sections() {
        return this.state.data.sections.map((section) => {
            const isAttention = section.key === "attention";
            const keys = section.tiles.filter(
                (key) => !isAttention || this.tiles[key].count > 0
            );
            return { ...section, tiles: keys };
        });
    }

    get hasReceivables() {
        return Boolean(this.state.data.ageing);
    }
}

registry.category("actions").add("order_invoice_cycle.CycleDashboard", CycleDashboard);
