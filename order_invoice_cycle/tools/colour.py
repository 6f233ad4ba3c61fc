"""Colours that can be read: plain arithmetic after WCAG 2, no database."""

import re

DARK = "#1d2433"
LIGHT = "#ffffff"
CONTRAST = 4.5


def brand_colours(colour, default="#35506b"):
    """Return a company's colour and the text colour that is readable on it.

    A colour on which neither light nor dark text reaches the contrast of WCAG 2.2
    level AA, or text that is no colour at all, gives way to the default.

    :param colour: what the company entered, perhaps nothing, ``#rrggbb`` or ``#rgb``
    :param str default: the colour to use instead
    :return: ``(background, text)``, both ``#rrggbb``

    >>> brand_colours("#714B67")
    ('#714b67', '#ffffff')
    >>> brand_colours("#fc0")
    ('#ffcc00', '#1d2433')
    >>> brand_colours("red;}body{display:none")
    ('#35506b', '#ffffff')
    >>> brand_colours(None)
    ('#35506b', '#ffffff')
    """
    for candidate in (_normalize(colour), default):
        for text in (LIGHT, DARK):
            if candidate and contrast(candidate, text) >= CONTRAST:
                return candidate, text
    raise ValueError(f"No text can be read on {default}")


def contrast(first, second):
    """Return the contrast ratio of two ``#rrggbb`` colours, from 1 to 21.

    >>> round(contrast("#000000", "#ffffff"), 1)
    21.0
    """
    light, dark = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _normalize(colour):
    text = (colour or "").strip().lower()
    if re.fullmatch(r"#[0-9a-f]{3}", text):
        text = "#" + "".join(digit * 2 for digit in text[1:])
    return text if re.fullmatch(r"#[0-9a-f]{6}", text) else None


def _luminance(colour):
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (
        channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4
        for channel in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
