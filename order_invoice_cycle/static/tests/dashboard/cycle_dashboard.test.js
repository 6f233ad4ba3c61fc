import { startBusService, waitNotifications } from "@bus/../tests/bus_test_helpers";
import { defineMailModels } from "@mail/../tests/mail_test_helpers";
import { beforeEach, describe, expect, test } from "@odoo/hoot";
import { advanceTime, animationFrame } from "@odoo/hoot-mock";
import {
    contains,
    makeMockEnv,
    makeServerError,
    MockServer,
    mockService,
    mountWithCleanup,
    onRpc,
    preloadBundle,
    serverState,
} from "@web/../tests/web_test_helpers";
import { getDefaultConfig } from "@web/views/view";
import { CycleDashboard } from "@order_invoice_cycle/dashboard/cycle_dashboard";

describe.current.tags("desktop");
defineMailModels();
preloadBundle("web.chartjs_lib");

const CHANGED = "order_invoice_cycle/dashboard";
const RELOAD_DELAY = 2000;

function makeTile(label, count, amount, values = {}) {
    const action = {
        type: "ir.actions.act_window",
        name: label,
        res_model: "account.move.line",
    };
    return { label, count, amount, action, ...values };
}

/** Return what the server answers: two overdue amounts, or nothing at all. */
function makeData({ isEmpty = false } = {}) {
    const count = isEmpty ? 0 : 2;
    const amount = isEmpty ? 0 : 1234.5;
    const bucket = {
        key: "overdue",
        label: "Overdue",
        date_from: false,
        date_to: false,
    };
    const week = { date_from: "2027-03-03", date_to: "2027-03-07", label: "" };
    const sources = isEmpty ? {} : { posted: makeTile("Posted overdue", 2, amount) };
    return {
        today: "2027-03-03",
        currency_id: 1,
        sections: [
            { key: "money", label: "Money", tiles: ["overdue", "dso"] },
            { key: "work", label: "Work in progress", tiles: ["to_publish"] },
            { key: "attention", label: "Needs a person", tiles: ["held", "errors"] },
        ],
        tiles: {
            overdue: makeTile("Overdue", count, amount, { tone: "danger" }),
            dso: makeTile("Days sales outstanding", count, undefined, {
                days: isEmpty ? null : 12.5,
            }),
            to_publish: makeTile("Drafts to publish", count, amount),
            held: makeTile("Payments on hold", 0, 0),
            errors: makeTile("Drafts that failed", isEmpty ? 0 : 3, undefined),
            credits: makeTile("Not allocated yet", 0, 0),
        },
        ageing: [
            makeTile("Not due yet", 0, 0, { key: "not_due" }),
            makeTile("1–30 days", count, amount, { key: "d1_30" }),
        ],
        customers: isEmpty
            ? []
            : [
                  {
                      partner_id: 7,
                      name: "Nowak",
                      open: makeTile("Open of Nowak", 2, amount),
                      overdue: makeTile("Overdue of Nowak", 2, amount),
                      disputed: makeTile("Disputed", 0, 0),
                  },
              ],
        forecast: {
            amount,
            sources: [{ key: "posted", label: "Posted invoices" }],
            buckets: [
                { ...bucket, amount, sources },
                { ...week, key: "week_1", amount: 0, sources: {} },
                { ...bucket, key: "later", label: "Later", amount: 0, sources: {} },
            ],
        },
    };
}

function mockData(data) {
    onRpc("cycle.dashboard", "get_data", ({ args }) => {
        expect.step(args[0]);
        return data();
    });
}

async function mountDashboard() {
    const env = await makeMockEnv({ config: getDefaultConfig() });
    await mountWithCleanup(CycleDashboard, { env, props: { action: {} } });
    await animationFrame();
}

beforeEach(() => {
    serverState.currencies = [
        { id: 1, name: "PLN", symbol: "zł", position: "after", digits: [69, 2] },
        { id: 2, name: "EUR", symbol: "€", position: "after", digits: [69, 2] },
    ];
    mockService("action", {
        doAction: (action) => expect.step(action.name),
    });
});

