"""What Odoo does not clean up by itself."""

from odoo.tools import SQL

FUNCTIONS = ("cycle_approval_decided", "cycle_confirmation_event_append_only")


def uninstall_hook(env):
    """Drop the functions, and with them the triggers, that keep the evidence."""
    for function in FUNCTIONS:
        env.cr.execute(
            SQL("DROP FUNCTION IF EXISTS %s() CASCADE", SQL.identifier(function))
        )
