import logging
import re
from pathlib import Path

from odoo.http import root
from odoo.tests import tagged
from odoo.tools import SQL, mute_logger

from ..controllers.answer import is_public_path
from .confirmation_common import ConfirmationPageCase
from .reading_common import ReadingCommon

_logger = logging.getLogger(__name__)

READS = 100
PREFETCH = ({"Sec-Purpose": "prefetch"}, {"Purpose": "prefetch"})


class LogRecorder(logging.Handler):
    """Keeps what the server writes to its log."""

    def __init__(self):
        super().__init__(logging.DEBUG)
        self.lines = []

    def emit(self, record):
        """Keep one line, as the log would have it."""
        if ".tests" not in record.name:
            self.lines.append(self.format(record))


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
        recorder = LogRecorder()
        logging.getLogger().addHandler(recorder)
        self.addCleanup(logging.getLogger().removeHandler, recorder)
        pages = [self._open(), self._get(f"{link}x"), self._get(link.upper())]
        pages += [self._post("accept"), self._get(self.path), self._get(link)]
        pages.append(self._get(f"{self.path}/certificate"))
        self._send_messages()
        for page in [*pages, *pages[0].history]:
            self.assertNotIn(token, page.text)
            self.assertNotIn(token, str(page.headers))
        log = "\n".join(recorder.lines)
        self.assertIn("/order/confirm/***", log)
        self.assertNotIn(token, log)
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
        files = Path(root.session_store.path).rglob("*")
        sessions = [path for path in files if path.is_file()]
        own = Path(root.session_store.get_session_filename(self.session.sid))
        self.assertIn(own, sessions)
        for file in sessions:
            self.assertNotIn(token.encode(), file.read_bytes())
        _logger.info(
            "the token in %s tables, %s sessions, %s answers, %s lines of log: 0 hits",
            len(tables),
            len(sessions),
            len(pages),
            len(recorder.lines),
        )

    # === HEADERS === #

    def test_every_public_answer_has_the_headers(self):
        routes = [
            rule
            for rule in self.env["ir.http"].routing_map().iter_rules()
            if is_public_path(rule.rule)
        ]
        answers = 0
        for is_opened in (False, True):
            if is_opened:
                self._open()
            for rule in routes:
                for argument in (str(self.confirmation.id), "999999999", "x", "%00"):
                    path = re.sub("<[^>]+>", argument, rule.rule)
                    for method in ("GET", "HEAD", "POST", "PUT", "OPTIONS"):
                        answers += self._check_headers(method, path)
        self.assertGreaterEqual(len(routes), 10)
        _logger.info(
            "%s answers of %s public routes: all have the security headers",
            answers,
            len(routes),
        )

    @mute_logger("odoo.http")
    def _check_headers(self, method, path):
        response = self.opener.request(
            method, self.base_url() + path, allow_redirects=False, timeout=60
        )
        with self.subTest(method=method, path=path, status=response.status_code):
            self.assertLess(response.status_code, 500)
            self.assertSecured(response)
        return 1
