import logging
from pathlib import Path

from odoo.http import root
from odoo.tests import tagged
from odoo.tools import SQL

from .confirmation_common import ConfirmationPageCase
from .reading_common import ReadingCommon

_logger = logging.getLogger(__name__)

READS = 100
PREFETCH = ({"Sec-Purpose": "prefetch"}, {"Purpose": "prefetch"})


@tagged("post_install", "-at_install")
class TestPageReading(ReadingCommon, ConfirmationPageCase):
    """Reading changes nothing, and leaves the secret of the link nowhere."""

    def _read(self, path, method="GET", headers=None):
        response = self.url_open(path, method=method, headers=headers)
        self.assertLess(response.status_code, 500)

    def test_scanners_and_readers_change_no_row(self):
        link = self._get_link(self.anna)
        before = self._get_checksums()
        for path in (link, self.path, f"{self.path}/pdf", f"{self.path}/certificate"):
            for _read in range(READS // 4):
                self._read(path, method="HEAD")
            for headers in PREFETCH:
                self._read(path, headers=headers)
        self.assertEqual(self._get_checksums(), before)
        # The first page and the first PDF a person sees are noted, once.
        self._read(link)
        self._read(f"{self.path}/pdf")
        before = self._get_checksums()
        for path in (link, self.path, f"{self.path}/pdf", f"{self.path}/certificate"):
            for _read in range(READS // 4):
                self._read(path)
        after = self._get_checksums()
        self.assertEqual(after, before)
        _logger.info(
            "%s GET, %s HEAD, %s prefetches: 0 rows changed in %s tables",
            READS,
            READS,
            4 * len(PREFETCH),
            len(after),
        )

    def test_secret_is_nowhere_after_the_whole_way(self):
        link = self._get_link(self.anna)
        token = link.rpartition("/")[2]
        pages = [self._open(), self._post("accept"), self._get(self.path)]
        pages.append(self._get(f"{self.path}/certificate"))
        self._send_messages()
        for page in pages:
            self.assertNotIn(token, page.text)
            self.assertNotIn(token, str(page.headers))
        self.env.flush_all()
        tables = self._get_tables()
        for table in tables:
            rows = self.env.execute_query(
                SQL(
                    "SELECT 1 FROM %s AS t WHERE t::text LIKE %s LIMIT 1",
                    SQL.identifier(table),
                    f"%{token}%",
                )
            )
            self.assertFalse(rows, table)
        sessions = [path for path in Path(root.session_store.path).rglob("*")]
        own = Path(root.session_store.get_session_filename(self.session.sid))
        self.assertIn(own, sessions)
        self.assertNotIn(token, own.read_text())
        _logger.info("the token in %s tables, session and answers: 0 hits", len(tables))
