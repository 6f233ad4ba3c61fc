from odoo import api, models

QUANTITY = "order_line/product_uom_qty"


class SaleOrder(models.Model):
    """Orders from a spreadsheet: an import names the cell that is wrong."""

    _inherit = "sale.order"

    @api.model
    def load(self, fields, data):
        """Refuse quantities below zero with the row and the column they are in.

        The constraint refuses them as well, but an import cannot know which cell a
        constraint is about.
        """
        fields = list(fields)
        messages = self._get_negative_quantity_messages(fields, data)
        if messages:
            return {"ids": False, "messages": messages, "nextrow": 0}
        return super().load(fields, data)

    @api.model
    def _sql_error_to_message(self, exc):
        """Say in their own words what is wrong with one of the payments of a file.

        Core looks for the constraint among those of the orders, and would quote the
        database.
        """
        lines = self.env["cycle.schedule.line"]
        if exc.diag.table_name == lines._table:
            return lines._sql_error_to_message(exc)
        return super()._sql_error_to_message(exc)

    @api.model_create_multi
    def create(self, vals_list):
        """Let the plan fill an empty schedule.

        In an import a column holds a cell for every order, so an order with a plan
        comes with an empty schedule when another one has its payments in the file.
        """
        for vals in vals_list:
            if vals.get("payment_mode") and not vals.get("schedule_line_ids", True):
                vals.pop("schedule_line_ids")
        return super().create(vals_list)

    @api.model
    def _get_negative_quantity_messages(self, fields, data):
        """Return an import message for each quantity below zero of a cycle order."""
        if QUANTITY not in fields:
            return []
        messages = []
        mode = self.env.company.cycle_default_payment_mode
        for row, cells in enumerate(data):
            values = dict(zip(fields, cells, strict=False))
            if self._is_first_import_row(values):
                mode = values.get("payment_mode", mode)
            if mode and _is_negative(values[QUANTITY]):
                messages.append(
                    self._prepare_negative_quantity_message(row, values[QUANTITY])
                )
        return messages

    @api.model
    def _is_first_import_row(self, values):
        """Tell whether a row begins an order; otherwise it adds lines to the last."""
        return any(
            value and self._fields[name.split("/")[0]].type != "one2many"
            for name, value in values.items()
            if name.split("/")[0] in self._fields
        )

    @api.model
    def _prepare_negative_quantity_message(self, row, quantity):
        quantity_field = self.env["sale.order.line"]._fields["product_uom_qty"]
        return {
            "type": "error",
            "rows": {"from": row, "to": row},
            "record": row,
            "field": "order_line",
            "field_name": quantity_field._description_string(self.env),
            "field_path": QUANTITY.split("/"),
            "value": quantity,
            "message": self.env._(
                "The quantity %(quantity)s is below zero; an order with a payment mode "
                "has none of these.",
                quantity=quantity,
            ),
        }


def _is_negative(text):
    """Tell whether a cell holds a number below zero; what is no number does not."""
    try:
        return float(text) < 0
    except (TypeError, ValueError):
        return False
