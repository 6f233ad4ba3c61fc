"""Keep the customers' links out of the access log."""

import logging
import re

LINK = re.compile(r"(/order/(?:confirm|renewal/link)/)[^\s\"'?#]+")


class MaskLinks(logging.Filter):
    """Replace the secret part of the customers' links in log records."""

    def filter(self, record):
        record.msg = _mask(record.msg)
        if isinstance(record.args, tuple):
            record.args = tuple(_mask(argument) for argument in record.args)
        return True


def _mask(value):
    return LINK.sub(r"\1***", value) if isinstance(value, str) else value


logging.getLogger("werkzeug").addFilter(MaskLinks())
