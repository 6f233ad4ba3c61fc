{
    "name": "Order to Invoice Cycle",
    "summary": "From order to paid invoice: approval, online confirmation, payment "
    "schedule, drafts in time, reminders, disputes, dashboard",
    "version": "19.0.1.0.0",
    "category": "Sales/Sales",
    "license": "LGPL-3",
    "author": "order_invoice_cycle contributors",
    "depends": ["sale_management", "account", "account_payment", "base_vat"],
    "data": [
        # security
        "security/order_invoice_cycle_groups.xml",
        "security/ir.model.access.csv",
        "security/ir_rules.xml",
        # data
        "data/ir_cron_data.xml",
        "data/ir_sequence_data.xml",
        "data/mail_activity_type_data.xml",
        "data/mail_template_data.xml",
        "data/cycle_approval_rule_data.xml",
        "data/cycle_plan_data.xml",
        "data/cycle_reminder_level_data.xml",
    ],
    "application": True,
}
