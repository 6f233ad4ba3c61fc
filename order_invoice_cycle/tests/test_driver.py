from unittest.mock import patch

from psycopg2.errors import SerializationFailure

from odoo import fields, models
from odoo.exceptions import UserError
from odoo.orm.model_classes import add_to_registry
from odoo.tools import mute_logger

from .common import CycleCommon

DRIVER = "odoo.addons.order_invoice_cycle.models.cycle_job_mixin"
FAILURE = "order_invoice_cycle.mail_activity_type_job_failure"


def define_models():
    """Return the test-only models: a document with a job, and a payment mode."""

    class CycleTestDocument(models.Model):
        _module = None
        _name = "cycle.test.document"
        _inherit = ["cycle.job.mixin", "mail.thread", "mail.activity.mixin"]
        _description = "Document of a test"

        name = fields.Char()
        group = fields.Char()
        company_id = fields.Many2one("res.company")
        user_id = fields.Many2one("res.users")
        is_done = fields.Boolean()
        error = fields.Text()
        retry_at = fields.Datetime()

        def _do(self):
            self.env.context["cycle_test_log"].append(self.mapped("name"))
            for record in self:
                record.is_done = True
                if "bad" in record.name:
                    # pylint: disable-next=translation-required
                    raise UserError(f"{record.name} is bad")
                if "broken" in record.name:
                    record.env.cr.execute("SELECT 1 / 0")
                if "contested" in record.name:
                    raise SerializationFailure("changed by somebody else")
            self._job_succeeded()

        def _cron_do(self, log, **options):
            def get_domain(model):
                return [
                    ("is_done", "=", False),
                    ("company_id", "=", model.env.company.id),
                ]

            return self.with_context(cycle_test_log=log)._run_job(
                get_domain,
                lambda records: records._do(),
                cron="order_invoice_cycle.ir_cron_draft_invoices",
                **{"batch_size": 4, "order": "id", **options},
            )

    class SaleOrder(models.Model):
        _module = None
        _name = "sale.order"
        _inherit = ["sale.order"]

        payment_mode = fields.Selection(
            selection_add=[("milestones", "Milestones")],
            ondelete={"milestones": "set null"},
        )

        def _prepare_schedule_milestones(self):
            return [
                {
                    "name": "Start",
                    "amount_type": "percent",
                    "percent": 20,
                    "trigger": "confirmation",
                },
                {"name": "Acceptance", "trigger": "completion", "kind": "completion"},
            ]

    return CycleTestDocument, SaleOrder


