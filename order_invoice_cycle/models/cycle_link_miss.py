from datetime import timedelta

from psycopg2.errors import SerializationFailure

from odoo import api, fields, models
from odoo.tools import SQL

from ..tools.network import window_start

WINDOW = timedelta(minutes=5)
LIMIT = 10
ATTEMPTS = 5
KEPT = timedelta(days=1)


class CycleLinkMiss(models.Model):
    """How often a network asked for links that open nothing: who guesses is stopped.

    One row per network and five minutes. A link that opens is never looked up here,
    so nobody else's misses slow it down.
    """

    _name = "cycle.link.miss"
    _description = "Links Not Found"
    _order = "date_start desc, id desc"
    _rec_name = "network"
    _log_access = False

    network = fields.Char(required=True, readonly=True)
    date_start = fields.Datetime(string="From", required=True, readonly=True)
    misses = fields.Integer(required=True, readonly=True)

    _network_once = models.UniqueIndex("(network, date_start)")

    @api.model
    def _is_over_limit(self, network, now=None):
        """Count one miss of a network and tell whether it has had too many.

        :param str network: as :func:`tools.network.network_of` names it
        :param datetime now: the time it counts as (UTC); the clock by default
        """
        now = now or fields.Datetime.now()
        for _attempt in range(ATTEMPTS):
            try:
                return self._count(network, window_start(now, WINDOW)) > LIMIT
            except SerializationFailure:
                continue
        # More misses at this very moment than the database can count.
        return True

    def _count(self, network, date_start):
        """Add one miss in a transaction of its own, which nothing else waits for."""
        with self.env.registry.cursor() as cr:
            cr.execute(
                SQL(
                    """
                    INSERT INTO cycle_link_miss AS miss (network, date_start, misses)
                         VALUES (%s, %s, 1)
                    ON CONFLICT (network, date_start)
                      DO UPDATE SET misses = miss.misses + 1
                      RETURNING misses
                    """,
                    network,
                    date_start,
                ),
                log_exceptions=False,
            )
            return cr.fetchone()[0]

    @api.autovacuum
    def _gc_misses(self):
        """Forget what was counted long ago: a network is somebody's address."""
        past = fields.Datetime.now() - KEPT
        self.search([("date_start", "<", past)]).unlink()
