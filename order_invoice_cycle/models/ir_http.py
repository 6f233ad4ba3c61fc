from odoo import models
from odoo.http import SessionExpiredException, request

from ..controllers.answer import error_page, is_public_path


class IrHttp(models.AbstractModel):
    _inherit = "ir.http"

    @classmethod
    def _handle_error(cls, exception):
        """Answer every failure of the public pages with the neutral page.

        One place for all of their routes: it also sees what happens outside the
        controllers, when a request is refused or its changes reach the database.
        """
        if not is_public_path(request.httprequest.path) or isinstance(
            exception, SessionExpiredException
        ):
            return super()._handle_error(exception)
        request.env.cr.rollback()
        if not request.env.uid:
            cls._auth_method_public()
        response = error_page(exception)
        cls._post_dispatch(response)
        return response
