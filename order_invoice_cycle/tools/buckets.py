"""What was invoiced of an order, tax by tax, and what that leaves open.

A *bucket* holds the amounts of one set of taxes on one account, as plain numbers that
can be stored as JSON. Amounts come in pairs: in the document's currency, and in the
company's.
"""

from fractions import Fraction

from .schedule import Apportioner

DOCUMENT, COMPANY = 0, 1
SUFFIXES = ("_currency", "")


def make_buckets(base_lines, sign=1, get_order_line=None):
    """Return the amounts of rounded base lines as buckets.

    :param list base_lines: base lines with rounded tax details
    :param int sign: -1 for what a credit note takes back
    :param get_order_line: returns the id of the order line that a base line is for;
        with it, each order line has buckets of its own
    """
    buckets = {}
    for base_line in base_lines:
        account = base_line.get("account_id")
        key = (
            tax_set(base_line["tax_ids"].ids),
            account.id if account else False,
            get_order_line(base_line) if get_order_line else False,
        )
        bucket = buckets.setdefault(key, _empty_bucket(*key, base_line["rate"]))
        details = base_line["tax_details"]
        for place, suffix in enumerate(SUFFIXES):
            bucket["untaxed"][place] += sign * untaxed(details, suffix)
        for tax_data in details["taxes_data"]:
            amounts = bucket["tax"].setdefault(tax_key(tax_data), [0.0] * 4)
            for place, suffix in enumerate(SUFFIXES):
                amounts[place] += sign * tax_data[f"tax_amount{suffix}"]
                amounts[place + 2] += sign * tax_data[f"base_amount{suffix}"]
    return list(buckets.values())


def merge_buckets(
    buckets, currency, company_currency, keep_account=True, keep_line=False
):
    """Return the buckets with those of equal taxes added up, rounded, without zeros.

    Amounts of days with different currency rates have no rate together, ``None``.

    :param bool keep_account: False adds up what is on different accounts as well
    :param bool keep_line: True adds up only what is for the same order line

    >>> class Cent:
    ...     def round(self, amount): return round(amount, 2)
    ...     def is_zero(self, amount): return not round(amount, 2)
    >>> one = {"taxes": [7], "account": 1, "rate": 1.0, "untaxed": [100.0, 100.0],
    ...        "tax": {"7": [23.0, 23.0, 100.0, 100.0]}}
    >>> back = {**one, "untaxed": [-40.0, -40.0], "tax": {"7": [-9.2, -9.2, -40, -40]}}
    >>> merge_buckets([one, back], Cent(), Cent())[0]["tax"]
    {'7': [13.8, 13.8, 60.0, 60.0]}
    >>> undo = {**one, "untaxed": [-100.0, -100.0],
    ...         "tax": {"7": [-23.0, -23.0, -100.0, -100.0]}}
    >>> merge_buckets([one, undo], Cent(), Cent())
    []
    """
    merged = {}
    for bucket in buckets:
        key = (
            tax_set(bucket["taxes"]),
            keep_account and bucket["account"],
            keep_line and bucket["line"],
        )
        total = merged.setdefault(
            key, _empty_bucket(key[0], bucket["account"], key[2], bucket["rate"])
        )
        total["rate"] = _common_rate(total["rate"], bucket["rate"])
        for place in (DOCUMENT, COMPANY):
            total["untaxed"][place] += bucket["untaxed"][place]
        for tax, amounts in bucket["tax"].items():
            sums = total["tax"].setdefault(tax, [0.0] * 4)
            for place, amount in enumerate(amounts):
                sums[place] += amount
    currencies = (currency, company_currency)
    for total in merged.values():
        total["untaxed"] = _rounded(total["untaxed"], currencies)
        total["tax"] = {
            tax: _rounded(amounts, currencies * 2)
            for tax, amounts in total["tax"].items()
        }
    return [total for total in merged.values() if not _is_zero(total, currencies)]


def sum_buckets(buckets):
    """Return (untaxed, tax) of buckets in the document's currency.

    >>> sum_buckets([{"untaxed": [100.0, 90.0], "tax": {"7": [23.0, 20.7, 0, 0]}}])
    (100.0, 23.0)
    """
    return (
        sum(bucket["untaxed"][DOCUMENT] for bucket in buckets),
        sum(tax[DOCUMENT] for bucket in buckets for tax in bucket["tax"].values()),
    )


