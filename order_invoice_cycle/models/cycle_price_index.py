from odoo import fields, models


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

    def _get_factor(self, since, until):
        """Return what a price is multiplied by for the entries of some days.

        :param datetime.date since: entries of this day and before have been applied
        :param datetime.date until: last day whose entries count
        :return: float, 1.0 without an entry
        """
        self.ensure_one()
        factor = 1.0
        for entry in self.entry_ids.sorted("date"):
            if since < entry.date <= until:
                factor *= 1 + entry.percent / 100
        return factor


class CyclePriceIndexEntry(models.Model):
    _name = "cycle.price.index.entry"
    _description = "Price Index Entry"
    _order = "date desc, id desc"

    index_id = fields.Many2one(
        "cycle.price.index", required=True, index=True, ondelete="cascade"
    )
    date = fields.Date(
        required=True,
        help="Applied once, at the first renewal that is announced on or after it.",
    )
    percent = fields.Float(string="Change in %", required=True, digits=(7, 4))

    _percent_possible = models.Constraint(
        "CHECK (percent > -100)", "A price cannot fall by 100 % or more."
    )
    _one_per_day = models.UniqueIndex(
        "(index_id, date)", "The index already has an entry of that day."
    )
