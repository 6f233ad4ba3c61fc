"""Dates and shares of a payment schedule: plain arithmetic, no database.

Every function takes the dates it needs; none asks the clock.
"""

import calendar
import datetime
from fractions import Fraction

MONTHS_PER_UNIT = {"month": 1, "quarter": 3, "year": 12}


def on_day(year, month, day):
    """Return the date of ``day`` in a month, clipped to the month's last day.

    >>> on_day(2027, 2, 31)
    datetime.date(2027, 2, 28)
    >>> on_day(2028, 2, 30)
    datetime.date(2028, 2, 29)
    """
    last_day = calendar.monthrange(year, month)[1]
    return datetime.date(year, month, min(day, last_day))


def add_months(anchor, months, day=None):
    """Return ``anchor`` moved by whole months, on the anchor's own day.

    The day is taken from the anchor each time, never from the previous result, so
    a schedule that starts on the 31st comes back to the 31st.

    :param datetime.date anchor: the first date of the series
    :param int months: how many months later (negative: earlier)
    :param int day: day of the month to use instead of the anchor's (31 = last day)

    >>> [add_months(datetime.date(2027, 1, 31), n).isoformat() for n in range(4)]
    ['2027-01-31', '2027-02-28', '2027-03-31', '2027-04-30']
    >>> add_months(datetime.date(2028, 2, 29), 12)
    datetime.date(2029, 2, 28)
    >>> add_months(datetime.date(2028, 2, 29), 48)
    datetime.date(2032, 2, 29)
    >>> add_months(datetime.date(2027, 1, 15), 1, day=31)
    datetime.date(2027, 2, 28)
    """
    index = anchor.year * 12 + anchor.month - 1 + months
    return on_day(index // 12, index % 12 + 1, day or anchor.day)


def offset_date(anchor, value, unit, day=None):
    """Return the date ``value`` days or months after ``anchor``.

    :param datetime.date anchor: the event that is counted from
    :param int value: how many units after it
    :param str unit: ``day`` or ``month``
    :param int day: day of the month to move to (31 = last day of the month); the
        result is never before the anchor moved by ``value``

    >>> offset_date(datetime.date(2027, 1, 20), 14, "day")
    datetime.date(2027, 2, 3)
    >>> offset_date(datetime.date(2027, 1, 31), 1, "month")
    datetime.date(2027, 2, 28)
    >>> offset_date(datetime.date(2027, 1, 20), 0, "day", day=31)
    datetime.date(2027, 1, 31)
    >>> offset_date(datetime.date(2027, 1, 20), 0, "day", day=10)
    datetime.date(2027, 2, 10)

    Whether the day has to be in the month after is decided by the anchor's own day,
    once for the whole series, so that no month comes twice and none is left out:

    >>> start = datetime.date(2027, 1, 31)
    >>> [offset_date(start, n, "month", day=30).isoformat() for n in range(4)]
    ['2027-02-28', '2027-03-30', '2027-04-30', '2027-05-30']
    """
    if unit == "month":
        months = value
    else:
        anchor, months = anchor + datetime.timedelta(days=value), 0
    if day and anchor.day > day:
        months += 1
    return add_months(anchor, months, day)


def aligned_start(anchor, day):
    """Return the last ``day`` of a month that is not after ``anchor``.

    >>> aligned_start(datetime.date(2027, 1, 15), 1)
    datetime.date(2027, 1, 1)
    >>> aligned_start(datetime.date(2027, 3, 15), 31)
    datetime.date(2027, 2, 28)
    """
    date = on_day(anchor.year, anchor.month, day)
    return date if date <= anchor else add_months(anchor, -1, day=day)


def period_start(anchor, index, interval, unit, day=0):
    """Return the first day of period ``index`` (0 = the one that starts on anchor).

    :param datetime.date anchor: the service start
    :param int index: number of the period, from 0
    :param int interval: how many units one period lasts
    :param str unit: ``week``, ``month``, ``quarter`` or ``year``
    :param int day: day of the month on which the later periods begin (31 = last day
        of the month); 0 keeps the day of the anchor. Weeks know no such day

    >>> period_start(datetime.date(2027, 1, 31), 1, 1, "month")
    datetime.date(2027, 2, 28)
    >>> period_start(datetime.date(2027, 1, 31), 2, 1, "month")
    datetime.date(2027, 3, 31)
    >>> period_start(datetime.date(2027, 1, 4), 3, 2, "week")
    datetime.date(2027, 2, 15)
    >>> period_start(datetime.date(2027, 1, 15), 1, 1, "quarter", day=1)
    datetime.date(2027, 4, 1)
    """
    if unit == "week":
        return anchor + datetime.timedelta(weeks=index * interval)
    months = index * interval * MONTHS_PER_UNIT[unit]
    if not day:
        return add_months(anchor, months)
    return add_months(aligned_start(anchor, day), months, day) if index else anchor


def period(anchor, index, interval, unit, day=0):
    """Return first and last day of period ``index``; both belong to it.

    Twelve monthly periods are twelve, and the next one begins the day after.

    >>> period(datetime.date(2027, 1, 31), 0, 1, "month")
    (datetime.date(2027, 1, 31), datetime.date(2027, 2, 27))
    >>> period(datetime.date(2027, 1, 15), 0, 1, "month", day=1)
    (datetime.date(2027, 1, 15), datetime.date(2027, 1, 31))
    """
    start = period_start(anchor, index, interval, unit, day)
    following = period_start(anchor, index + 1, interval, unit, day)
    return start, following - datetime.timedelta(days=1)


def whole_period_days(anchor, index, interval, unit, day=0):
    """Return how many days a whole period has of which ``index`` may be the first part.

    >>> whole_period_days(datetime.date(2027, 1, 15), 0, 1, "month", day=1)
    31
    >>> whole_period_days(datetime.date(2027, 1, 15), 1, 1, "month", day=1)
    28
    """
    start, end = period(anchor, index, interval, unit, day)
    if day and not index and unit != "week":
        start = aligned_start(anchor, day)
    return (end - start).days + 1


def merge_days(spans):
    """Return spans of days in their order, those that overlap as one.

    :param spans: pairs of first and last day

    >>> d = datetime.date
    >>> spans = [(d(2027, 4, 20), d(2027, 4, 21)), (d(2027, 4, 1), d(2027, 4, 9)),
    ...          (d(2027, 4, 2), d(2027, 4, 3)), (d(2027, 4, 9), d(2027, 4, 12))]
    >>> [f"{first:%d}-{last:%d}" for first, last in merge_days(spans)]
    ['01-12', '20-21']
    """
    merged = []
    for first, last in sorted(spans):
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged


def billed_days(start, end, pauses=()):
    """Return the first and the last billed day of a period, and how many there are.

    :param datetime.date start: first day of the service in the period
    :param datetime.date end: last day of the service in the period
    :param pauses: pairs of first and last paused day; a day counts once, however many
        of them it is in
    :return: (first, last, number of days); the number is 0 when no day is left

    >>> d = datetime.date
    >>> billed_days(d(2027, 4, 1), d(2027, 4, 30))
    (datetime.date(2027, 4, 1), datetime.date(2027, 4, 30), 30)
    >>> billed_days(d(2027, 4, 1), d(2027, 4, 30), [(d(2027, 3, 9), d(2027, 4, 10))])
    (datetime.date(2027, 4, 11), datetime.date(2027, 4, 30), 20)
    >>> billed_days(d(2027, 4, 1), d(2027, 4, 30), [(d(2027, 4, 9), d(2027, 4, 10))])
    (datetime.date(2027, 4, 1), datetime.date(2027, 4, 30), 28)
    >>> billed_days(d(2027, 4, 1), d(2027, 4, 30), [(d(2027, 3, 1), d(2027, 5, 1))])[2]
    0
    >>> twice = [(d(2027, 4, 6), d(2027, 4, 10)), (d(2027, 4, 8), d(2027, 4, 15))]
    >>> billed_days(d(2027, 4, 1), d(2027, 4, 30), twice)[2]
    20
    """
    one_day = datetime.timedelta(days=1)
    days = (end - start).days + 1
    first, last = start, end
    pauses = merge_days(pauses)
    for pause_start, pause_end in pauses:
        days -= max((min(end, pause_end) - max(start, pause_start)).days + 1, 0)
        if pause_start <= first <= pause_end:
            first = pause_end + one_day
    for pause_start, pause_end in reversed(pauses):
        if pause_start <= last <= pause_end:
            last = pause_start - one_day
    return first, last, max(days, 0)


def prorata(start, end, date_from, date_to):
    """Return the share of the period that lies between two days, by days.

    :return: an exact fraction between 0 and 1

    >>> d = datetime.date
    >>> prorata(d(2027, 4, 1), d(2027, 4, 30), d(2027, 4, 16), d(2027, 12, 31))
    Fraction(1, 2)
    >>> prorata(d(2027, 4, 1), d(2027, 4, 30), d(2027, 1, 1), d(2027, 12, 31))
    Fraction(1, 1)
    >>> prorata(d(2027, 4, 1), d(2027, 4, 30), d(2027, 5, 1), d(2027, 12, 31))
    Fraction(0, 1)
    """
    days = (end - start).days + 1
    used = (min(end, date_to) - max(start, date_from)).days + 1
    return Fraction(max(used, 0), days)


class Apportioner:
    """Split whole numbers of the smallest currency unit, row after row, fairly.

    Each row (the base of an order line, the tax of an order line, …) is split into
    one part per instalment; the parts add up to the row. What one row rounds up, a
    later row gives back, so an instalment's sum over all rows stays about one unit
    from its exact share. With equal weights, two instalments never differ by more
    than one unit.

    >>> thirds = Apportioner([Fraction(1, 3)] * 3)
    >>> thirds.split(100000)
    [33334, 33333, 33333]
    >>> thirds.split(10000)
    [3333, 3334, 3333]
    >>> thirds.split(-200)
    [-67, -67, -66]
    >>> Apportioner([Fraction(3, 10), Fraction(7, 10)]).split(9999)
    [3000, 6999]
    """

    def __init__(self, weights):
        """:param weights: exact fractions that add up to 1, one per part"""
        self.weights = [Fraction(weight) for weight in weights]
        self.owed = [Fraction(0)] * len(self.weights)

    def split(self, units):
        """Return ``units`` (an int) as a list of ints, one per weight."""
        exact = [units * weight for weight in self.weights]
        parts = [value.__floor__() for value in exact]
        owed = [
            owed + value - part
            for owed, value, part in zip(self.owed, exact, parts, strict=True)
        ]
        missing = units - sum(parts)
        neediest = sorted(range(len(parts)), key=lambda index: (-owed[index], index))
        for index in neediest[:missing]:
            parts[index] += 1
            owed[index] -= 1
        self.owed = owed
        return parts
