"""What differs between two versions of an order's terms, line by line."""

from typing import Any, NamedTuple

from .terms import canonical_json

# What a line or a payment is recognised by in the other version, the surest first.
_LINE_KEYS = (
    canonical_json,
    lambda line: (line["kind"], line["product"], line["name"]),
    lambda line: (line["kind"], line["product"]) if line["product"] else None,
    lambda line: (line["kind"], line["name"]),
    lambda line: line["kind"] if line["kind"] != "product" else None,
)
_PAYMENT_KEYS = (
    canonical_json,
    lambda payment: (payment["kind"], payment["name"]),
    lambda payment: payment["kind"],
)
# What is compared by itself, and not as one value.
_PARTS = ("lines", "schedule", "recurrence")
# What the other changes lead to comes last, as a document adds it up.
_TOTALS = ("amount_untaxed", "amount_tax", "amount_total")


class TermsChange(NamedTuple):
    """One difference between two versions.

    ``what`` is the name of the term that differs, as in the terms (``price_unit``,
    ``due``, ``amount_total``). ``line`` and ``payment`` stand for a whole one that was
    added (``old`` is None) or removed (``new`` is None), ``line_order`` and
    ``payment_order`` for another order of those that stayed. ``where`` is the name of
    the line or payment, empty for a term of the order itself.
    """

    what: str
    old: Any
    new: Any
    where: str = ""


def compare_terms(old, new):
    """Return what differs between two versions of the terms of an order.

    Lines and payments carry no identity, so each is paired with the one most like it:
    the same content, then the same product and text, the same product, the same text.
    No difference is returned if, and only if, both versions have the same hash.

    :param dict old: the earlier terms, parsed from their canonical JSON
    :param dict new: the later terms
    :return: list of :class:`TermsChange`: lines, payments, then the order's own terms

    >>> line = {"kind": "product", "product": 7, "name": "Support",
    ...         "quantity": "1.00", "price_unit": "10.000000", "taxes": [1]}
    >>> dearer = {**line, "price_unit": "10.010000"}
    >>> old = {"lines": [line], "amount_total": "10.00"}
    >>> for change in compare_terms(old, {"lines": [dearer], "amount_total": "10.01"}):
    ...     print(*change[:3], change.where or "the order")
    price_unit 10.000000 10.010000 Support
    amount_total 10.00 10.01 the order
    >>> compare_terms(old, old)
    []

    A line that was added, one that was removed:

    >>> note = {**line, "kind": "line_note", "product": 0, "name": "By phone"}
    >>> [(change.what, change.old, change.where) for change in
    ...  compare_terms(old, {**old, "lines": [note, line]})]
    [('line', None, 'By phone')]
    >>> [(change.what, change.new, change.where) for change in
    ...  compare_terms({**old, "lines": [note, line]}, old)]
    [('line', None, 'By phone')]

    The same lines in another order:

    >>> swapped = {**old, "lines": [line, note]}
    >>> [(change.what, change.old, change.new) for change in
    ...  compare_terms(swapped, {**old, "lines": [note, line]})]
    [('line_order', ['Support', 'By phone'], ['By phone', 'Support'])]
    """
    return [
        *_compare_lists("line", old.get("lines"), new.get("lines"), _LINE_KEYS),
        *_compare_lists(
            "payment", old.get("schedule"), new.get("schedule"), _PAYMENT_KEYS
        ),
        *_compare_values(old.get("recurrence") or {}, new.get("recurrence") or {}),
        *_compare_values(_without_parts(old), _without_parts(new)),
    ]


def _compare_lists(what, old, new, keys):
    """Compare two lists of lines or payments; ``what`` names one of them."""
    old, new = old or [], new or []
    pairs = _pair(old, new, keys)
    paired_old = {i for i, _j in pairs}
    paired_new = {j for _i, j in pairs}
    changes = []
    for i, j in sorted(pairs, key=lambda pair: pair[1]):
        changes += _compare_values(old[i], new[j], where=new[j]["name"])
    for j, item in enumerate(new):
        if j not in paired_new:
            changes.append(TermsChange(what, None, item, item["name"]))
    for i, item in enumerate(old):
        if i not in paired_old:
            changes.append(TermsChange(what, item, None, item["name"]))
    after = [j for _i, j in sorted(pairs)]
    if after != sorted(after):
        changes.append(
            TermsChange(
                f"{what}_order",
                [new[j]["name"] for j in after],
                [new[j]["name"] for j in sorted(after)],
            )
        )
    return changes


def _pair(old, new, keys):
    """Return pairs of positions (old, new) of what is the same line or payment.

    >>> _pair(["a", "b", "b"], ["b", "x", "b"], [str])
    [(1, 0), (2, 2)]
    """
    pairs = []
    left_old, left_new = list(range(len(old))), list(range(len(new)))
    for key in keys:
        candidates = {}
        for j in left_new:
            candidates.setdefault(key(new[j]), []).append(j)
        for i in list(left_old):
            identity = key(old[i])
            if identity is not None and candidates.get(identity):
                j = candidates[identity].pop(0)
                pairs.append((i, j))
                left_old.remove(i)
                left_new.remove(j)
    return pairs


def _compare_values(old, new, where=""):
    """Compare two dicts of terms name by name, in the order of the newer one.

    >>> _compare_values({"a": 1, "b": 2}, {"b": 3})
    [TermsChange(what='b', old=2, new=3, where=''), \
TermsChange(what='a', old=1, new=None, where='')]
    """
    return [
        TermsChange(name, old.get(name), new.get(name), where)
        for name in [*new, *(name for name in old if name not in new)]
        if old.get(name) != new.get(name)
    ]


def _without_parts(terms):
    """Return the order's own terms, its totals last.

    >>> list(_without_parts({"amount_total": 2, "amount_untaxed": 1, "currency": 3}))
    ['currency', 'amount_untaxed', 'amount_total']
    """
    own = {
        name: value
        for name, value in terms.items()
        if name not in _PARTS and name not in _TOTALS
    }
    return own | {name: terms[name] for name in _TOTALS if name in terms}
