from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from odoo.tests import BaseCase, tagged

from ..tools.schedule import offset_date
from .amounts_common import EXAMPLES

DAYS = st.dates(date(2027, 1, 1), date(2032, 12, 31))


@tagged("post_install", "-at_install")
class TestDatesProperty(BaseCase):
    """Whatever day a schedule begins on: no month comes twice."""

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
