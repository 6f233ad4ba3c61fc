from contextlib import closing

from odoo.sql_db import db_connect
from odoo.tests.common import get_db_name


class ManyRows:
    """A class of tests that makes very many rows, which are taken back in the end.

    PostgreSQL keeps them until it vacuums, and plans the queries of the tests that
    follow as if they were there: one of core's then takes a minute.
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
        cr._obj.execute("VACUUM ANALYZE")
        cr._cnx.autocommit = False
