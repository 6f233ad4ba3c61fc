import { registry } from "@web/core/registry";
import { stepUtils } from "@web_tour/tour_utils";

function openCycleMenu(section, item) {
    return [
        {
            content: `Open the menu ${section}`,
            trigger: `.o_menu_sections button:contains("${section}")`,
            run: "click",
        },
        {
            content: `Choose ${item}`,
            trigger: `.o-dropdown--menu .dropdown-item:contains("${item}")`,
            run: "click",
        },
    ];
}

registry.category("web_tour.tours").add("cycle_sales_submits", {
    steps: () => [
        {
            content: "The list of cycle orders is open",
            trigger: ".o_list_button_add",
            run: "click",
        },
        {
            content: "Choose the customer",
            trigger: ".o_field_widget[name=partner_id] input",
            run: "edit Nowak",
        },
        {
            trigger: `.o_field_widget[name=partner_id] .dropdown-item:contains("Nowak Sp. z o.o."):first`,
            run: "click",
        },
        {
            content: "Choose the payment mode",
            trigger: ".o_field_widget[name=payment_mode] .o_select_menu_input",
            run: "click",
        },
        {
            trigger: `.o_select_menu_item:contains("Instalments")`,
            run: "click",
        },
        {
            content: "Choose the payment plan",
            trigger: ".o_field_widget[name=plan_id] input",
            run: "edit Three equal",
        },
        {
            trigger: `.o_field_widget[name=plan_id] .dropdown-item:contains("Three equal monthly instalments")`,
            run: "click",
        },
        {
            content: "Add a service",
            trigger: `.o_field_x2many_list_row_add a:contains("Add a product"), .o_field_x2many_list_row_add button:contains("Add a product")`,
            run: "click",
        },
        {
            trigger: `.o_selected_row div[name="product_template_id"] input, .o_selected_row div[name="product_id"] input`,
            run: "edit Support",
        },
        {
            trigger: `.o_selected_row .dropdown-item:contains("Support"):first`,
            run: "click",
        },
        {
            content: "The order has a total",
            trigger: `.oe_subtotal_footer:contains("1,230.00"), .o_field_widget[name=tax_totals]:contains("1,230.00")`,
        },
        ...stepUtils.saveForm(),
        {
            content: "The plan has filled the schedule",
            trigger: `.o_notebook_headers a:contains("Payment Schedule"), .o_notebook_headers a:contains("Payment schedule")`,
            run: "click",
        },
        {
            trigger: `.o_field_widget[name=schedule_line_ids] .o_data_row:contains("Instalment 3 of 3"):contains("410.00")`,
        },
        {
            content: "Submit for approval",
            trigger: "button[name=action_submit_for_approval]",
            run: "click",
        },
        {
            content: "It waits for the approver",
            trigger: `.o_arrow_button_current:contains("To Approve")`,
        },
    ],
});

registry.category("web_tour.tours").add("cycle_approver_approves", {
    steps: () => [
        {
            content: "The order is in the list of what to approve",
            trigger: `.o_data_row:contains("Nowak Sp. z o.o.")`,
        },
        {
            content: "Select it",
            trigger: `.o_data_row:contains("Nowak Sp. z o.o.") .o_list_record_selector input`,
            run: "check",
        },
        {
            content: "Approve",
            trigger: "button[name=action_approve]:visible",
            run: "click",
        },
        {
            content: "Nothing is left to approve",
            trigger: `.o_view_controller:not(:has(.o_data_row:contains("Nowak Sp. z o.o.")))`,
        },
    ],
});

registry.category("web_tour.tours").add("cycle_approver_rejects_in_activity", {
    steps: () => [
        {
            content:
                "The activity offers the decision, and nothing that decides nothing",
            trigger:
                ".o-mail-Activity:has(.o_cycle_activity_approve):not(:has(.o-mail-Activity-markDone))",
        },
        {
            content: "Reject",
            trigger: ".o_cycle_activity_reject",
            run: "click",
        },
        {
            content: "Say why",
            trigger: ".modal .o_field_widget[name=comment] textarea",
            run: "edit Too cheap",
        },
        {
            trigger: ".modal button[name=action_decide]:visible",
            run: "click",
        },
        {
            content: "The order shows it",
            trigger: "body:not(:has(.modal)):not(:has(.o_cycle_activity_reject))",
        },
    ],
});

registry.category("web_tour.tours").add("cycle_approver_approves_in_activity", {
    steps: () => [
        {
            content: "Approve in the activity",
            trigger: ".o_cycle_activity_approve",
            run: "click",
        },
        {
            content: "Nothing is asked any more",
            trigger:
                ".o-mail-Chatter:not(:has(.o_cycle_activity_approve)):not(:has(.o-mail-Activity))",
        },
    ],
});

registry.category("web_tour.tours").add("cycle_billing_publishes", {
    steps: () => [
        {
            content: "The app is open",
            trigger: ".o_menu_sections",
        },
        ...openCycleMenu("Billing", "To Publish"),
        {
            content: "The draft is green",
            trigger: `.o_data_row:contains("Nowak Sp. z o.o."):contains("Ready")`,
        },
        {
            content: "Select it",
            trigger: `.o_data_row:contains("Nowak Sp. z o.o.") .o_list_record_selector input`,
            run: "check",
        },
        {
            content: "Publish",
            trigger: "button[name=action_publish]:visible",
            run: "click",
        },
        {
            content: "It says what happened",
            trigger: `.o_notification:contains("1 invoice published"), .o_notification:contains("1 invoice(s) published")`,
        },
        {
            content: "The list is empty",
            trigger: `.o_view_controller:not(:has(.o_data_row:contains("Nowak Sp. z o.o.")))`,
        },
    ],
});
