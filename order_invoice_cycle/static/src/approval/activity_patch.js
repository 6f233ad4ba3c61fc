import { Activity } from "@mail/core/web/activity";

import { patch } from "@web/core/utils/patch";

/**
 * An activity that asks for an approval offers the decision itself, to those who may
 * make it; for anybody else it stays as it is.
 */
patch(Activity.prototype, {
    /**
     * Call a method of the order, about the terms that are on the screen.
     *
     * @param {string} method
     * @returns {Promise<any>} what the method returns
     */
    callCycleOrder(method) {
        const { res_id: orderId, cycle_asked_terms: terms } = this.props.activity;
        return this.env.services.orm.call("sale.order", method, [[orderId]], {
            context: { cycle_seen_terms: terms },
        });
    },

    /** Show what the decision has changed. */
    reloadAfterDecision() {
        this.props.onActivityChanged(this.thread);
        this.props.reloadParentView();
    },

    async onCycleApprove() {
        await this.callCycleOrder("action_approve");
        this.reloadAfterDecision();
    },

    async onCycleReject() {
        const dialog = await this.callCycleOrder("action_open_reject");
        await this.env.services.action.doAction(dialog, {
            onClose: () => this.reloadAfterDecision(),
        });
    },
});
