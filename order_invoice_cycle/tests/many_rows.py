from contextlib import closing

from odoo.sql_db import db_connect
from odoo.tests.common import get_db_name


class ManyRows:
    """A class of tests that makes very many rows, which are taken back in the end.

    PostgreSQL keeps them until it vacuums, and reads past them in the tests that
    follow. It must not analyze: what it found empty it takes for empty in the next
    test, and one of core's queries then takes half a minute.
    """

    @classmethod
    def setUpClass(cls):
        # What is registered first runs last: when the transaction is over.
        cls.addClassCleanup(_vacuum)
        super().setUpClass()


def _vacuum():
    with closing(db_connect(get_db_name()).cursor()) as cr:
        cr.rollback()
        cr._cnx.autocommit = True
        cr._obj.execute("VACUUM")
        cr._cnx.autocommit = False
