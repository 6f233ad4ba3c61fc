from odoo import models


class CycleDashboard(models.AbstractModel):
    _name = "cycle.dashboard"
    _description = "Order Cycle Dashboard"
