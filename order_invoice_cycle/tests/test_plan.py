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

    def test_line_that_is_written_by_itself_leaves_the_plan_a_whole(self):
        plan = self._create_plan({"percent": 30}, {"percent": 70})
        line = plan.line_ids[0]
        values = {"plan_id": plan.id, "name": "More", "percent": 1}
        doors = {
            "write": (lambda: line.write({"percent": 99}), "169 %"),
            "create": (lambda: line.create(values), "101 %"),
            "unlink": (line.unlink, "70 %"),
            "context": (
                lambda: line.with_context(cycle_lines_follow=True).write(
                    {"percent": 99}
                ),
                "169 %",
            ),
        }
        for name, (door, percent) in doors.items():
            with (
                self.subTest(door=name),
                self.assertRaisesRegex(ValidationError, percent),
                self.env.cr.savepoint(),
            ):
                door()
        plan.invalidate_recordset()
        self.assertEqual(plan.line_ids.mapped("percent"), [30, 70])

    def test_lines_can_change_together_in_their_plan(self):
        plan = self._create_plan({"percent": 30}, {"percent": 70})
        first, second = plan.line_ids
        plan.write(
            {
                "line_ids": [
                    Command.update(first.id, {"percent": 50}),
                    Command.delete(second.id),
                    Command.create({"name": "Rest", "percent": 50}),
                ]
            }
        )
        self.assertEqual(plan.line_ids.mapped("percent"), [50, 50])
        plan.copy()
        plan.unlink()

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
