"""What Odoo does not clean up by itself."""

from odoo.tools import SQL

FUNCTIONS = ("cycle_approval_decided", "cycle_confirmation_event_append_only")


def uninstall_hook(env):
    """Drop what would be left behind, or keep something else from being removed."""
    _drop_functions(env)
    _let_go_of_templates(env)


def _drop_functions(env):
    """Drop the functions, and with them the triggers, that keep the evidence."""
    for function in FUNCTIONS:
        env.cr.execute(
            SQL("DROP FUNCTION IF EXISTS %s() CASCADE", SQL.identifier(function))
        )


def _let_go_of_templates(env):
    """Drop the foreign keys by which our tables keep mail templates from deletion.

    Odoo removes the tables as well, but after the templates; one that could not be
    deleted would stay for good.
    """
    env.cr.execute(
        """
        SELECT conrelid::regclass::text, conname FROM pg_constraint
        WHERE contype = 'f' AND confrelid = 'mail_template'::regclass
            AND starts_with(conrelid::regclass::text, 'cycle_')
        """
    )
    for table, constraint in env.cr.fetchall():
        env.cr.execute(
            SQL(
                "ALTER TABLE %s DROP CONSTRAINT %s",
                SQL.identifier(table),
                SQL.identifier(constraint),
            )
        )