def deduct(base_lines, buckets, company):
    """Take what was invoiced off the base lines of an order, tax by tax.

    What is left of a set of taxes is shared among its lines. A tax on which more was
    invoiced than the order has leaves nothing, never something negative: the excess
    is returned, for a credit note.

    :param list base_lines: the order's base lines with rounded tax details
    :param list buckets: what was invoiced
    :param company: the ``res.company``
    :return: base lines of what is open, in the same order; buckets of the excess
    """
    currency = base_lines[0]["currency_id"] if base_lines else company.currency_id
    invoiced = {
        tax_set(bucket["taxes"]): bucket
        for bucket in merge_buckets(buckets, currency, company.currency_id, False)
    }
    rows = {}
    for position, base_line in enumerate(base_lines):
        rows.setdefault(tax_set(base_line["tax_ids"].ids), []).append(position)
    result, excess = list(base_lines), []
    for key, positions in rows.items():
        if key not in invoiced:
            continue
        lines = [base_lines[position] for position in positions]
        left, over = _deduct_bucket(lines, invoiced.pop(key), company)
        for position, base_line in zip(positions, left, strict=True):
            result[position] = base_line
        excess += over
    excess += invoiced.values()
    return result, [
        bucket for bucket in excess if currency.compare_amounts(_net(bucket), 0) > 0
    ]


def take_at_agreed_rates(bucket, agreed, included):
    """Return what an invoice took of order lines, at the rates of the order lines.

    What was agreed is the price. An invoice that is taxed otherwise takes the share of
    it that it charges; a tax is part of the price where it is included in that.

    :param dict bucket: what was invoiced of the order lines
    :param list agreed: the rounded base lines of order lines with one set of taxes
    :param set included: the ids, as text, of the taxes that are included in prices
    :return: a bucket, the same one at the same rates; None when the order lines have
        no price that anything could be a share of
    """
    if has_rates_of(bucket, agreed):
        return bucket
    currency = agreed[0]["currency_id"]
    whole = _sum_lines(agreed)
    # An agreed price without taxes is compared with what is charged without them.
    included = included if included & set(bucket["tax"]) else set()
    charged, total = get_price(bucket, included), get_price(whole, included)
    if currency.is_zero(total):
        return None
    taxes = {
        tax: currency.round(amounts[DOCUMENT] * charged / total)
        for tax, amounts in whole["tax"].items()
    }
    left = charged - sum(amount for tax, amount in taxes.items() if tax in included)
    taken = make_buckets(_scale(agreed, whole, currency.round(left), taxes))[0]
    return {**taken, "line": bucket["line"]}


def has_rates_of(bucket, base_lines):
    """Tell whether a bucket is taxed as order lines with one set of taxes are now.

    The rate of a tax may have been changed since as well.
    """
    whole, currency = _sum_lines(base_lines), base_lines[0]["currency_id"]
    return tax_set(bucket["taxes"]) == tax_set(whole["taxes"]) and all(
        _is_same_rate(whole, bucket, tax, currency, len(base_lines))
        for tax in whole["tax"]
    )


def get_price(bucket, included):
    """Return the untaxed amount with the taxes that are included in the price.

    >>> bucket = {"untaxed": [100.0, 100.0], "tax": {"7": [23.0, 23.0, 100.0, 100.0]}}
    >>> get_price(bucket, {"7"}), get_price(bucket, set())
    (123.0, 100.0)
    """
    return _net(bucket) + sum(
        amounts[DOCUMENT] for tax, amounts in bucket["tax"].items() if tax in included
    )


def scale_buckets(buckets, ratio):
    """Return the buckets with every amount multiplied by ``ratio``, not rounded."""
    return [
        {
            **bucket,
            "untaxed": [amount * ratio for amount in bucket["untaxed"]],
            "tax": {
                tax: [amount * ratio for amount in amounts]
                for tax, amounts in bucket["tax"].items()
            },
        }
        for bucket in buckets
    ]


def tax_set(ids):
    """Return the key of a set of taxes, whatever their order in the settings is.

    >>> tax_set([7, 3])
    (3, 7)
    """
    return tuple(sorted(ids))


def tax_key(tax_data):
    """Return the name of a tax in a bucket; its reverse charge has another one."""
    prefix = "reverse " if tax_data["is_reverse_charge"] else ""
    return f"{prefix}{tax_data['tax'].id}"


def untaxed(details, suffix):
    """Return the untaxed amount of tax details, in one of the two currencies."""
    return details[f"total_excluded{suffix}"] + details[f"delta_total_excluded{suffix}"]


def _empty_bucket(taxes, account, line, rate):
    return {
        "taxes": list(taxes),
        "account": account,
        "line": line,
        "rate": rate,
        "untaxed": [0.0, 0.0],
        "tax": {},
    }


def _common_rate(rate, other):
    is_same = rate and other and abs(rate - other) <= 1e-9 * abs(rate)
    return rate if is_same else None


def _is_zero(bucket, currencies):
    # What is nothing in the one currency may be a cent in the other.
    return all(
        currency.is_zero(amount)
        for amounts in (bucket["untaxed"], *bucket["tax"].values())
        for amount, currency in zip(amounts, currencies, strict=False)
    )


def _net(bucket):
    return bucket["untaxed"][DOCUMENT]


def _rounded(amounts, currencies):
    return [
        # Adding 0.0 turns -0.0 into 0.0.
        currency.round(amount) + 0.0
        for amount, currency in zip(amounts, currencies, strict=True)
    ]


