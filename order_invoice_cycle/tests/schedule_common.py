from datetime import date

from odoo.fields import Command

from .common import CycleCommon


def d(text):
    return date.fromisoformat(text)


class ScheduleCase(CycleCommon):
    """Orders whose payments are agreed one by one."""

    def _create_by_hand(self, *lines, **values):
        commands = [
            Command.create({"name": f"Payment {number}", **line})
            for number, line in enumerate(lines, start=1)
        ]
        return self._create_order(
            payment_mode="instalments", schedule_line_ids=commands, **values
        )

    def _get_dates(self, order):
        return [str(line.date_due or "") for line in order.schedule_line_ids]
