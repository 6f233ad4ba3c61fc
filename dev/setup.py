"""``script/setup``: make sure that everything the other scripts need is there.

Each step has a key that names what it was done for; the keys of the steps done are
kept in the cache, so a later call has nothing to do until a key changes. Steps that
do not need each other run side by side. Only the standard library is used, for this
runs on a bare machine.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import platform
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from . import console, debian, environment, virtualenv
from .environment import BIN, CACHE, LIBRARY_TREE, ODOO_TREE, ROOT, EnvironmentProblem

REQUIREMENTS = ROOT / "dev" / "requirements.txt"
STAMPS = CACHE / "setup.json"

# Odoo is packaged in sid alone. Its fonts and libraries are links into other
# packages, taken from the stable suite where it has the files at the same place.
ODOO_PACKAGES = {
    "odoo-19": "sid",
    "fonts-montserrat": "sid",
    "fonts-font-awesome": "bookworm",
    "fonts-glyphicons-halflings": "bookworm",
    "fonts-inconsolata": "bookworm",
    "fonts-ocr-b": "bookworm",
    "fonts-roboto-unhinted": "bookworm",
    "libjs-jquery": "bookworm",
    "libjs-jquery-form": "bookworm",
    "libjs-underscore": "bookworm",
}

# What wkhtmltopdf links to and a machine without a desktop may lack.
PDF_PACKAGES = dict.fromkeys(
    [
        "fontconfig-config",
        "fonts-dejavu-core",
        "libbrotli1",
        "libbsd0",
        "libexpat1",
        "libfontconfig1",
        "libfreetype6",
        "libmd0",
        "libpng16-16",
        "libx11-6",
        "libxau6",
        "libxcb1",
        "libxdmcp6",
        "libxext6",
        "libxrender1",
        "zlib1g",
    ],
    "bookworm",
)
PDF_WRAPPER = """\
#!/bin/sh
# wkhtmltopdf with the shared libraries and fonts that this system lacks.
export LD_LIBRARY_PATH='{libraries}'
export FONTCONFIG_FILE='{fonts}'
exec '{program}' "$@"
"""
FONTS_CONF = """\
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>/usr/share/fonts</dir>
  <dir>{tree}/usr/share/fonts</dir>
  <cachedir>{cache}</cachedir>
</fontconfig>
"""
BROWSERS = ("google-chrome", "chromium", "chromium-browser", "google-chrome-stable")
NO_BROWSER = (
    "everything is there but Chromium, which only root can install and only the "
    "browser tests need: 'sudo apt-get install chromium', or set CHROME"
)
BROWSER_PACKAGES = ("chromium", "fonts-dejavu-core", "fonts-liberation")


@dataclass
class Step:
    """Something to have: what it depends on, whether it is there, how to get it."""

    name: str
    key: Callable[[], str]
    is_there: Callable[[], bool]
    obtain: Callable[[], None]

    def is_done(self, stamps: dict[str, str]) -> bool:
        """Tell whether it was obtained for the same key and is still there."""
        return stamps.get(self.name) == self.key() and self.is_there()


# -- Odoo ----------------------------------------------------------------------


def odoo_key() -> str:
    """Name the packages that are unpacked."""
    return environment.fingerprint(ODOO_PACKAGES)


def odoo_is_there() -> bool:
    """Tell whether the packages are unpacked, or the user has brought an Odoo."""
    return bool(os.environ.get("ODOO_HOME")) or environment.ODOO_BUILD.is_file()


def obtain_odoo() -> None:
    """Unpack Debian's package of Odoo, unless the user has brought an Odoo."""
    if os.environ.get("ODOO_HOME"):
        return
    console.say("reading the package index", "odoo")
    debian.update()
    packages = debian.fetch(ODOO_PACKAGES, "odoo")
    with console.step("odoo", f"unpacking {packages['odoo-19'].version}"):
        debian.unpack(packages.values(), ODOO_TREE)
    _check_links(environment.odoo_home() / "odoo" / "addons")
    environment.check_odoo_home()


def _check_links(addons: Path) -> None:
    """Refuse links to files of packages that were not unpacked."""
    files = (file for file in addons.glob("*/static/**/*") if file.is_symlink())
    if broken := [str(file) for file in files if not file.exists()]:
        raise EnvironmentProblem(f"Links into a missing package: {', '.join(broken)}")


# -- Python libraries ----------------------------------------------------------


