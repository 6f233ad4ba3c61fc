"""Addresses of visitors: plain Python, no database."""

import ipaddress
from datetime import datetime

# What one customer's router stands for: counted together.
PREFIXES = {4: 24, 6: 64}
UNKNOWN = "unknown"


def clean_address(text):
    """Return an IP address in its shortest form, empty when it is none.

    An IPv4 address that came through IPv6 is the IPv4 address. A scope, which may be
    any text, is no part of an address.

    :param text: what the web server says about the visitor

    >>> clean_address("2001:0DB8::0001"), clean_address("::ffff:192.0.2.7")
    ('2001:db8::1', '192.0.2.7')
    >>> clean_address("<script>"), clean_address(None), clean_address("fe80::1%<b>")
    ('', '', 'fe80::1')
    """
    try:
        address = ipaddress.ip_address((text or "").partition("%")[0])
    except ValueError:
        return ""
    return str(getattr(address, "ipv4_mapped", None) or address)


def network_of(text):
    """Return the network that a visitor is counted with, as text.

    :param text: what the web server says about the visitor

    >>> network_of("192.0.2.77"), network_of("2001:db8:1:2:3:4:5:6")
    ('192.0.2.0/24', '2001:db8:1:2::/64')
    >>> network_of("nonsense")
    'unknown'
    """
    address = clean_address(text)
    if not address:
        return UNKNOWN
    prefix = PREFIXES[ipaddress.ip_address(address).version]
    return str(ipaddress.ip_network(f"{address}/{prefix}", strict=False))


def window_start(now, length):
    """Return when the window of time began that a moment belongs to.

    :param datetime now: the moment
    :param timedelta length: how long each window is

    >>> from datetime import timedelta
    >>> window_start(datetime(2027, 1, 15, 10, 4, 59), timedelta(minutes=5))
    datetime.datetime(2027, 1, 15, 10, 0)
    """
    return now - (now - datetime.min) % length
