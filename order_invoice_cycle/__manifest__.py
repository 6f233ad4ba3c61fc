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
        "views/cycle_mail_templates.xml",  # called by the mail templates
        "data/mail_template_data.xml",
        "data/mail_template_renewal_data.xml",
        "data/mail_template_payment_request_data.xml",
        "data/cycle_approval_rule_data.xml",
        "data/cycle_plan_data.xml",
        "data/cycle_reminder_level_data.xml",
        # pages of customers
        "views/cycle_confirmation_templates.xml",
        "views/cycle_renewal_templates.xml",
        "views/cycle_payment_templates.xml",
        "views/sale_portal_templates.xml",
        # reports
        "report/cycle_reports.xml",
        "report/cycle_order_templates.xml",
        "report/cycle_certificate_templates.xml",
        "report/cycle_notice_templates.xml",
        "report/cycle_payment_request_templates.xml",
        # wizards
        "wizard/cycle_approval_decide_views.xml",
        "wizard/cycle_confirmation_record_views.xml",
        "wizard/cycle_dispute_resolve_views.xml",
        "wizard/cycle_payment_received_views.xml",
        "wizard/sale_advance_payment_inv_views.xml",
        "wizard/sale_order_complete_views.xml",
        "wizard/sale_order_notice_views.xml",
        "wizard/sale_order_resume_views.xml",
        "wizard/sale_order_terminate_views.xml",
        # views
        "views/cycle_dashboard_views.xml",
        "views/cycle_plan_views.xml",
        "views/cycle_price_index_views.xml",
        "views/cycle_renewal_views.xml",
        "views/cycle_approval_rule_views.xml",
        "views/cycle_approval_substitute_views.xml",
        "views/cycle_approval_views.xml",
        "views/cycle_confirmation_views.xml",
        "views/cycle_schedule_line_views.xml",
        "views/cycle_message_views.xml",
        "views/cycle_reminder_level_views.xml",
        "views/cycle_reminder_views.xml",
        "views/cycle_dispute_views.xml",
        "views/cycle_health_views.xml",
        "views/sale_order_views.xml",
        "views/account_move_views.xml",
        "views/account_move_line_views.xml",
        "views/res_partner_views.xml",
        "views/res_config_settings_views.xml",
        # menus
        "views/order_invoice_cycle_menus.xml",
    ],
    "assets": {
        "web.assets_backend": [
            "order_invoice_cycle/static/src/dashboard/**/*",
            "order_invoice_cycle/static/src/publish/**/*",
        ],
        "web.assets_tests": [
            "order_invoice_cycle/static/tests/tours/**/*",
        ],
        "web.assets_unit_tests": [
            "order_invoice_cycle/static/tests/dashboard/**/*",
        ],
    },
    "application": True,
    "uninstall_hook": "uninstall_hook",
}
