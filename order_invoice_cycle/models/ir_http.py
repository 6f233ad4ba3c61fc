from werkzeug.exceptions import BadRequest, MethodNotAllowed, NotFound

from odoo import models
from odoo.http import SessionExpiredException, request

from ..controllers.answer import error_page, is_public_path
from ..controllers.confirmation import OrderConfirmation
from ..controllers.renewal import OrderRenewal


class IrHttp(models.AbstractModel):
    """Failures of the public pages end on the neutral page.

    One place for all of their routes: it also sees what happens outside the
    controllers, when a request is refused or its changes reach the database.
    """

    _inherit = "ir.http"

    @classmethod
    def _match(cls, path_info):
        try:
            return super()._match(path_info)
        except MethodNotAllowed:
            if is_public_path(path_info):
                # Only for a page that does not exist does core ask ``_handle_error``.
                raise NotFound from None
            raise

    @classmethod
    def _pre_dispatch(cls, rule, args):
        super()._pre_dispatch(rule, args)
        # Core takes whatever has this name for text, also an uploaded file.
        if is_public_path(request.httprequest.path):
            if "csrf_token" in request.httprequest.files:
                raise BadRequest()

    @classmethod
    def _serve_fallback(cls):
        # Nothing else is served below these paths; core would ask the database for
        # whatever stands there, with characters that it refuses.
        if is_public_path(request.httprequest.path):
            return None
        return super()._serve_fallback()

    @classmethod
    def _handle_error(cls, exception):
        if not is_public_path(request.httprequest.path) or isinstance(
            exception, SessionExpiredException
        ):
            return super()._handle_error(exception)
        request.env.cr.rollback()
        if not request.env.uid:
            cls._auth_method_public()
        # Missing when the request itself was refused; templates look for them.
        request.params = getattr(request, "params", {})
        request.is_frontend = getattr(request, "is_frontend", False)
        response = cls._cycle_form_again(exception) or error_page(exception)
        cls._post_dispatch(response)
        return response

    @classmethod
    def _cycle_form_again(cls, exception):
        """Return the page with the form that core refused, None if it is another."""
        if not isinstance(exception, BadRequest):
            return None
        try:
            return (
                OrderConfirmation()._show_form_again()
                or OrderRenewal()._show_form_again()
            )
        except Exception as error:
            return error_page(error)
