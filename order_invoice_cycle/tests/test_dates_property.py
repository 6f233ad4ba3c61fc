from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from odoo.tests import BaseCase, tagged

from ..tools.schedule import billed_days, offset_date
from .amounts_common import EXAMPLES

DAYS = st.dates(date(2027, 1, 1), date(2032, 12, 31))
ONE_MONTH = st.integers(1, 30)


@tagged("post_install", "-at_install")
class TestDatesProperty(BaseCase):
    """Whatever day a schedule begins on: no month twice, no day counted twice."""

    @settings(**EXAMPLES)
    @given(DAYS, st.integers(0, 31), st.integers(0, 3))
    def test_monthly_payments_leave_no_month_out(self, anchor, day, first):
        dates = [
            offset_date(anchor, months, "month", day)
            for months in range(first, first + 24)
        ]
        months = [one.year * 12 + one.month for one in dates]
        self.assertEqual(months, list(range(months[0], months[0] + 24)))
        self.assertGreaterEqual(dates[0], offset_date(anchor, first, "month"))

    @settings(**EXAMPLES)
    @given(st.lists(st.tuples(ONE_MONTH, ONE_MONTH), max_size=4))
    def test_paused_days_are_counted_once(self, spans):
        pauses = [
            (date(2027, 4, min(span)), date(2027, 4, max(span))) for span in spans
        ]
        paused = {day for span in spans for day in range(min(span), max(span) + 1)}
        days = billed_days(date(2027, 4, 1), date(2027, 4, 30), pauses)[2]
        self.assertEqual(days, 30 - len(paused))
