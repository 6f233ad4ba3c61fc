import base64

from odoo.exceptions import UserError
from odoo.tools import SQL

from odoo.addons.base.models.ir_model import MODULE_UNINSTALL_FLAG

from .link_common import LinkCommon


class EvidenceCommon(LinkCommon):
    """An order with evidence, those who tamper with it, and files that are evidence."""

    def _create_chain(self):
        """Return the confirmation of an order that was opened and confirmed."""
        order = self._offer()
        confirmation = order.confirmation_ids.sudo()
        confirmation._set_viewed(ip="192.0.2.7", user_agent="Test")
        confirmation._confirm(
            order.terms_hash, "Jan", ip="192.0.2.8", user_agent="T", note="I order this"
        )
        self.env.flush_all()
        return confirmation

    def _tamper(self, *queries, table="cycle_confirmation_event"):
        """Do what only the owner of the database can."""
        table = SQL.identifier(table)
        self.env.flush_all()
        self.env.cr.execute(SQL("ALTER TABLE %s DISABLE TRIGGER USER", table))
        for query in queries:
            self.env.cr.execute(query)
        self.env.cr.execute(SQL("ALTER TABLE %s ENABLE TRIGGER USER", table))
        self.env.invalidate_all()

    def _set_column(self, record, column, value):
        """Return the query that changes one field of one row."""
        return SQL(
            "UPDATE %s SET %s = %s WHERE id = %s",
            SQL.identifier(record._table),
            SQL.identifier(column),
            value,
            record.id,
        )

    def assertKept(self, attachment):
        """Nobody changes or deletes the file, whatever they may do elsewhere."""
        content = attachment.raw
        for user in (self.user_sales, self.user_manager, self.env.user):
            own = attachment.with_user(user)
            for values in (
                {"raw": b"forged"},
                {"datas": base64.b64encode(b"forged")},
                {"name": "forged.pdf"},
                {"res_model": "sale.order"},
                {"res_id": False},
            ):
                with self.assertRaisesRegex(UserError, "is evidence"):
                    own.write(values)
            with self.assertRaisesRegex(UserError, "is evidence"):
                own.unlink()
            with self.assertRaisesRegex(UserError, "is evidence"):
                own.with_context(**{MODULE_UNINSTALL_FLAG: True}).unlink()
        with self.assertRaisesRegex(UserError, "is evidence"):
            attachment.sudo().unlink()
        # Moving the files to another store writes what they are already.
        attachment.sudo().write({"raw": content, "mimetype": attachment.mimetype})
        self.env.invalidate_all()
        self.assertEqual(attachment.raw, content)
