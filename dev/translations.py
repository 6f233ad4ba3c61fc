"""``script/translations``: the addon's template of texts, and what is translated of it.

Odoo exports the texts of an installed addon; here the order of the entries and their
places in the source are kept, but not the moment of the export, so that the files
change only when a text does. A translation keeps what it has of texts that stayed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from . import console, database, environment, odoo_process, postgres
from .environment import ADDON, ADDON_PATH, LOGS, RUN, EnvironmentProblem

FOLDER = ADDON_PATH / "i18n"
TEMPLATE = FOLDER / f"{ADDON}.pot"
# What an export says about itself instead of about the texts.
MOMENTS = ("POT-Creation-Date", "PO-Revision-Date")


def export() -> str:
    """Return the present template of texts, as the content of its file."""
    import polib  # of the virtual environment

    clone = f"{database.PREFIX}translations"
    exported = RUN / f"{clone}.pot"
    database.create_template(clone)
    try:
        odoo_process.run(
            clone,
            "export",
            "--languages=pot",
            f"--output={exported}",
            ADDON,
            log=LOGS / f"{clone}.log",
            command="i18n",
        )
    finally:
        database.drop(clone)
    texts = polib.pofile(str(exported), wrapwidth=78)
    exported.unlink()
    for moment in MOMENTS:
        texts.metadata.pop(moment, None)
    return _format(texts)


def update(content: str) -> None:
    """Write the template, and take its texts over into each translation."""
    import polib

    FOLDER.mkdir(exist_ok=True)
    TEMPLATE.write_text(content)
    template = polib.pofile(str(TEMPLATE), wrapwidth=78)
    for file in sorted(FOLDER.glob("*.po")):
        translation = polib.pofile(str(file), wrapwidth=78)
        translation.merge(template)
        for entry in translation.obsolete_entries():
            translation.remove(entry)
        for entry in translation:
            # A guess from a similar text is no translation.
            if "fuzzy" in entry.flags:
                entry.flags.remove("fuzzy")
                entry.msgstr = ""
        file.write_text(_format(translation))
        share = translation.percent_translated()
        console.say(f"{file.name}: {share} % translated", "translations")


def _format(texts) -> str:
    """Return the content of a file of texts, in the format that the linters want."""
    texts.sort(key=lambda entry: entry.msgid)
    for entry in texts:
        if entry.msgid == entry.msgstr:
            entry.msgstr = ""
    return str(texts)


def check(content: str) -> None:
    """Refuse a template that does not have the present texts."""
    if not TEMPLATE.is_file() or TEMPLATE.read_text() != content:
        raise EnvironmentProblem(
            f"{_relative(TEMPLATE)} is out of date; script/translations writes it anew."
        )


def _relative(file: Path) -> Path:
    return file.relative_to(environment.ROOT)


def main() -> None:
    """Read the command line, then write the files or compare them."""
    parser = argparse.ArgumentParser(
        prog="script/translations", description="Write the addon's texts to i18n/."
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing; exit with 1 if the template is out of date",
    )
    arguments = parser.parse_args()
    try:
        with postgres.running():
            content = export()
        if arguments.check:
            check(content)
        else:
            update(content)
    except EnvironmentProblem as problem:
        console.fail(f"script/translations: {problem}")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
