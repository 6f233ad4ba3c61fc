"""The company's side: Odoo in this process, on the database that the server serves.

Each step is a transaction of its own, done as the user whose work it is, so that the
access rights of that role are part of what the demo shows.
"""

from __future__ import annotations

import datetime
import importlib
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .. import environment, odoo_process

JOBS = (
    ("cycle.schedule.line", "_cron_renew_terms"),
    ("cycle.schedule.line", "_cron_draft_invoices"),
)


class Office:
    """A registry of Odoo on a database, and how to work in it as one of the users."""

    def __init__(self, database: str, options: dict[str, object]):
        """:param options: options of Odoo's configuration file, such as smtp_port"""
        surroundings = environment.process_env()
        os.environ.clear()
        os.environ.update(surroundings)
        sys.path.insert(0, str(environment.odoo_home()))
        settings = {"logfile": log_file(database), "max_cron_threads": 0, **options}
        log_file(database).unlink(missing_ok=True)
        config = importlib.import_module("odoo.tools").config
        file = odoo_process.write_config(database, settings)
        config.parse_config(["--config", str(file)], setup_logging=True)
        self.api = importlib.import_module("odoo.api")
        registries = importlib.import_module("odoo.modules.registry")
        # Odoo names the database of a thread in its log.
        threading.current_thread().dbname = database
        self.registry = registries.Registry(database)

    @contextmanager
    def at_work(self, login: str | None = None) -> Iterator:
        """Give an environment of that user, or of the system, and commit at the end."""
        with self.registry.cursor() as cr:
            env = self.api.Environment(cr, self.api.SUPERUSER_ID, {})
            if login:
                user = env["res.users"].search([("login", "=", login)])
                env = env(user=user.id, context=dict(user.context_get()))
            yield env
            env.flush_all()
        # The server keeps settings in mind: it hears what was changed here.
        self.registry.signal_changes()

    def close(self) -> None:
        """Give back the connections to the database."""
        importlib.import_module("odoo.sql_db").close_all()

    def run_jobs(self, today: datetime.date) -> None:
        """Run the jobs that begin a day: renew terms, draft what is due."""
        with self.at_work() as env:
            for model, method in JOBS:
                getattr(env[model], method)(today=today)

    def send_reminders(self, today: datetime.date) -> None:
        """Run the job that queues the reminders of a day."""
        with self.at_work() as env:
            env["cycle.reminder"]._cron_send_reminders(today=today)

    def send_messages(self, day: datetime.date | None = None) -> None:
        """Send what is in the outbox, at noon of a day or, without one, now."""
        now = day and datetime.datetime.combine(day, datetime.time(11))
        with self.at_work() as env:
            env["cycle.message"]._cron_send_messages(now=now)


def log_file(name: str) -> Path:
    """Return the log of Odoo in this process."""
    return environment.LOGS / f"{name}-office.log"