def python_key() -> str:
    """Name the lock file's content and the interpreter."""
    return environment.fingerprint(
        REQUIREMENTS.read_text(), sys.version, sys.base_prefix, environment.VENV
    )


def python_is_there() -> bool:
    """Tell whether there is an interpreter in the virtual environment."""
    return environment.PYTHON.exists()


def obtain_python() -> None:
    """Install the locked libraries."""
    with console.step("python", "installing the Python libraries"):
        virtualenv.create(environment.VENV, REQUIREMENTS, "python")


# -- wkhtmltopdf ---------------------------------------------------------------


def pdf_key() -> str:
    """Name the program that is linked: the system's, or the one of the lock file."""
    own = _on_path("wkhtmltopdf")
    return f"{own} {own.stat().st_mtime}" if own else python_key()


def pdf_is_there() -> bool:
    """Tell whether the program is linked, and not to nowhere."""
    return (BIN / "wkhtmltopdf").exists()


def obtain_pdf() -> None:
    """Link a wkhtmltopdf with patched Qt: others print no header and no footer."""
    own = _on_path("wkhtmltopdf")
    if own and _is_patched(own):
        _link(own, "wkhtmltopdf")
        return
    program = environment.VENV / "bin" / "wkhtmltopdf-pack"
    program.chmod(0o755)
    if _lacks_libraries(program):
        _wrap(program)
    else:
        _link(program, "wkhtmltopdf")
    if not _is_patched(BIN / "wkhtmltopdf"):
        raise EnvironmentProblem(
            f"No wkhtmltopdf for {platform.machine()}: put one on the path whose "
            "'wkhtmltopdf --version' says 'with patched qt'."
        )


def _is_patched(program: Path) -> bool:
    """Tell whether the program runs and was built with the patched Qt."""
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True)
    except OSError:
        return False
    return "with patched qt" in done.stdout


def _lacks_libraries(program: Path) -> bool:
    """Tell whether the system lacks a library or any font for the program."""
    listed = subprocess.run(["ldd", program], capture_output=True, text=True).stdout
    fonts = Path("/usr/share/fonts")
    has_fonts = Path("/etc/fonts/fonts.conf").is_file() and any(fonts.rglob("*.?tf"))
    return "not found" in listed or not has_fonts


def _wrap(program: Path) -> None:
    """Give the program Debian's libraries and fonts, unpacked in the cache."""
    debian.update()
    debian.unpack(debian.fetch(PDF_PACKAGES, "wkhtmltopdf").values(), LIBRARY_TREE)
    folders = LIBRARY_TREE.glob("**/*-linux-gnu")
    conf = LIBRARY_TREE / "fonts.conf"
    conf.write_text(FONTS_CONF.format(tree=LIBRARY_TREE, cache=CACHE / "fontconfig"))
    wrapper = BIN / "wkhtmltopdf"
    _link(program, "wkhtmltopdf")
    wrapper.unlink()
    wrapper.write_text(
        PDF_WRAPPER.format(
            libraries=":".join(str(folder) for folder in folders),
            fonts=conf,
            program=program,
        )
    )
    wrapper.chmod(0o755)


# -- Browser -------------------------------------------------------------------


def browser_key() -> str:
    """Name the browser that the user has brought, if any."""
    return os.environ.get("CHROME", "")


def has_browser() -> bool:
    """Tell whether there is a browser where Odoo's tests look for one."""
    return (BIN / BROWSERS[0]).exists() or any(map(_on_path, BROWSERS))


def browser_is_there() -> bool:
    """Tell whether there is a browser, or nothing that we could do about it."""
    return has_browser() or os.geteuid() != 0


def obtain_browser() -> None:
    """Link the user's browser, or install Debian's, which only root can do."""
    (BIN / BROWSERS[0]).unlink(missing_ok=True)
    if own := os.environ.get("CHROME"):
        program = shutil.which(own)
        if not program:
            raise EnvironmentProblem(f"CHROME is {own}, which cannot be run.")
        _link(Path(program), BROWSERS[0])
    elif not has_browser() and os.geteuid() == 0:
        _install_browser()


def _install_browser() -> None:
    """Install Chromium with the system's package manager."""
    with console.step("chromium", "installing Debian's Chromium"):
        options = ["-y", "--no-install-recommends", "-oDPkg::Lock::Timeout=300"]
        for arguments in (["update"], ["install", *options, *BROWSER_PACKAGES]):
            env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
            command = ["apt-get", "-qq", *arguments]
            done = subprocess.run(command, capture_output=True, text=True, env=env)
        if done.returncode:
            said = done.stderr.strip().splitlines()[-3:]
            raise EnvironmentProblem("\n".join(["Chromium was not installed:", *said]))


