"""Text that is safe in a mail header: plain Python, no database."""

import unicodedata
from email.utils import formataddr, parseaddr


def clean_header(text, limit=200):
    r"""Return ``text`` as one line that cannot add or end a mail header.

    :param str text: a name or subject, perhaps typed by a stranger
    :param int limit: longest result, in characters

    >>> clean_header("Anna\r\nBcc: evil@example.com")
    'Anna Bcc: evil@example.com'
    >>> clean_header("A" * 300)[-3:]
    'AA…'
    >>> clean_header("tab\tand\x00nul")
    'tab and nul'
    """
    text = unicodedata.normalize("NFC", text or "")
    text = "".join(
        " " if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") else char
        for char in text
    )
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def format_address(address, name=None):
    r"""Return one address as a header value, with a name that is safe in it.

    A domain with other letters than English ones is written as mail servers know it.
    An at sign in the name is written out, because Odoo takes whatever looks like an
    address in the header for a recipient.

    :param str address: an address, perhaps with a name of its own
    :param str name: the name to show instead
    :return: the header value, empty without an address

    >>> format_address("anna@example.com", 'Anna "A"\r\nBcc: evil@example.com')
    '"Anna \\"A\\" Bcc: evil(at)example.com" <anna@example.com>'
    >>> format_address('"Office" <office@example.com>')
    'Office <office@example.com>'
    >>> format_address(""), format_address("@example.com")
    ('', '')
    >>> format_address("anna@münchen.example")
    'anna@xn--mnchen-3ya.example'
    >>> format_address("zażółć@example.com"), format_address("anna@ex..ample")
    ('', '')
    """
    own_name, address = parseaddr(clean_header(address, limit=1000))
    local_part, _at, domain = address.rpartition("@")
    try:
        domain = domain.encode("idna").decode()
    except UnicodeError:
        return ""
    # Few mail servers take other letters before the at sign.
    if not local_part or not domain or not local_part.isascii():
        return ""
    address = f"{local_part}@{domain}"
    return formataddr((clean_header(name or own_name).replace("@", "(at)"), address))


def clean_text(text, limit=2000):
    r"""Return what a stranger typed without control characters, within ``limit``.

    Line breaks stay.

    >>> clean_text("a\x00b\r\nc\ud800")
    'ab\nc'
    """
    text = unicodedata.normalize("NFC", (text or "").replace("\r\n", "\n"))
    text = "".join(
        char
        for char in text
        if char == "\n" or unicodedata.category(char) not in ("Cc", "Cs")
    )
    return text.strip()[:limit]
