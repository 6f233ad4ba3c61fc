from odoo import api, fields, models

# Where core's electronic formats keep their state, if they are installed.
STATES = {"peppol_move_state": "Peppol", "l10n_pl_edi_status": "KSeF"}
# The structured file that goes with the PDF or is embedded in it, as in Factur-X.
FILE = "ubl_cii_xml_id"


class AccountMove(models.Model):
    """What the form of an invoice shows of its reminders and disputes."""

    _inherit = "account.move"

    cycle_dispute_count = fields.Integer(
        string="Disputes", compute="_compute_cycle_counts"
    )
    cycle_reminder_count = fields.Integer(
        string="Reminders", compute="_compute_cycle_counts"
    )
    schedule_amount_total = fields.Monetary(
        related="schedule_line_id.amount_total", string="Confirmed total"
    )
    cycle_electronic_note = fields.Char(
        string="Electronic invoice",
        compute="_compute_cycle_electronic_note",
        help="What the installed electronic formats say about this invoice.",
    )
    can_dispute = fields.Boolean(
        compute="_compute_can_dispute",
        help="Something of this published invoice is open and not disputed yet.",
    )

    @api.depends("dispute_ids", "line_ids.cycle_reminder_ids")
    def _compute_cycle_counts(self):
        for model, field in (
            ("cycle.dispute", "cycle_dispute_count"),
            ("cycle.reminder", "cycle_reminder_count"),
        ):
            counts = dict(
                self.env[model]._read_group(
                    [("move_id", "in", self.ids)], ["move_id"], ["__count"]
                )
            )
            for move in self:
                move[field] = counts.get(move._origin, 0)

    @api.depends(lambda self: [x for x in (*STATES, FILE) if x in self._fields])
    def _compute_cycle_electronic_note(self):
        """Read the states of core's formats, whichever are installed."""
        names = [name for name in STATES if name in self._fields]
        for move in self:
            notes = [
                f"{STATES[name]}: {label}"
                for name in names
                if (label := move._get_selection_label(name))
            ]
            # In superuser mode: only the name of a file of the reader's own invoice.
            file = FILE in self._fields and move.sudo()[FILE]
            if file:
                notes.append(self.env._("Structured file: %s", file.name))
            move.cycle_electronic_note = ", ".join(notes)

    def _get_selection_label(self, name):
        labels = dict(self._fields[name]._description_selection(self.env))
        return labels.get(self[name])

    @api.depends("state", "move_type", "amount_residual", "amount_disputed")
    def _compute_can_dispute(self):
        for move in self:
            move.can_dispute = (
                move.state == "posted"
                and move.move_type == "out_invoice"
                and move.currency_id.compare_amounts(
                    move.amount_residual, move.amount_disputed
                )
                > 0
            )

    def action_open_invoice_form(self):
        """Open the whole form of this invoice, in which it can be changed."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": self._name,
            "res_id": self.id,
            "views": [(self.env.ref("account.view_move_form").id, "form")],
        }

    def action_view_cycle_disputes(self):
        """Open the disputes about this invoice."""
        return self._get_cycle_action("cycle_dispute_action")

    def action_view_cycle_reminders(self):
        """Open the reminders of this invoice."""
        return self._get_cycle_action("cycle_reminder_action")

    def _get_cycle_action(self, name):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            f"order_invoice_cycle.{name}"
        )
        return {**action, "domain": [("move_id", "=", self.id)], "context": {}}
