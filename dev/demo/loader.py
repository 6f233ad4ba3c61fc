"""Spreadsheet files into the database, by Odoo's own import and all or nothing.

A file that has one wrong cell is refused as a whole, with the row and the column as
the spreadsheet shows them and the reason in Odoo's words.
"""

from __future__ import annotations

import csv
import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class ImportRefused(Exception):
    """Nothing of a file was imported; ``problems`` says where it is wrong."""

    def __init__(self, name: str, problems: list[str]):
        super().__init__(f"{name} was not imported:\n" + "\n".join(problems))
        self.problems = problems


class Sheet(NamedTuple):
    """A file's header and its rows of text; the first row below the header is 2."""

    name: str
    header: list[str]
    rows: list[list[str]]

    def cells(self, column: str) -> Iterator[tuple[int, str]]:
        """Return the index and the text of each cell of a column that has a text."""
        position = self.header.index(column)
        for index, row in enumerate(self.rows):
            if row[position]:
                yield index, row[position]

    def change(self, row: int, column: str, text: str) -> Sheet:
        """Return a copy with another text in one cell; ``row`` is the sheet's row."""
        rows = [list(cells) for cells in self.rows]
        rows[row - 2][self.header.index(column)] = text
        return self._replace(rows=rows)


def read(file: Path) -> Sheet:
    """Read a file of comma-separated values in UTF-8."""
    with file.open(newline="", encoding="utf-8-sig") as stream:
        header, *rows = csv.reader(stream)
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise ImportRefused(
                file.name,
                [f"row {number}: has {len(row)} cells, the header has {len(header)}"],
            )
    return Sheet(file.name, header, rows)


def move_dates(sheet: Sheet, days: int) -> Sheet:
    """Return a copy with every date moved by some days; a 31st stays a 31st.

    What is no date is left alone: the import refuses it in its own words.
    """
    rows = [list(row) for row in sheet.rows]
    for column in (name for name in sheet.header if "date" in name):
        position = sheet.header.index(column)
        for index, text in sheet.cells(column):
            try:
                date = datetime.date.fromisoformat(text)
            except ValueError:
                continue
            rows[index][position] = move_date(date, days).isoformat()
    return sheet._replace(rows=rows)


def move_date(date: datetime.date, days: int) -> datetime.date:
    """Return the date some days later; for a 31st, the next 31st from there on.

    >>> move_date(datetime.date(2026, 3, 30), 30)
    datetime.date(2026, 4, 29)
    >>> move_date(datetime.date(2026, 3, 31), 30)
    datetime.date(2026, 5, 31)
    """
    moved = date + datetime.timedelta(days=days)
    while date.day == 31 and moved.day != 31:
        moved += datetime.timedelta(days=1)
    return moved


def load(model, sheet: Sheet) -> list[int]:
    """Import a sheet into a model, as the web client's dialog does.

    :param model: the recordset of an Odoo model, with the user who imports
    :return: the ids of the records, in the file's order
    :raise ImportRefused: when anything is wrong; then nothing was imported
    """
    result = model.with_context(import_file=True).load(sheet.header, sheet.rows)
    if result["messages"] or not result["ids"]:
        messages = _get_causes(result["messages"])
        raise ImportRefused(
            sheet.name, [describe(message, sheet) for message in messages]
        )
    return result["ids"]


def _get_causes(messages: list[dict]) -> list[dict]:
    """Leave out what only follows from something else.

    A cell that cannot be read leaves its field empty, about which the constraints of
    its order then complain; and what a constraint says of one order, Odoo says of the
    file's first order as well.
    """
    if named := [message for message in messages if message.get("field")]:
        return named
    later = {message["message"] for message in messages[1:]}
    return [m for m in messages[:1] if m["message"] not in later] + messages[1:]


def describe(message: dict, sheet: Sheet) -> str:
    """Return a message of Odoo's import as "row N, column X: reason"."""
    rows = message.get("rows")
    if not rows:
        return message["message"]
    first, last = rows["from"], rows["to"]
    path = message.get("field_path") or [message.get("field") or ""]
    columns = [name for name in sheet.header if _is_under(name, path)]
    found = _find_cell(message, sheet, range(first, last + 1), columns)
    if found:
        row, column = found
        return f"row {row + 2}, column {column}: {message['message']}"
    where = f"row {first + 2}" if first == last else f"rows {first + 2} to {last + 2}"
    return f"{where}: {message['message']}"


def _is_under(column: str, path: list[str]) -> bool:
    """Tell whether a column belongs to the field at the path."""
    return column.split("/")[: len(path)] == path


def _find_cell(
    message: dict, sheet: Sheet, rows: range, columns: list[str]
) -> tuple[int, str] | None:
    """Return the row and the column of the cell that a message is about.

    Odoo names the record's rows and its field; a record with lines has several of
    both, and the cell is then the one whose text the message quotes.
    """
    if len(columns) == 1 and len(rows) == 1:
        return rows[0], columns[0]
    quoted = [
        (len(text), -row, column)
        for column in columns
        for row, text in sheet.cells(column)
        if row in rows and text in message["message"]
    ]
    if quoted:
        _length, row, column = max(quoted)
        return -row, column
    return (rows[0], columns[0]) if len(columns) == 1 else None
