"""Shares of an order: its rounded tax base lines, split exactly.

The tax engine of Odoo computes and rounds; this only decides which payment gets
which cent, so that every payment and every tax adds up to the order.
"""

from .schedule import Apportioner


def split_base_lines(account_tax, base_lines, company, weights, price_digits):
    """Split rounded base lines into one list of base lines per weight.

    ``account.tax._split_base_line`` rounds each order line by itself, so an equal
    plan over three lines could differ by three cents; here what one line rounds up,
    a later one gives back (see :class:`~.schedule.Apportioner`).

    :param account_tax: the model ``account.tax``
    :param list base_lines: base lines with rounded tax details
    :param company: the ``res.company`` they belong to
    :param list weights: exact fractions that add up to 1
    :param int price_digits: decimal places of an invoice line's unit price
    :return: for each weight, a list of base lines with fixed tax amounts
    """

    def make_one_piece(base_line, _target_factor, kwargs):
        # The agreed quantity and discount are in the price of the piece.
        price = kwargs["price_unit"] * base_line["quantity"]
        price *= 1 - base_line["discount"] / 100
        digits = max(price_digits, base_line["currency_id"].decimal_places)
        kwargs.update(price_unit=round(price, digits), quantity=1.0, discount=0.0)

    factors = [{"factor": float(weight)} for weight in weights]
    pieces = [
        account_tax._split_base_line(base_line, company, factors, make_one_piece)
        for base_line in base_lines
    ]
    rows = list(zip(base_lines, pieces, strict=True))
    rows.sort(key=lambda row: row[0]["tax_ids"].ids)
    for suffix in ("_currency", ""):
        _apportion(rows, company, Apportioner(weights), suffix)
    shares = [list(share) for share in zip(*pieces, strict=True)]
    for share in shares:
        for base_line, piece in zip(base_lines, share, strict=True):
            piece["record"] = base_line["record"]
            if not piece["tax_details"]["taxes_data"]:
                # Without a tax there is nothing to fix the amount to but the price.
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


def _apportion(rows, company, apportioner, suffix):
    """Overwrite the rounded amounts of all pieces, in one of the two currencies.

    All untaxed amounts come first, then all taxes: so both the untaxed amount and
    the total of a payment stay within one unit of its exact share.
    """
    for base_line, pieces in rows:
        currency = base_line["currency_id"] if suffix else company.currency_id
        amounts = _split(apportioner, _untaxed(base_line, suffix), currency)
        for piece, amount in zip(pieces, amounts, strict=True):
            piece["tax_details"][f"total_excluded{suffix}"] = amount
            piece["tax_details"][f"delta_total_excluded{suffix}"] = 0.0
    for base_line, pieces in rows:
        currency = base_line["currency_id"] if suffix else company.currency_id
        for position, tax in enumerate(base_line["tax_details"]["taxes_data"]):
            amounts = _split(apportioner, tax[f"tax_amount{suffix}"], currency)
            on_untaxed = currency.is_zero(
                tax[f"base_amount{suffix}"] - _untaxed(base_line, suffix)
            )
            for piece, amount in zip(pieces, amounts, strict=True):
                piece_tax = piece["tax_details"]["taxes_data"][position]
                piece_tax[f"tax_amount{suffix}"] = amount
                if on_untaxed:
                    piece_tax[f"base_amount{suffix}"] = _untaxed(piece, suffix)
        for piece in pieces:
            _set_total_included(piece, suffix)


def _untaxed(base_line, suffix):
    details = base_line["tax_details"]
    return details[f"total_excluded{suffix}"] + details[f"delta_total_excluded{suffix}"]


def _set_total_included(piece, suffix):
    taxes = piece["tax_details"]["taxes_data"]
    piece["tax_details"][f"total_included{suffix}"] = _untaxed(piece, suffix) + sum(
        tax[f"tax_amount{suffix}"] for tax in taxes
    )


def _split(apportioner, amount, currency):
    units = round(amount / currency.rounding)
    return [
        currency.round(part * currency.rounding) for part in apportioner.split(units)
    ]
