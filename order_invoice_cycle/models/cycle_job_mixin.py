import logging
from datetime import timedelta
from itertools import groupby

import psycopg2

from odoo import fields, models
from odoo.exceptions import LockError, UserError

_logger = logging.getLogger(__name__)

RETRY_AFTER = timedelta(hours=1)


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
        Nothing is raised to the scheduler, which would wait a whole interval.

        :param get_domain: callable taking the model (with its company set) and
            returning the domain of the records to handle, with the day inside
        :param do: callable taking a locked recordset; must not commit
        :param str cron: xml id of the scheduled action, triggered again while
            work remains
        :param str order: search order, oldest first by default
        :param int batch_size: records per transaction, about
        :param group: callable giving a record's group; records of one group that
            follow each other in ``order`` are never handled apart
        :param then: callable taking the records of a committed batch, for what is
            slow or remote; runs outside the locks and may commit
        :return: number of records handled, number that failed
        """
        progress = self.env["ir.cron"]
        done = failed = 0
        for company in self.env["res.company"].sudo().search([]):
            model = self.with_company(company).with_context(
                allowed_company_ids=company.ids
            )
            records = model.search(get_domain(model), order=order)
            remaining = len(records)
            progress._commit_progress(remaining=remaining)
            for batch in list(_batches(records, batch_size, group)):
                handled, parked = model._run_job_batch(batch, get_domain, do, group)
                done += len(handled)
                failed += parked
                remaining -= len(batch)
                time_left = progress._commit_progress(len(batch), remaining=remaining)
                if then and handled:
                    model._run_job_aftermath(handled, then)
                if remaining and not time_left:
                    self.env.ref(cron)._trigger()
                    progress._commit_progress()
                    return done, failed
        return done, failed

    def _run_job_batch(self, ids, get_domain, do, group=None):
        """Lock, re-check and do ``ids``; return (ids done, number that failed)."""
        self.env.invalidate_all()
        domain = get_domain(self)
        try:
            records = self.browse(ids).try_lock_for_update(allow_referencing=True)
        except psycopg2.OperationalError:
            # Somebody changed one of them after our snapshot: begin a new one and
            # take them alone, so that only the contested record waits for later.
            self.env.cr.rollback()
            if len(ids) == 1:
                return [], 0
            done, failed = [], 0
            for record_id in ids:
                handled, parked = self._run_job_batch(
                    [record_id], get_domain, do, group
                )
                self.env["ir.cron"]._commit_progress()
                done += handled
                failed += parked
            return done, failed
        return self._run_job_halving(records.filtered_domain(domain), do, group)

    def _run_job_halving(self, records, do, group=None):
        """Do ``records`` in one savepoint; on failure in two halves, and so on."""
        if not records:
            return [], 0
        try:
            with self.env.cr.savepoint():
                do(records)
                self.env.flush_all()
        except Exception as error:  # noqa: BLE001 - every failure is told on the record
            self.env.invalidate_all()
            halves = [
                records.browse(half)
                for half in _batches(records, (len(records) + 1) // 2, group)
            ]
            if len(halves) < 2:
                for record in records:
                    record._job_failed(error)
                return [], len(records)
            results = [self._run_job_halving(half, do, group) for half in halves]
            return (
                [record_id for done, _failed in results for record_id in done],
                sum(failed for _done, failed in results),
            )
        return records.ids, 0

    def _run_job_aftermath(self, ids, then):
        """Run ``then`` on committed records; its failure never undoes them."""
        try:
            then(self.browse(ids).exists())
            self.env["ir.cron"]._commit_progress()
        except Exception:
            self.env.cr.rollback()
            _logger.exception("%s: follow-up of a finished batch failed", self._name)

    def _job_failed(self, error):
        """Park one record: say why on it, try later, and tell its owner once."""
        self.ensure_one()
        reason = self._job_failure_reason(error)
        self.write(
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
        if isinstance(error, LockError):
            return self.env._("Another user is working on it; it is tried again.")
        if isinstance(error, UserError):
            return str(error.args[0])
        return self.env._(
            "A technical error (%(error)s: %(text)s). It is tried again; "
            "if it stays, tell your administrator.",
            error=type(error).__name__,
            text=str(error).splitlines()[0] if str(error) else "-",
        )

    def _job_document(self):
        """Return the document with a chatter on which the owner is told."""
        return self

    def _job_owner(self):
        """Return the user who is told about a failure."""
        document = self._job_document()
        return document.user_id if "user_id" in document._fields else self.env.user

    def _job_notify_owner(self, reason):
        """Schedule one activity about the failure; a second one only updates it."""
        document = self._job_document()
        kind = "order_invoice_cycle.mail_activity_type_job_failure"
        existing = document.activity_search([kind])
        if existing:
            existing.write({"note": reason})
            return
        document.activity_schedule(
            kind, note=reason, user_id=self._job_owner().id or self.env.user.id
        )

    def _job_succeeded(self):
        """Clear what an earlier failure left on the records."""
        failed = self.filtered(self._job_error_field)
        if not failed:
            return
        failed.write({self._job_error_field: False, self._job_retry_field: False})
        for document in {record._job_document() for record in failed}:
            document.activity_unlink(
                ["order_invoice_cycle.mail_activity_type_job_failure"]
            )


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
    for _key, members in groupby(records, key=group):
        ids = [member.id for member in members]
        if batch and len(batch) + len(ids) > size:
            yield batch
            batch = []
        batch += ids
    if batch:
        yield batch
