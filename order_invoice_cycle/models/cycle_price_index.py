from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_date


class CyclePriceIndex(models.Model):
    """A published index that the prices of recurring orders follow at renewal."""

    _name = "cycle.price.index"
    _description = "Price Index"
    _order = "name, id"
    _check_company_auto = True

    name = fields.Char(required=True, translate=True)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one(
        "res.company", help="Empty: the index can be used by every company."
    )
    entry_ids = fields.One2many("cycle.price.index.entry", "index_id", copy=True)


class CyclePriceIndexEntry(models.Model):
    """One change of an index, applied once to the price of each order."""

    _name = "cycle.price.index.entry"
    _description = "Price Index Entry"
    _order = "date desc, id desc"

    index_id = fields.Many2one(
        "cycle.price.index", required=True, index=True, ondelete="cascade"
    )
    date = fields.Date(
        required=True,
        help="Applied once, at the first renewal that is announced on or after it. An "
        "entry that is recorded later counts for the next one.",
    )
    percent = fields.Float(string="Change in %", required=True, digits=(7, 4))

    _percent_possible = models.Constraint(
        "CHECK (percent > -100)", "A price cannot fall by 100 % or more."
    )
    _one_per_day = models.UniqueIndex(
        "(index_id, date)", "The index already has an entry of that day."
    )

    @api.ondelete(at_uninstall=False)
    def _unlink_except_announced(self):
        renewals = self.env["cycle.renewal"].sudo()
        applied = [
            ("index_entry_ids", "in", self.ids),
            ("state", "in", ("announced", "renewed")),
        ]
        renewal = renewals.search(applied, limit=1)
        if renewal:
            entry = (renewal.index_entry_ids & self)[:1]
            raise UserError(
                self.env._(
                    "The entry of %(date)s of the index “%(index)s” is in prices that "
                    "customers were told, as in %(renewal)s, and cannot be deleted. "
                    "Add another entry that corrects it.",
                    date=format_date(self.env, entry.date),
                    index=entry.index_id.name,
                    renewal=renewal.display_name,
                )
            )

    def _get_factor(self):
        """Return what a price is multiplied by for the entries, 1.0 for none."""
        factor = 1.0
        for entry in self.sorted("date"):
            factor *= 1 + entry.percent / 100
        return factor
