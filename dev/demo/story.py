"""What happens in the eight weeks of the demo, and when.

Days are counted from the first Monday, 0 to 55; the files of ``demo/`` are written for
the Monday below. What an order does is found under its external id in those files.
"""

from __future__ import annotations

import datetime

FIRST_MONDAY = datetime.date(2026, 1, 5)
LAST_DAY = 55

# Billing has not looked at the drafts of the last days: the dashboard is not empty.
LAST_DAY_OF_BILLING = 52

# Who answers the link: the person at the customer.
SIGNERS = {
    "customer_01": "Krzysztof Jabłoński",
    "customer_02": "Grażyna Szczęsna",
    "customer_03": "Łukasz Kłos",
    "customer_04": "Żaneta Źródłowska",
    "customer_05": "Bogusław Gąska",
    "customer_06": "Halina Pięta",
    "customer_07": "Małgorzata Wójcik",
    "customer_08": "Zbigniew Śliwiński",
    "customer_09": "Łucja Brzęczyszczykiewicz",
    "customer_10": "Jürgen Müller",
    "customer_11": "Tomáš Novák",
    "customer_12": "Anneke de Wilde",
    "customer_13": "Amélie Lefèvre",
    "customer_14": "Urs Zürcher",
}

# Instead of confirming, two customers send comments and one does not answer.
COMMENTS = {
    "order_024": "Please quote 16 hours instead of 20, we have the list of products. "
    "– „Czy termin w marcu jest możliwy?”",
    "order_032": "Could the second sensor go above the garage <b>door</b>? 😀",
}
SILENT = {"order_040"}

# Their monthly payments have to come back to the 31st after a shorter month.
ON_THE_31ST = ("order_027", "order_039")

# The day on which sales learns that the service was done.
COMPLETED = {
    "order_010": 2,
    "order_011": 5,
    "order_012": 9,
    "order_013": 12,
    "order_014": 14,
    "order_015": 16,
    "order_016": 18,
    "order_017": 20,
    "order_018": 25,
    "order_019": 30,
    "order_020": 35,
    "order_021": 40,
    "order_022": 46,
    "order_005": 52,
}

# When an invoice is paid: (day, share of what is open) for the first, second, …
# invoice of an order. What is not named is paid in full on its due date.
NEVER: tuple = ()
PAYMENTS = {
    "order_001": {1: [(50, 1)]},
    "order_002": {1: [(51, 1)]},
    "order_003": {1: NEVER},
    "order_004": {1: [(52, 0.5)]},
    "order_005": {1: [(50, 1)]},
    "order_006": {1: [(51, 1)]},
    "order_007": {1: NEVER},
    "order_008": {1: [(52, 1)]},
    "order_009": {1: NEVER},
    "order_010": {1: NEVER},
    "order_011": {1: NEVER},
    "order_013": {1: [(36, 1)]},
    "order_014": {1: [(44, 1)]},
    "order_015": {1: [(30, 0.5), (47, 1)]},
    "order_016": {1: NEVER},
    "order_019": {1: [(44, 0.4)]},
    "order_020": {1: NEVER},
    "order_021": {1: NEVER},
    "order_026": {1: NEVER},
    "order_033": {2: [(48, 1)]},
}

# Pays online, by the link in the invoice's e-mail, when everything else is done.
PAYS_ONLINE = "order_003"

DISPUTES = {
    41: {
        "order_016": "Two of the four motion sensors do not report to the gateway; "
        "the technician was told on the spot."
    }
}

# The invoice of this customer is refused until the missing street is filled in.
MISSING_STREETS = {"customer_08": "ul. Cynamonowa 19/4"}


def day_zero(today: datetime.date) -> datetime.date:
    """Return the first day of the eight weeks that end today."""
    return today - datetime.timedelta(days=LAST_DAY)


def days_to_move(today: datetime.date) -> int:
    """Return by how many days the dates of the files are moved."""
    return (day_zero(today) - FIRST_MONDAY).days
