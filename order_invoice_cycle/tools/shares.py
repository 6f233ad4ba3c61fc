"""Shares of an order: its rounded tax base lines, split exactly.

The tax engine of Odoo computes and rounds; this only decides which instalment gets
which cent, so that every instalment and every tax rate adds up.
"""

from .schedule import Apportioner

DIGITS = {"_currency": "currency_id", "": "company_currency"}


def split_base_lines(account_tax, base_lines, company, weights, digits):
    """Split rounded base lines into one list of base lines per weight.

    ``account.tax._split_base_line`` would round each order line by itself, and an
    equal plan over three lines could differ by three cents; here what one line
    rounds up, the next gives back (see :class:`~.schedule.Apportioner`).

    :param account_tax: the model ``account.tax``
    :param list base_lines: base lines with rounded tax details
    :param company: the ``res.company`` they belong to
    :param list weights: exact fractions that add up to 1
    :param int digits: decimal places of an invoice line's unit price
    :return: for each weight, a list of base lines with fixed tax amounts
    """
    target_factors = [{"factor": float(weight)} for weight in weights]

    def populate(base_line, _target_factor, kwargs):
        # One piece of the whole line: the agreed quantity and discount are in it.
        price = kwargs["price_unit"] * base_line["quantity"]
        price *= 1 - base_line["discount"] / 100
        kwargs.update(price_unit=round(price, digits), quantity=1.0, discount=0.0)

    pieces = [
        account_tax._split_base_line(base_line, company, target_factors, populate)
        for base_line in base_lines
    ]
    for suffix in DIGITS:
        _apportion(base_lines, pieces, company, weights, suffix)
    shares = [list(share) for share in zip(*pieces, strict=True)]
    for share in shares:
        for piece in share:
            if not piece["tax_details"]["taxes_data"]:
                # Without a tax there is nothing to pin the amount to but the price.
                piece["price_unit"] = piece["tax_details"]["total_excluded_currency"]
        account_tax._fix_base_lines_tax_details_on_manual_tax_amounts(share, company)
    return shares


def base_line_amounts(base_line):
    """Return (untaxed, tax) of a base line in its document's currency."""
    details = base_line["tax_details"]
    untaxed = (
        details["total_excluded_currency"] + details["delta_total_excluded_currency"]
    )
    return untaxed, sum(tax["tax_amount_currency"] for tax in details["taxes_data"])


def _apportion(base_lines, pieces, company, weights, suffix):
    """Overwrite the rounded amounts of the pieces, in one of the two currencies."""
    apportioner = Apportioner(weights)
    order = sorted(
        range(len(base_lines)), key=lambda index: base_lines[index]["tax_ids"].ids
    )
    for index in order:
        currency = company.currency_id if not suffix else None
        currency = currency or base_lines[index]["currency_id"]
        details = base_lines[index]["tax_details"]
        total = (
            details[f"total_excluded{suffix}"]
            + details[f"delta_total_excluded{suffix}"]
        )
        for piece, amount in zip(
            pieces[index], _split(apportioner, total, currency), strict=True
        ):
            piece["tax_details"][f"total_excluded{suffix}"] = amount
            piece["tax_details"][f"delta_total_excluded{suffix}"] = 0.0
    for index in order:
        base_line = base_lines[index]
        currency = base_line["currency_id"] if suffix else company.currency_id
        details = base_line["tax_details"]
        for position, tax_data in enumerate(details["taxes_data"]):
            taxes = _split(apportioner, tax_data[f"tax_amount{suffix}"], currency)
            for piece, amount in zip(pieces[index], taxes, strict=True):
                piece_data = piece["tax_details"]["taxes_data"][position]
                piece_data[f"tax_amount{suffix}"] = amount
                if currency.is_zero(
                    tax_data[f"base_amount{suffix}"]
                    - details[f"total_excluded{suffix}"]
                    - details[f"delta_total_excluded{suffix}"]
                ):
                    piece_data[f"base_amount{suffix}"] = piece["tax_details"][
                        f"total_excluded{suffix}"
                    ]
        for piece in pieces[index]:
            piece["tax_details"][f"total_included{suffix}"] = piece["tax_details"][
                f"total_excluded{suffix}"
            ] + sum(
                tax[f"tax_amount{suffix}"]
                for tax in piece["tax_details"]["taxes_data"]
            )


def _split(apportioner, amount, currency):
    units = round(amount / currency.rounding)
    return [
        currency.round(part * currency.rounding) for part in apportioner.split(units)
    ]
