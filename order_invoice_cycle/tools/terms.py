"""Canonical form of an order's terms and its hash: the identity of an offer."""

import hashlib
import json


def canonical_json(terms):
    """Return the one JSON text that stands for ``terms``.

    Keys are sorted, there is no white space, and text stays UTF-8; two equal
    contents give the same bytes on every machine.

    :param dict terms: only str, int, bool, None, list and dict (amounts and dates
        are given as text, so that no float decides about an identity)
    :raise TypeError: on any other type

    >>> canonical_json({"b": ["1.00", None], "a": "ż"})
    '{"a":"ż","b":["1.00",null]}'
    >>> canonical_json({"a": 1.5})
    Traceback (most recent call last):
    TypeError: terms hold a float where a text is expected: 1.5
    """
    _check_types(terms)
    return json.dumps(terms, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def terms_hash(terms):
    """Return the SHA-256 of the canonical JSON, in hexadecimal.

    >>> terms_hash({"total": "1.00"}) == terms_hash({"total": "1.01"})
    False
    """
    return sha256(canonical_json(terms))


def number_text(value, least=2, most=6):
    """Return a number as the terms give it, whatever decimals are shown at the time.

    :param float value: a quantity or a percentage, rounded when it was stored
    :param int least: decimals that are always given
    :param int most: decimals at most; zeros at the end are left out

    >>> number_text(1), number_text(2.125), number_text(0.1 + 0.2)
    ('1.00', '2.125', '0.30')
    """
    whole, _point, decimals = f"{value:.{most}f}".partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(least, '0')}"


def sha256(text):
    """Return the SHA-256 of a text's UTF-8 bytes, in hexadecimal.

    >>> sha256("")[:8]
    'e3b0c442'
    """
    return hashlib.sha256(text.encode()).hexdigest()


def chain_hash(previous, content):
    """Return the hash of an event that follows ``previous`` in a chain.

    :param str previous: hash of the event before, empty for the first
    :param dict content: what the event says, as for :func:`canonical_json`

    >>> first = chain_hash("", {"event": "sent"})
    >>> chain_hash(first, {"event": "x"}) == chain_hash("", {"event": "x"})
    False
    """
    return sha256(previous + "\n" + canonical_json(content))


def trace_hash(salt, ip, user_agent):
    """Return the hash that stands for an IP address and a browser in the chain.

    :param str salt: random, and erased with what it hides: IP addresses are so few
        that without it all could be tried

    >>> trace_hash("a", "192.0.2.7", "X") == trace_hash("b", "192.0.2.7", "X")
    False
    """
    return sha256(canonical_json([salt, ip, user_agent]))


def _check_types(value):
    if isinstance(value, float):
        raise TypeError(f"terms hold a float where a text is expected: {value}")
    if isinstance(value, dict):
        for key, item in value.items():
            _check_types(key)
            _check_types(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _check_types(item)
    elif value is not None and not isinstance(value, (str, int, bool)):
        raise TypeError(f"terms hold an unexpected type: {type(value).__name__}")
