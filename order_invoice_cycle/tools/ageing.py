"""How late a receivable is, and what that means: plain arithmetic, no database."""

import datetime

BUCKETS = (
    ("not_due", None, 0),
    ("d1_30", 1, 30),
    ("d31_60", 31, 60),
    ("d61_90", 61, 90),
    ("d91_plus", 91, None),
)


def days_overdue(today, date_due, days_paused=0):
    """Return how many days a payment is late, without the days it was paused.

    >>> days_overdue(datetime.date(2027, 1, 15), datetime.date(2027, 1, 1), 4)
    10
    """
    return (today - date_due).days - days_paused


def bucket(days):
    """Return the name of the ageing bucket for a number of days late.

    >>> [bucket(days) for days in (-3, 0, 1, 30, 31, 90, 400)]
    ['not_due', 'not_due', 'd1_30', 'd1_30', 'd31_60', 'd61_90', 'd91_plus']
    """
    for name, _first, last in BUCKETS:
        if last is None or days <= last:
            return name
    raise AssertionError("the last bucket is open")


def next_reminder(levels, days_late, reached, date_reached, today):
    """Return the index of the level that is due now, and the day of the next one.

    A level is due when the payment is at least that level's days late, the level
    before it was delivered, and the days between the two levels have passed since.
    So a late start begins with the first level, and two levels never share a day.

    :param list levels: the levels' days overdue, ascending, e.g. ``[7, 14, 21]``
    :param int days_late: days overdue without pauses, today
    :param int reached: index of the last level delivered, -1 when none was
    :param date_reached: the day it was delivered, None when none was
    :param datetime.date today: the company's day
    :return: ``(index or None, date or None)``: the level due today, and otherwise
        the day the next level falls due; ``(None, None)`` after the last level

    >>> d = datetime.date
    >>> next_reminder([7, 14, 21], 60, -1, None, d(2027, 3, 1))
    (0, datetime.date(2027, 3, 1))
    >>> next_reminder([7, 14, 21], 61, 0, d(2027, 3, 1), d(2027, 3, 2))
    (None, datetime.date(2027, 3, 8))
    >>> next_reminder([7, 14, 21], 3, -1, None, d(2027, 3, 1))
    (None, datetime.date(2027, 3, 5))
    >>> next_reminder([7, 14, 21], 90, 2, d(2027, 3, 1), d(2027, 6, 1))
    (None, None)
    """
    index = reached + 1
    if index >= len(levels):
        return None, None
    date = today + datetime.timedelta(days=levels[index] - days_late)
    if date_reached:
        gap = max(levels[index] - levels[reached], 1)
        date = max(date, date_reached + datetime.timedelta(days=gap))
    date = max(date, today)
    return (index if date == today else None), date
