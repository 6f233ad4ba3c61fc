"""Weeks of a cash forecast: plain arithmetic, no database."""

import datetime

OVERDUE = "overdue"
LATER = "later"


def get_weeks(today, number):
    """Return the first and last day of ``number`` calendar weeks from ``today`` on.

    The first one is what is left of the present week; weeks end on Sunday.

    >>> get_weeks(datetime.date(2027, 3, 3), 2)  # a Wednesday
    [(datetime.date(2027, 3, 3), datetime.date(2027, 3, 7)), \
(datetime.date(2027, 3, 8), datetime.date(2027, 3, 14))]
    >>> get_weeks(datetime.date(2027, 3, 7), 1)  # a Sunday
    [(datetime.date(2027, 3, 7), datetime.date(2027, 3, 7))]
    """
    weeks = []
    first = today
    for _week in range(number):
        last = first + datetime.timedelta(days=6 - first.weekday())
        weeks.append((first, last))
        first = last + datetime.timedelta(days=1)
    return weeks


def week_of(weeks, date):
    """Return the index of the week a date falls in, ``OVERDUE`` or ``LATER``.

    What has no date comes later.

    >>> weeks = get_weeks(datetime.date(2027, 3, 3), 2)
    >>> days = [datetime.date(2027, 3, day) for day in (2, 3, 7, 8, 14, 15)]
    >>> [week_of(weeks, day) for day in days]
    ['overdue', 0, 0, 1, 1, 'later']
    >>> week_of(weeks, False)
    'later'
    """
    if not date or date > weeks[-1][1]:
        return LATER
    if date < weeks[0][0]:
        return OVERDUE
    return next(index for index, (_first, last) in enumerate(weeks) if date <= last)
