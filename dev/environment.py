"""Where each part of the development environment is, and how a process finds it.

This module is read before the virtual environment exists, so it needs nothing but
the standard library. Nothing else in ``dev/`` spells a path of the cache.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ADDON = "order_invoice_cycle"
ADDON_PATH = ROOT / ADDON
ODOO_SERIES = (19, 0)

CACHE = Path(os.environ.get("CYCLE_CACHE") or ROOT / ".cache").resolve()
DOWNLOADS = CACHE / "downloads"
VENV = CACHE / "venv"
PYTHON = VENV / "bin" / "python"
BIN = CACHE / "bin"
LOGS = CACHE / "logs"
RUN = CACHE / "run"
DATA = CACHE / "data"
SCREENSHOTS = CACHE / "screenshots"
ODOO_TREE = CACHE / "odoo"
ODOO_BUILD = ODOO_TREE / "BUILD"
LIBRARY_TREE = CACHE / "libraries"


class EnvironmentProblem(Exception):
    """Something the user has to mend; its text is a sentence for the terminal."""


def odoo_home() -> Path:
    """Return the folder that holds the Python package ``odoo``."""
    if own := os.environ.get("ODOO_HOME"):
        return Path(own).expanduser().resolve()
    return ODOO_TREE / "usr" / "lib" / "python3" / "dist-packages"


def odoo_version(home: Path | None = None) -> tuple[int, ...]:
    """Return the version that Odoo's source names, such as ``(19, 0, 0)``."""
    release = (home or odoo_home()) / "odoo" / "release.py"
    try:
        match = re.search(r"^version_info = \(([\d, ]+)", release.read_text(), re.M)
    except FileNotFoundError:
        raise EnvironmentProblem(
            f"No Odoo in {home or odoo_home()}: ODOO_HOME has to be the folder that "
            "holds the Python package 'odoo'."
        ) from None
    return tuple(int(part) for part in match[1].split(",") if part.strip())


def odoo_build() -> str:
    """Return what tells one build of Odoo from another: package version or commit."""
    if not os.environ.get("ODOO_HOME"):
        return ODOO_BUILD.read_text().strip()
    git = ["git", "-C", str(odoo_home()), "rev-parse", "HEAD"]
    commit = subprocess.run(git, capture_output=True, text=True).stdout.strip()
    return commit or str(odoo_version())


def check_odoo_home() -> None:
    """Refuse an Odoo of another series."""
    version = odoo_version()
    if version[:2] != ODOO_SERIES:
        found = ".".join(map(str, version[:2]))
        raise EnvironmentProblem(f"{odoo_home()} is Odoo {found}; 19.0 is needed.")


def addons_path() -> list[Path]:
    """Return the addons folders: Odoo's own, the user's own, and this checkout.

    A git checkout of Odoo has most addons in ``addons/`` beside the package; the
    Debian package has all of them inside it, and incomplete copies beside it.
    """
    home = odoo_home()
    paths = [home / "odoo" / "addons"]
    if not (paths[0] / "web").is_dir():
        paths.append(home / "addons")
    extra = os.environ.get("CYCLE_EXTRA_ADDONS", "")
    paths += [Path(path).resolve() for path in extra.split(",") if path.strip()]
    return [*paths, ROOT]


def odoo_file(path: str) -> Path | None:
    """Return the file of an addon, such as ``web/static/lib/x.js``, if it is there."""
    candidates = (folder / path for folder in addons_path())
    return next((file for file in candidates if file.is_file()), None)


def odoo_command(*arguments: str) -> list[str]:
    """Return the command line that runs Odoo with the given arguments."""
    return [str(PYTHON), "-m", "odoo", *arguments]


def process_env(**extra: str) -> dict[str, str]:
    """Return the environment of a process of ours: Odoo, a test, a tool.

    Settings of Odoo that the user has in the shell (``ODOO_*``) are left out: they
    would win over the configuration file. ``PG*`` is kept: it says where the
    database is.
    """
    env = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("ODOO_") and name != "PGDATABASE"
    }
    env["PATH"] = os.pathsep.join([str(BIN), str(VENV / "bin"), env.get("PATH", "")])
    env["PYTHONPATH"] = str(odoo_home())
    env["PYTHONUNBUFFERED"] = "1"
    env["LC_ALL"] = "C.UTF-8"
    env["TZ"] = "UTC"
    env.update(extra)
    return env


def fingerprint(*parts: object) -> str:
    """Return a short hash of the given parts."""
    text = "\0".join(str(part) for part in parts)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def folder_outside() -> Path:
    """Return a folder for what cannot lie in the cache because of its path."""
    return Path("/var/tmp") / f"order-cycle-{os.getuid()}-{fingerprint(CACHE)}"


def reexec_in_venv(module: str, arguments: list[str]) -> None:
    """Replace this process by the module, run by the virtual environment's Python."""
    os.chdir(ROOT)
    sys.stdout.flush()
    os.execv(PYTHON, [str(PYTHON), "-m", module, *arguments])