# -- Running the steps ---------------------------------------------------------

ODOO = Step("odoo", odoo_key, odoo_is_there, obtain_odoo)
LIBRARIES = Step("python", python_key, python_is_there, obtain_python)
PDF = Step("wkhtmltopdf", pdf_key, pdf_is_there, obtain_pdf)
BROWSER = Step("chromium", browser_key, browser_is_there, obtain_browser)

# Each row is done in its order; the rows are done side by side.
Rows = Sequence[Sequence[Step]]
ROWS: Rows = ([ODOO], [LIBRARIES, PDF], [BROWSER])

_stamps_lock = threading.Lock()


def set_up(rows: Rows = ROWS) -> bool:
    """Obtain what is missing; return whether anything was."""
    check_machine()
    CACHE.mkdir(parents=True, exist_ok=True)
    if CACHE.stat().st_uid != os.geteuid():
        raise EnvironmentProblem(
            f"{CACHE} belongs to another user: remove it, or name another folder in "
            "CYCLE_CACHE."
        )
    if os.environ.get("ODOO_HOME"):
        environment.check_odoo_home()
    if not any(map(_missing, rows)):
        return False
    with _alone():
        with ThreadPoolExecutor(len(rows)) as pool:
            done = [pool.submit(_do_row, row) for row in rows]
        problems = [found for row in done if (found := row.exception())]
    for problem in problems:
        if not isinstance(problem, EnvironmentProblem):
            raise problem
    if problems:
        raise EnvironmentProblem("\n".join(map(str, problems)))
    return True


def check_machine() -> None:
    """Refuse a machine on which nothing of this can work."""
    if sys.version_info < (3, 10):  # noqa: UP036 - the user's Python, not yet ours
        raise EnvironmentProblem("Python 3.10 or newer is needed.")
    if not sys.platform.startswith("linux"):
        raise EnvironmentProblem("The scripts run on Linux, Debian 12 above all.")


def _do_row(row: Sequence[Step]) -> None:
    """Obtain what is missing of one row, and remember it."""
    for step in row:
        if _missing([step]):
            step.obtain()
            _remember(step)


def _missing(row: Sequence[Step]) -> list[Step]:
    """Return the steps of a row that have to be done."""
    stamps = _read_stamps()
    return [step for step in row if not step.is_done(stamps)]


def _read_stamps() -> dict[str, str]:
    """Return the keys of the steps done."""
    try:
        return json.loads(STAMPS.read_text())
    except (FileNotFoundError, ValueError):
        return {}


def _remember(step: Step) -> None:
    """Note that the step is done."""
    with _stamps_lock:
        stamps = _read_stamps() | {step.name: step.key()}
        partial = STAMPS.with_suffix(".part")
        partial.write_text(json.dumps(stamps, indent=2) + "\n")
        os.replace(partial, STAMPS)


@contextmanager
def _alone() -> Iterator[None]:
    """Let one set-up at a time work on the cache."""
    with (CACHE / "setup.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            console.say("waiting for another set-up in the same cache")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _on_path(name: str) -> Path | None:
    """Return the program of that name, looking past our own folder of links."""
    folders = os.environ.get("PATH", "").split(os.pathsep)
    others = os.pathsep.join(folder for folder in folders if folder != str(BIN))
    found = shutil.which(name, path=others)
    return Path(found) if found else None


def _link(program: Path, name: str) -> None:
    """Link a program into our own folder, which is first on the path."""
    BIN.mkdir(parents=True, exist_ok=True)
    partial = BIN / f"{name}.part"
    partial.unlink(missing_ok=True)
    partial.symlink_to(program)
    os.replace(partial, BIN / name)


def main() -> None:
    """Set up, then become the module that was asked for, if any."""
    parser = argparse.ArgumentParser(
        prog="script/setup", description="Install what the other scripts need."
    )
    parser.add_argument("--run", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    os.umask(0o022)  # what root installs here is read by the database server's user
    try:
        if set_up() or not arguments.run:
            console.say("everything is there" if has_browser() else NO_BROWSER)
    except EnvironmentProblem as problem:
        console.fail(f"setup: {problem}")
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    if arguments.run:
        environment.reexec_in_venv(arguments.run[0], arguments.run[1:])


if __name__ == "__main__":
    main()
