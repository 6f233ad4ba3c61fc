from .common import CycleCommon


class RecurringCommon(CycleCommon):
    """Recurring orders of one monthly period after the other, from 15 January 2027."""

    def _running(self, **values):
        """Return a running order of three monthly periods per term."""
        return self._running_order(
            **{
                "payment_mode": "recurring",
                "recurrence_interval": 1,
                "recurrence_unit": "month",
                "recurrence_count": 3,
                "recurrence_in_advance": True,
                "auto_renew": True,
                "notice_days": 30,
                **values,
            }
        )

    def _renew(self, today):
        self._run_cron("cycle.schedule.line", "_cron_renew_terms", today=today)

    def _get_periods(self, order, state=None):
        """Return (first day, last day, total) of the periods, as text."""
        return [
            (str(line.period_start), str(line.period_end), line.amount_total)
            for line in order.schedule_line_ids.sorted("sequence")
            if not state or line.state == state
        ]
