from odoo import models
from odoo.exceptions import UserError


class CycleStateMixin(models.AbstractModel):
    """A document whose ``state`` moves along declared transitions, in one place."""

    _name = "cycle.state.mixin"
    _description = "Order cycle: document with a state"

    # {source state: {target states}}, declared beside the ``state`` field.
    _transitions = {}

    def _update_state(self, target, **values):
        """Move ``self`` to ``target`` and write its stamps with it.

        Repeating a verb in its target state is a no-op.

        :param str target: a value of the field ``state``
        :param values: other fields to write in the same call (dates, users, reasons)
        :return: the records that changed
        :raise UserError: when a record may not go there from where it is
        """
        changing = self.filtered(lambda record: record.state != target)
        for record in changing:
            if target not in self._transitions.get(record.state, ()):
                labels = dict(self._fields["state"]._description_selection(self.env))
                raise UserError(
                    self.env._(
                        "%(record)s is “%(state)s” and cannot become “%(target)s”.",
                        record=record.display_name,
                        state=labels[record.state],
                        target=labels[target],
                    )
                )
        changing.write({"state": target, **values})
        return changing
