from odoo.tools import SQL

from .common import CycleCommon


class ReadingCommon(CycleCommon):
    """Compares the whole database before and after."""

    def _get_tables(self):
        rows = self.env.execute_query(
            SQL(
                "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() "
                "ORDER BY tablename"
            )
        )
        return [name for (name,) in rows]

    def _get_checksums(self):
        """Return {table: checksum of its rows}."""
        self.cr.flush()
        return {
            table: self.env.execute_query(
                SQL(
                    "SELECT count(*), sum(hashtext(t::text)) FROM %s AS t",
                    SQL.identifier(table),
                )
            )
            for table in self._get_tables()
        }
