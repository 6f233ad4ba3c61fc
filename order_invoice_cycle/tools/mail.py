"""Text that is safe in a mail header: plain Python, no database."""

import unicodedata


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