class TestDriver(CycleCommon):
    """The one driver of every job, and a payment mode of another addon."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._load_models(*define_models())
        cls.env["ir.model.access"].create(
            {
                "name": "cycle.test.document",
                "model_id": cls.env["ir.model"]._get_id("cycle.test.document"),
                "group_id": cls.env.ref("base.group_user").id,
                "perm_read": True,
                "perm_write": True,
                "perm_create": True,
            }
        )

    @classmethod
    def _load_models(cls, *definitions):
        """Add models to the registry, and take them away after the class.

        The registry is set up anew by the test class of Odoo when it has changed.
        """
        registry, cr = cls.registry, cls.env.cr
        for definition in definitions:
            name = definition._name
            if name in registry:
                bases = registry[name]._base_classes__
                cls.addClassCleanup(setattr, registry[name], "_base_classes__", bases)
            else:
                cls.addClassCleanup(registry.__delitem__, name)
            add_to_registry(registry, definition)
        names = [definition._name for definition in definitions]
        registry._setup_models__(cr, names)
        registry.init_models(cr, names, {"module": "order_invoice_cycle"})

    def _create_documents(self, *names, **values):
        return self.env["cycle.test.document"].create(
            [
                {
                    "name": name,
                    "company_id": self.company.id,
                    "user_id": self.user_sales.id,
                    **values,
                }
                for name in names
            ]
        )

    def _run(self, **options):
        """Run the job; return its result and the batches that it tried."""
        batches = []
        result = self._run_cron(
            "cycle.test.document", "_cron_do", log=batches, **options
        )
        return result, batches

    # === BATCHES === #

    def test_records_are_done_in_batches_in_the_order_asked_for(self):
        documents = self._create_documents(*"abcdefghi")
        result, batches = self._run()
        self.assertEqual(result, (9, 0))
        self.assertEqual(batches, [[*"abcd"], [*"efgh"], ["i"]])
        self.assertTrue(all(documents.mapped("is_done")))

    def test_group_is_never_split_when_it_does_not_fit(self):
        for group, names in (("x", "abc"), ("y", "def"), ("z", "ghijk")):
            self._create_documents(*names, group=group)
        _result, batches = self._run(group=lambda record: record.group)
        self.assertEqual(batches, [[*"abc"], [*"def"], [*"ghijk"]])

    def test_follow_up_gets_the_records_that_were_done(self):
        self._create_documents("a", "bad", "c")
        followed = []
        self._run(then=lambda records: followed.extend(records.mapped("name")))
        self.assertEqual(followed, ["a", "c"])

    @mute_logger(DRIVER)
    def test_record_stays_done_when_its_follow_up_fails(self):
        documents = self._create_documents("a", "b")

        def fail(records):
            raise ValueError("follow-up")

        result, _batches = self._run(then=fail)
        self.assertEqual(result, (2, 0))
        self.assertEqual(documents.mapped("is_done"), [True, True])

    def test_job_is_done_in_each_company_by_itself(self):
        other = self.env["res.company"].create({"name": "Other"})
        self._create_documents("a", "b")
        self._create_documents("c", company_id=other.id)
        _result, batches = self._run()
        self.assertCountEqual(batches, [["a", "b"], ["c"]])

    def test_job_is_triggered_again_when_its_time_is_up(self):
        documents = self._create_documents(*"abcdefgh")
        cron = self.env.ref("order_invoice_cycle.ir_cron_draft_invoices")
        self.env["ir.cron.trigger"].search([]).unlink()
        processed = []

        def commit_progress(_cron, number=0, **_remaining):
            processed.append(number)
            return 0 if sum(processed) else 10

        with patch.object(
            self.registry["ir.cron"], "_commit_progress", commit_progress
        ):
            result, _batches = self._run()
        self.assertEqual(result, (4, 0))
        self.assertEqual(sum(documents.mapped("is_done")), 4)
        triggers = self.env["ir.cron.trigger"].search([])
        self.assertEqual(triggers.cron_id, cron)

    # === FAILURES === #

    def test_failing_batch_is_halved_until_the_bad_record_is_alone(self):
        documents = self._create_documents("a", "b", "bad", "d")
        result, batches = self._run()
        self.assertEqual(result, (3, 1))
        self.assertEqual(
            batches, [["a", "b", "bad", "d"], ["a", "b"], ["bad", "d"], ["bad"], ["d"]]
        )
        self.assertEqual(documents.mapped("is_done"), [True, True, False, True])
        self.assertEqual(documents[2].error, "bad is bad")
        self.assertTrue(documents[2].retry_at)
        self.assertFalse(documents[0].error)

    @mute_logger(DRIVER, "odoo.sql_db")
    def test_technical_error_is_told_in_a_sentence_and_never_raised(self):
        document = self._create_documents("broken")
        result, _batches = self._run()
        self.assertEqual(result, (0, 1))
        self.assertRegex(document.error, "technical error .*division by zero")

    def test_owner_gets_one_activity_however_often_it_fails(self):
        document = self._create_documents("bad")
        self._run()
        self._run()
        activity = document.activity_search([FAILURE])
        self.assertEqual(len(activity), 1)
        self.assertEqual(activity.user_id, self.user_sales)
        document.name = "good"
        self._run()
        self.assertFalse(document.activity_search([FAILURE]))
        self.assertFalse(document.error)

    @mute_logger(DRIVER)
    def test_others_go_on_when_even_telling_about_a_failure_fails(self):
        documents = self._create_documents("bad", "b")
        model = self.registry["cycle.test.document"]
        with patch.object(model, "_job_notify_owner", side_effect=ValueError):
            self._run()
        self.assertEqual(documents.mapped("is_done"), [False, True])

    # === OTHERS AT WORK === #

    def test_record_that_somebody_else_has_locked_is_left_for_later(self):
        documents = self._create_documents("a", "locked", "c")
        model = self.registry["cycle.test.document"]
        lock = model.try_lock_for_update

        def skip_locked(records, **kwargs):
            free = records.filtered(lambda record: record.name != "locked")
            return lock(free, **kwargs)

        with patch.object(model, "try_lock_for_update", skip_locked):
            self._run()
        self.assertEqual(documents.mapped("is_done"), [True, False, True])
        self.assertFalse(documents[1].error)
        self._run()
        self.assertTrue(documents[1].is_done)

    def test_record_that_changed_meanwhile_is_not_touched(self):
        documents = self._create_documents("a", "b")
        model = self.registry["cycle.test.document"]
        lock = model.try_lock_for_update

        def change_first(records, **kwargs):
            documents.browse(documents[0].id).with_env(records.env).is_done = True
            return lock(records, **kwargs)

        with patch.object(model, "try_lock_for_update", change_first):
            _result, batches = self._run()
        self.assertEqual(batches, [["b"]])

    def test_contested_record_waits_while_the_others_are_done(self):
        documents = self._create_documents("a", "contested", "c")
        self._run()
        self.assertEqual(documents.mapped("is_done"), [True, False, True])
        self.assertFalse(documents[1].error, "it did not fail")

    # === A PAYMENT MODE OF ANOTHER ADDON === #

    def test_added_payment_mode_has_a_schedule_by_its_own_method(self):
        order = self._running_order(payment_mode="milestones")
        self.assertRecordValues(
            order.schedule_line_ids,
            [
                {"name": "Start", "amount_total": 246.0, "state": "planned"},
                {"name": "Acceptance", "amount_total": 984.0, "state": "waiting"},
            ],
        )