def _sum_lines(base_lines):
    buckets = make_buckets([{**line, "account_id": None} for line in base_lines])
    return buckets[0] if buckets else None


def _deduct_bucket(base_lines, bucket, company):
    """Return (what is left of the lines, what is too much) for one set of taxes."""
    currency = base_lines[0]["currency_id"]
    whole = _sum_lines(base_lines)
    left = currency.round(_net(whole) - _net(bucket))
    if left * _net(whole) <= 0:
        nothing = _scale(base_lines, whole, 0.0, dict.fromkeys(whole["tax"], 0.0))
        over = {**bucket, "untaxed": _minus(bucket["untaxed"], whole["untaxed"])}
        over["rate"] = _common_rate(bucket["rate"], whole["rate"])
        over["tax"] = {
            tax: _minus(amounts, whole["tax"].get(tax, [0.0] * 4))
            for tax, amounts in bucket["tax"].items()
        }
        currencies = (currency, company.currency_id)
        return nothing, merge_buckets([over], *currencies)
    taxes = {
        tax: currency.round(
            amounts[DOCUMENT] - bucket["tax"].get(tax, [0.0])[DOCUMENT]
            if _is_same_rate(whole, bucket, tax, currency, len(base_lines))
            # The rate changed in between: what is left is taxed at the new one.
            else amounts[DOCUMENT] * left / _net(whole)
        )
        for tax, amounts in whole["tax"].items()
    }
    return _scale(base_lines, whole, left, taxes), []


def _is_same_rate(whole, bucket, tax, currency, line_count):
    expected = whole["tax"][tax][DOCUMENT] * _net(bucket) / (_net(whole) or 1.0)
    found = bucket["tax"].get(tax, [0.0])[DOCUMENT]
    # Each line may have been rounded by itself.
    return abs(expected - found) <= (line_count + 2) * currency.rounding


def _minus(amounts, others):
    return [amount - other for amount, other in zip(amounts, others, strict=True)]


def _scale(base_lines, whole, left, left_taxes):
    """Return base lines that add up to ``left`` and ``left_taxes``."""
    currency = base_lines[0]["currency_id"]
    before = [untaxed(line["tax_details"], "_currency") for line in base_lines]
    after = _share_out(left, before, currency)
    result = []
    for base_line, old, new in zip(base_lines, before, after, strict=True):
        ratio = new / old if old else 0.0 if not left else 1.0
        details = base_line["tax_details"]
        result.append(
            {
                **base_line,
                "price_unit": base_line["price_unit"] * ratio,
                "tax_details": {
                    **details,
                    "total_excluded_currency": new,
                    "delta_total_excluded_currency": 0.0,
                    "total_excluded": untaxed(details, "") * ratio,
                    "delta_total_excluded": 0.0,
                    "taxes_data": [
                        _scale_tax(tax_data, ratio)
                        for tax_data in details["taxes_data"]
                    ],
                },
            }
        )
    for tax, amount in left_taxes.items():
        _set_tax(result, tax, amount, whole["tax"][tax][DOCUMENT])
    for line in result:
        details = line["tax_details"]
        for suffix in SUFFIXES:
            details[f"total_included{suffix}"] = untaxed(details, suffix) + sum(
                tax_data[f"tax_amount{suffix}"] for tax_data in details["taxes_data"]
            )
    return result


def _scale_tax(tax_data, ratio):
    scaled = dict(tax_data)
    for suffix in SUFFIXES:
        for name in ("tax_amount", "base_amount"):
            scaled[f"{name}{suffix}"] = tax_data[f"{name}{suffix}"] * ratio
    return scaled


def _set_tax(base_lines, tax, amount, whole):
    """Make one tax of the lines add up to ``amount``, also in company currency."""
    rows = [
        tax_data
        for line in base_lines
        for tax_data in line["tax_details"]["taxes_data"]
        if tax_key(tax_data) == tax
    ]
    currency = base_lines[0]["currency_id"]
    before = [tax_data["tax_amount_currency"] for tax_data in rows]
    rate = base_lines[0]["rate"] or 1.0
    for tax_data, old, new in zip(
        rows, before, _share_out(amount, before, currency), strict=True
    ):
        tax_data["tax_amount_currency"] = new
        if old:
            tax_data["tax_amount"] *= new / old
        else:
            tax_data["tax_amount"] = new / rate


def _share_out(amount, parts, currency):
    """Split an amount in proportion to other amounts, in whole smallest units."""
    units = [round(part / currency.rounding) for part in parts]
    total = sum(units)
    if not total:
        weights = [Fraction(1)] + [Fraction(0)] * (len(units) - 1)
    else:
        weights = [Fraction(unit, total) for unit in units]
    shares = Apportioner(weights).split(round(amount / currency.rounding))
    return [currency.round(share * currency.rounding) for share in shares]
