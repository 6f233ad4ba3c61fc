from psycopg2 import IntegrityError

from odoo.exceptions import ValidationError
from odoo.fields import Command
from odoo.tests import TransactionCase, tagged
from odoo.tools import mute_logger


@tagged("post_install", "-at_install")
class TestPlan(TransactionCase):
    """Payment plans: which of them make sense."""

    def _create_plan(self, *lines, **values):
        commands = [
            Command.create({"name": "Payment", "amount_type": "percent", **line})
            for line in lines
        ]
        return self.env["cycle.plan"].create(
            {
                "name": "Plan",
                "payment_mode": "instalments",
                "line_ids": commands,
                **values,
            }
        )

    def test_plan_is_accepted_when_its_lines_make_a_whole(self):
        for lines in (
            [],
            [{"percent": 30}, {"percent": 70}],
            [{"percent": 50, "repeat": 2}],
            [{"percent": 33.3333, "repeat": 3}],
            [{"percent": 30}, {"amount_type": "rest", "repeat": 11}],
            [{"amount_type": "fixed", "amount_fixed": 500}, {"amount_type": "rest"}],
            [{"amount_type": "rest", "repeat": 12}],
        ):
            with self.subTest(lines=lines):
                plan = self._create_plan(*lines)
                self.assertEqual(len(plan.line_ids), len(lines))

    def test_plan_is_refused_when_its_lines_make_less_or_more_than_a_whole(self):
        for lines, percent in (
            ([{"percent": 99}], "99 %"),
            ([{"percent": 60}, {"percent": 41}], "101 %"),
            ([{"percent": 50, "repeat": 3}], "150 %"),
            ([{"percent": 100}, {"amount_type": "rest"}], "100 %"),
            (
                [{"percent": 100}, {"amount_type": "fixed", "amount_fixed": 1}],
                "100 %",
            ),
        ):
            with (
                self.subTest(lines=lines),
                self.assertRaisesRegex(ValidationError, percent),
            ):
                self._create_plan(*lines)

    @mute_logger("odoo.sql_db")
    def test_plan_is_refused_when_a_number_makes_no_sense(self):
        for values in (
            {"recurrence_interval": 0},
            {"recurrence_count": 0},
            {"recurrence_count": 241},
            {"notice_days": -1},
            {"lead_days": -1},
        ):
            with (
                self.subTest(values=values),
                self.assertRaises(IntegrityError),
            ):
                self._create_plan(payment_mode="recurring", **values)

    @mute_logger("odoo.sql_db")
    def test_plan_line_is_refused_when_a_number_makes_no_sense(self):
        for line in (
            {"percent": -1},
            {"percent": 100, "repeat": 0},
            {"percent": 100, "offset_day": 32},
            {"percent": 100, "offset_value": -1},
            {"percent": 50, "repeat": 2, "offset_value": 10},
        ):
            with (
                self.subTest(line=line),
                self.assertRaises(IntegrityError),
            ):
                self._create_plan(line)
