"""Where axe-core comes from, with which the browser tests check accessibility."""

from __future__ import annotations

from pathlib import Path

from ..environment import CACHE, fingerprint
from ..lint import tools
from ..setup import Step

FOLDER = Path(__file__).parent
TARGET = CACHE / "accessibility"
AXE = TARGET / "node_modules" / "axe-core" / "axe.min.js"
FILES = {
    FOLDER / "package.json": "package.json",
    FOLDER / "package-lock.json": "package-lock.json",
    tools.FOLDER / "npmrc": ".npmrc",
}


def _key() -> str:
    """Name the content of the files that npm reads."""
    return fingerprint(tools.python_key(), *(file.read_text() for file in FILES))


def _obtain() -> None:
    """Install axe-core."""
    tools.install_packages("accessibility", "installing axe-core", FILES, TARGET)


STEP = Step("axe-core", _key, AXE.is_file, _obtain)
# npm comes with the linters.
ROWS = ([tools.PYTHON_LINTERS, STEP],)
