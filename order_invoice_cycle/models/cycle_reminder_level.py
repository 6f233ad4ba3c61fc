from odoo import api, fields, models
from odoo.exceptions import UserError


class CycleReminderLevel(models.Model):
    """One step of the reminders: from how many days overdue, and in which tone."""

    _name = "cycle.reminder.level"
    _description = "Reminder Level"
    _order = "days_overdue, sequence, id"

    name = fields.Char(required=True, translate=True)
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one(
        "res.company",
        help="Empty: the level is used by every company without levels of its own.",
    )
    days_overdue = fields.Integer(
        required=True,
        default=7,
        help="A receivable reaches this level when it is at least this many days "
        "overdue and the level before was delivered.",
    )
    mail_template_id = fields.Many2one(
        "mail.template",
        required=True,
        domain=[("model", "=", "cycle.reminder")],
        ondelete="restrict",
    )
    is_formal_notice = fields.Boolean(
        string="Formal notice", help="The last level: gets a number of its own."
    )

    _days_positive = models.Constraint(
        "CHECK (days_overdue > 0)", "A reminder level starts at 1 day overdue."
    )
    _days_unique = models.UniqueIndex(
        "(COALESCE(company_id, 0), days_overdue) WHERE active",
        "Two reminder levels of one company cannot start on the same day.",
    )

    @api.model
    def _get_levels(self, company):
        """Return the levels of a company in order: its own, else the shared ones."""
        levels = self.search([("company_id", "in", (False, company.id))])
        return (
            levels.filtered(lambda level: level.company_id == company)
            or levels.filtered(lambda level: not level.company_id)
        ).sorted("days_overdue")

    @api.ondelete(at_uninstall=False)
    def _unlink_except_used(self):
        reminders = self.env["cycle.reminder"].sudo()
        used = reminders.search([("level_id", "in", self.ids)], limit=1).level_id
        if used:
            raise UserError(
                self.env._(
                    "“%s” was used for reminders, which stay in the history. Archive "
                    "it instead.",
                    used.name,
                )
            )
