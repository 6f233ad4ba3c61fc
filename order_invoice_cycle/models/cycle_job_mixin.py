import logging
from datetime import timedelta

from odoo import fields, models
from odoo.exceptions import ConcurrencyError, LockError, RedirectWarning, UserError
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import plaintext2html

_logger = logging.getLogger(__name__)

RETRY_AFTER = timedelta(hours=1)
COMES_BACK_AFTER = timedelta(minutes=9)
# Somebody else is working on the same records: nothing is wrong with them.
CONTESTED = (*PG_CONCURRENCY_EXCEPTIONS_TO_RETRY, ConcurrencyError, LockError)
ATTEMPTS = 2
FAILURE_ACTIVITY = "order_invoice_cycle.mail_activity_type_job_failure"


class CycleJobMixin(models.AbstractModel):
    """The one driver of every time-driven job of the order cycle.

    A job is three methods: one selects (a domain for a day), one does (the same
    method that a button calls, on a recordset), and ``_cron_…`` drives, by handing
    both to :meth:`_run_job`.
    """

    _name = "cycle.job.mixin"
    _description = "Order cycle: driver of time-driven jobs"

    # Where a failure is told on the record itself; the models declare these fields.
    _job_error_field = "error"
    _job_retry_field = "retry_at"

    # === RUNNING === #

    def _run_job(
        self,
        get_domain,
        do,
        *,
        cron,
        order=None,
        batch_size=50,
        group=None,
        then=None,
    ):
        """Run a job for every company, in batches that commit.

        One batch is one transaction: fresh snapshot, lock, re-check of the domain,
        ``do``, commit. When a batch fails it is halved until the record at fault
        stands alone; that one is rolled back and told about, the others go on.
        Nothing is raised to the scheduler, which would wait a whole interval; a run
        that ends before all is done comes back within minutes.

        :param get_domain: callable taking the model (with its company set) and
            returning the domain of the records to handle, with the day inside
        :param do: callable taking a locked recordset; must not commit. None when
            the unit of work is smaller than a batch: then ``then`` does it
        :param str cron: xml id of the scheduled action, triggered again while
            work remains
        :param str order: search order, oldest first by default
        :param int batch_size: records per transaction, about
        :param group: callable giving a record's group; the records of one group
            are never handled apart
        :param then: callable taking the records of a committed batch, for what is
            slow or remote; runs outside the locks and may commit
        :return: number of records handled, number that failed
        """
        progress = self.env["ir.cron"]
        total = done = failed = 0
        comeback = self.env["ir.cron.trigger"]
        for company in self.env["res.company"].sudo().search([]):
            model = self._with_job_company(company)
            records = model.search(get_domain(model), order=order)
            remaining = len(records)
            if records and not comeback:
                comeback = self._job_schedule_comeback(cron)
            time_left = progress._commit_progress(remaining=remaining)
            for batch in list(_batches(records, batch_size, group)):
                if not time_left and total:
                    self.env.ref(cron)._trigger()
                    progress._commit_progress()
                    return done, failed
                handled, parked = batch, 0
                if do:
                    handled, parked = model._run_job_batch(batch, get_domain, do, group)
                total += len(batch)
                done += len(handled)
                failed += parked
                remaining -= len(batch)
                time_left = progress._commit_progress(len(batch), remaining=remaining)
                if then and handled:
                    time_left = model._run_job_aside(handled, then)
        if total == done + failed:
            comeback.unlink()
            progress._commit_progress()
        return done, failed

    def _job_schedule_comeback(self, cron):
        """Let the job come back soon, should this run not do all that it found.

        Killed three times before its first commit, or cut off from the database, a
        scheduled action waits a whole interval; contested records would as well.

        :return: the trigger, to be removed when everything was done
        """
        moment = fields.Datetime.now() + COMES_BACK_AFTER
        return self.env.ref(cron).sudo()._trigger(at=moment)

    def _with_job_company(self, company):
        """Return the model as a job of ``company`` sees it, and in its language."""
        return self.with_company(company).with_context(
            allowed_company_ids=company.ids,
            lang=company.partner_id.lang,
            # What colleagues are told waits in core's queue: a mail server that is
            # down must not stop a job from telling about it.
            mail_notify_force_send=False,
        )

    def _run_job_batch(self, ids, get_domain, do, group=None):
        """Lock, re-check and do ``ids``; return (ids done, number that failed).

        When somebody changed one of them after our snapshot, a new one is taken:
        first for all again, then for each by itself, so that only what is still
        contested waits for the next run.
        """
        for _attempt in range(ATTEMPTS):
            try:
                self.env.invalidate_all()
                domain = get_domain(self)
                records = self.browse(ids).exists()._job_lock()
                return self._run_job_halving(records.filtered_domain(domain), do, group)
            except CONTESTED:
                self.env.cr.rollback()
        parts = list(_batches(self.browse(ids), 1, group))
        if len(parts) == 1:
            _logger.info("%s is contested and waits for the next run", self.browse(ids))
            return [], 0
        done, failed = [], 0
        for part in parts:
            handled, parked = self._run_job_batch(part, get_domain, do, group)
            self.env["ir.cron"]._commit_progress()
            done += handled
            failed += parked
        return done, failed

    def _job_lock(self):
        """Lock the records that are free, their documents first; return them.

        People lock the document first as well, so nobody waits in a circle.
        """
        documents = self._job_document().try_lock_for_update(allow_referencing=True)
        if self._job_document() == self:
            return documents
        free = self.filtered(lambda record: record._job_document() in documents)
        return free.try_lock_for_update(allow_referencing=True)

    def _run_job_halving(self, records, do, group=None):
        """Do ``records`` in one savepoint; on failure in two halves, and so on."""
        if not records:
            return [], 0
        try:
            with self.env.cr.savepoint():
                do(records)
                self.env.flush_all()
        except CONTESTED:
            raise
        except Exception as error:
            halves = [
                records.browse(half)
                for half in _batches(records, (len(records) + 1) // 2, group)
            ]
            if len(halves) < 2:
                records._job_park(error)
                return [], len(records)
            results = [self._run_job_halving(half, do, group) for half in halves]
            return (
                [record_id for done, _failed in results for record_id in done],
                sum(failed for _done, failed in results),
            )
        return records.ids, 0

    def _run_job_aside(self, ids, then):
        """Run ``then`` on committed records; its failure never undoes them.

        :return: seconds left for the scheduled action
        """
        try:
            then(self.browse(ids).exists())
        except Exception:
            self.env.cr.rollback()
            _logger.exception("%s: work outside the transaction failed", self._name)
        return self.env["ir.cron"]._commit_progress()

    # === FAILURES === #

    def _job_park(self, error):
        """Tell about a failure on each record; even that never stops the others."""
        for record in self:
            try:
                with self.env.cr.savepoint():
                    record._job_failed(error)
            except CONTESTED:
                raise
            except Exception:
                _logger.exception("%s failed, and so did telling about it", record)

    def _job_failed(self, error):
        """Park one record: say why on it, try later, and tell its owner once."""
        self.ensure_one()
        reason = self._job_failure_reason(error)
        # In superuser mode: people do not write these fields, whoever runs this.
        self.sudo().write(
            {
                self._job_error_field: reason,
                self._job_retry_field: fields.Datetime.now() + RETRY_AFTER,
            }
        )
        if isinstance(error, UserError):
            _logger.info("%s is parked: %s", self, reason)
        else:
            _logger.error("%s is parked: %s", self, reason, exc_info=error)
        self._job_notify_owner(reason)

    def _job_failure_reason(self, error):
        """Return one sentence a person can act on."""
        if isinstance(error, (UserError, RedirectWarning)):
            return str(error.args[0])
        return self.env._(
            "A technical error (%(error)s: %(text)s). It is tried again; "
            "if it stays, tell your administrator.",
            error=type(error).__name__,
            text=next(iter(str(error).splitlines()), "-"),
        )

    def _job_document(self):
        """Return the documents with a chatter on which their owners are told."""
        return self

    def _job_owners(self):
        """Return who could be told about a failure, the nearest first."""
        document = self._job_document()
        owner = document.user_id if "user_id" in document._fields else self.env.user
        managers = self.env.ref("order_invoice_cycle.group_cycle_manager").sudo()
        return owner | document.create_uid | managers.all_user_ids

    def _job_notify_owner(self, reason, activity_type=FAILURE_ACTIVITY):
        """Schedule one activity for the owner; a second one only updates it.

        :param str reason: plain text, what happened and what to do
        :param str activity_type: xml id; by default that of a failure
        """
        document = self._job_document()
        note = plaintext2html(reason)
        existing = document.activity_search([activity_type])
        if existing:
            existing.write({"note": note})
            return
        document.activity_schedule(
            activity_type, note=note, user_id=self._job_owner().id
        )

    def _job_owner(self):
        """Return the nearest user who is there to be told and may read about it."""
        document = self.sudo()._job_document()
        company = document.company_id
        visible = document.with_context(allowed_company_ids=company.ids)
        reachable = (
            user
            for user in self.sudo()._job_owners()
            if user.active
            and not user.share
            and company <= user.company_ids
            and visible.with_user(user).has_access("read")
        )
        return next(reachable, self.env.ref("base.user_root"))

    def _job_succeeded(self):
        """Clear what an earlier failure left on the records."""
        failed = self.filtered(self._job_error_field)
        if failed:
            nothing = {self._job_error_field: False, self._job_retry_field: False}
            failed.sudo().write(nothing)
            failed._job_document().activity_unlink([FAILURE_ACTIVITY])


def _batches(records, size, group=None):
    """Yield lists of ids of about ``size`` records, never cutting through a group.

    A list of one record stays whole; so does one group, however large it is.
    """
    if not group:
        ids = records.ids
        for start in range(0, len(ids), size):
            yield ids[start : start + size]
        return
    batch = []
    for members in records.grouped(group).values():
        ids = members.ids
        if batch and len(batch) + len(ids) > size:
            yield batch
            batch = []
        batch += ids
    if batch:
        yield batch
