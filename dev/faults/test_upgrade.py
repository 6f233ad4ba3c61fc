"""The addon is updated twice, then uninstalled, on a database that was worked with.

The last file of all, because it ends with a database without the addon.
"""

from __future__ import annotations

from collections.abc import Iterable

from psycopg2 import sql

from odoo import sql_db

from dev import database, odoo_process
from dev.environment import ADDON, LOGS

from . import world
from .case import FaultCase

# What an update writes anew whether or not anything changed: its own bookkeeping.
BOOKKEEPING = {
    "base_registry_signaling",
    "ir_attachment",
    "ir_cron_progress",
    "ir_cron_trigger",
    "ir_logging",
    "ir_module_module",
    "orm_signaling_registry",
}
STAMPS = {"write_date", "write_uid"}
INVOICES = """
    SELECT md5(string_agg(row::text, E'\\n' ORDER BY row::text)), count(*) FROM (
        SELECT move.id, move.name, move.state, move.invoice_date, move.invoice_date_due,
               move.amount_total, move.payment_state, line.id, line.account_id,
               line.balance, line.amount_currency, line.date_maturity, line.name
        FROM account_move move JOIN account_move_line line ON line.move_id = move.id
        WHERE move.state = 'posted'
    ) row
"""
UNINSTALL = f"""
module = env["ir.module.module"].search([("name", "=", "{ADDON}")])
module.button_immediate_uninstall()
"""
# Where something of the addon could be left behind, and how to recognise it.
REMAINS = {
    "scheduled actions": "SELECT id FROM ir_cron WHERE cron_name LIKE 'Order cycle%'",
    "external ids": f"SELECT name FROM ir_model_data WHERE module = '{ADDON}'",
    "models": "SELECT model FROM ir_model WHERE model LIKE 'cycle.%'",
    "fields": "SELECT name FROM ir_model_fields WHERE name LIKE 'cycle\\_%'",
    "tables": "SELECT relname FROM pg_class WHERE relname LIKE 'cycle\\_%'",
    "columns": "SELECT column_name FROM information_schema.columns "
    "WHERE column_name LIKE 'cycle\\_%' AND table_schema = 'public'",
    "functions": "SELECT proname FROM pg_proc WHERE proname LIKE 'cycle\\_%'",
    "triggers": "SELECT tgname FROM pg_trigger WHERE tgname LIKE 'cycle\\_%'",
}


class TestUpgrade(FaultCase):
    """Updating changes nothing the second time; uninstalling leaves what was posted."""

    def test_invoices_survive_two_updates_and_the_removal(self):
        self._load()
        before = self._query(INVOICES)
        self._update()
        tables = self._read_tables()
        self._update()
        self.assertEqual(self._compare(tables, self._read_tables()), {})
        self.assertEqual(self._query(INVOICES), before)
        self.assertEqual(set(self._get_remains()), set(REMAINS), "it looks nowhere")
        log = LOGS / "test-faults-uninstall.log"
        odoo_process.shell(self.database(), UNINSTALL, log=log)
        self.assertEqual(self._query(INVOICES), before)
        self.assertEqual(self._get_remains(), {})
        (_checksum, lines) = before[0]
        self.tell(posted_lines=lines, changed=0, tables=len(tables), remains=0)

    def _load(self) -> None:
        """Have orders at every stage, and posted invoices."""
        with self.env() as env:
            running = world.run_orders(env, 2, plan="advance")
            running.schedule_line_ids.action_draft_invoice()
            moves = running.schedule_line_ids.invoice_id
            world.as_role(moves, "billing").action_publish()
            world.offer(env, 1)
            world.submit(world.create_orders(env, 1))

    def _update(self) -> None:
        sql_db.close_all()
        arguments = ["--update", ADDON, "--stop-after-init", "--no-http"]
        log = LOGS / "test-faults-update.log"
        odoo_process.run(self.database(), *arguments, log=log)

    def _query(self, statement: str) -> list[tuple]:
        """Ask the database directly: this process's registry may be outdated."""
        with database.connection(self.database()) as opened:
            with opened.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall()

    def _read_tables(self) -> dict[str, set[str]]:
        """Return the rows of every table, as text without the stamps of a write."""
        columns: dict[str, list[str]] = {}
        for table, column in self._query(
            "SELECT table_name, column_name FROM information_schema.columns "
            "JOIN information_schema.tables USING (table_schema, table_name) "
            "WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
        ):
            if table not in BOOKKEEPING and column not in STAMPS:
                columns.setdefault(table, []).append(column)
        return {
            table: self._read_rows(table, names) for table, names in columns.items()
        }

    def _read_rows(self, table: str, columns: Iterable[str]) -> set[str]:
        statement = sql.SQL("SELECT ROW({})::text FROM {}").format(
            sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Identifier(table)
        )
        return {text for (text,) in self._query(statement)}

    @staticmethod
    def _compare(before: dict[str, set], after: dict[str, set]) -> dict[str, list]:
        """Return what differs, by table."""
        return {
            table: sorted(before.get(table, set()) ^ after.get(table, set()))
            for table in before.keys() | after.keys()
            if before.get(table) != after.get(table)
        }

    def _get_remains(self) -> dict[str, list]:
        found = {what: self._query(query) for what, query in REMAINS.items()}
        return {what: rows for what, rows in found.items() if rows}