test("figures are shown in the company's currency", async () => {
    mockData(() => makeData());
    await mountDashboard();
    expect.verifySteps([{}]);
    expect("[data-tile=overdue] .o_cycle_tile_value").toHaveText(/^1,234\.50.zł$/);
    expect("[data-tile=overdue]").toHaveAttribute("data-tone", "danger");
    expect("[data-tile=dso] .o_cycle_tile_value").toHaveText("12.5 days");
    expect("[data-tile=errors] .o_cycle_tile_value").toHaveText("3");
    expect("[data-panel=ageing] canvas").toHaveCount(1);
    expect("[data-panel=forecast] canvas").toHaveCount(1);
    expect("[data-panel=customers] tbody tr").toHaveCount(1);
});

test("only what is there needs a person", async () => {
    mockData(() => makeData());
    await mountDashboard();
    expect("[data-section=attention] .o_cycle_tile").toHaveCount(1);
    expect.verifySteps([{}]);
});

test("each figure opens the records behind it", async () => {
    mockData(() => makeData());
    await mountDashboard();
    expect.verifySteps([{}]);
    await contains("[data-tile=overdue] .o_cycle_tile_main").click();
    await contains("[data-tile=to_publish] .o_cycle_tile_main").click();
    await contains("[data-panel=ageing] [data-row=d1_30] button").click();
    await contains("[data-panel=customers] [data-column=open] button").click();
    await contains("[data-panel=customers] tbody th button").click();
    await contains("[data-panel=forecast] button:contains(Show as a table)").click();
    await contains("[data-bucket=overdue] button").click();
    expect.verifySteps([
        "Overdue",
        "Drafts to publish",
        "1–30 days",
        "Open of Nowak",
        "Nowak",
        "Posted overdue",
    ]);
});

test("figures are buttons that say what they are", async () => {
    mockData(() => makeData());
    await mountDashboard();
    expect("button[aria-label*='Overdue: 1,234.50']").toHaveCount(1);
    await contains("[data-tile=overdue] .o_cycle_tile_main").focus();
    expect("[data-tile=overdue] .o_cycle_tile_main").toBeFocused();
    expect.verifySteps([{}]);
});

test("without records it says so", async () => {
    mockData(() => makeData({ isEmpty: true }));
    await mountDashboard();
    expect("[data-panel=ageing]").toHaveText(/Nothing is overdue\./);
    expect("[data-panel=ageing] canvas").toHaveCount(0);
    expect("[data-panel=forecast]").toHaveText(/No payment is expected\./);
    expect("[data-panel=customers]").toHaveText(/No customer owes anything\./);
    expect("[data-section=attention]").toHaveText(/Nothing needs a person\./);
    expect("[data-tile=dso] .o_cycle_tile_value").toHaveText("–");
    expect.verifySteps([{}]);
});

test("without access to receivables their panels are absent", async () => {
    mockData(() => {
        const { ageing, customers, ...data } = makeData();
        expect(ageing.length + customers.length).toBe(3);
        return data;
    });
    await mountDashboard();
    expect("[data-panel=ageing], [data-panel=customers]").toHaveCount(0);
    expect("[data-panel=forecast]").toHaveCount(1);
    expect.verifySteps([{}]);
});

test("an error is shown and can be tried again", async () => {
    let isBroken = true;
    mockData(() => {
        if (isBroken) {
            throw makeServerError({ message: "The dashboard is for users." });
        }
        return makeData();
    });
    await mountDashboard();
    expect(".o_cycle_dashboard_error").toHaveText(/The dashboard is for users\./);
    expect(".o_cycle_tile").toHaveCount(0);
    isBroken = false;
    await contains(".o_cycle_dashboard_error button").click();
    expect(".o_cycle_dashboard_error").toHaveCount(0);
    expect("[data-tile=overdue]").toHaveCount(1);
    expect.verifySteps([{}, {}]);
});

test("a filter reads the figures again and can be cleared", async () => {
    mockData(() => makeData());
    await mountDashboard();
    await contains("[data-filter=currency_id] select").select("2");
    await contains(".o_cycle_filters button:contains(Clear)").click();
    await contains(".o_cycle_filters button[title=Refresh]").click();
    expect.verifySteps([{}, { currency_id: 2 }, {}, {}]);
});

test("news from the server read the figures again, once", async () => {
    mockData(() => makeData());
    await mountDashboard();
    expect.verifySteps([{}]);
    await startBusService();
    const news = [1, 2, 3].map((index) => [CHANGED, { index }]);
    for (const [type, payload] of news) {
        MockServer.env["bus.bus"]._sendone("broadcast", type, payload);
    }
    await waitNotifications(...news);
    await advanceTime(RELOAD_DELAY);
    await expect.waitForSteps([{}]);
});
