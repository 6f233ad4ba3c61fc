"""Databases: create, clone and drop them, and the templates they are cloned from.

Two templates, each made once and kept until what it depends on changes:

- the *base* template has Odoo with the modules that the addon builds on, for a Polish
  company; its name holds a hash of Odoo's version and this module's settings;
- the *addon* template is a clone of it with the addon installed; its name also holds
  a hash of the addon's files that leave something in a database.

A database is more than what PostgreSQL holds: attachments lie in a folder of Odoo's
data directory. Each database has a data directory of its own, in the cache.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2
from psycopg2 import sql

from . import console, environment, odoo_process
from .environment import ADDON, ADDON_PATH, CACHE, DATA, LOGS, RUN

# Of all databases made here: a server of the user's own may serve other checkouts.
PREFIX = f"oic_{environment.fingerprint(CACHE)[:6]}_"
MODULES = (
    "sale_management",
    "account",
    "account_payment",
    "base_vat",
    "l10n_pl",
    "payment_demo",
)

# The chart of a country is loaded for a company that has this country already.
# "payment_demo" ends the list because it needs the company's currency.
INSTALL_MODULES = """
company = env.company
currencies = env["res.currency"].with_context(active_test=False)
currencies.search([("name", "in", ["PLN", "EUR", "CHF"])]).active = True
company.write({{
    "country_id": env.ref("base.pl").id,
    "currency_id": env.ref("base.PLN").id,
}})
modules = env["ir.module.module"].search([("name", "in", {modules!r})])
modules.button_immediate_install()
env.transaction.reset()  # see the models of what was just installed
"""

# Builds of Odoo without its non-free files lack a script of the mail addon, and the
# browser's complaint about it would fail every tour.
DROP_MISSING_SCRIPT = """
env["ir.asset"].create({{
    "name": "Not part of this build of Odoo",
    "bundle": "web.assets_backend",
    "directive": "remove",
    "path": {path!r},
}})
"""
# Twenty seconds that each run of browser tests would need again.
GENERATE_ASSETS = """
env["ir.qweb"]._pregenerate_assets_bundles()
env.cr.commit()
"""
NON_FREE_SCRIPT = "mail/static/lib/selfie_segmentation/selfie_segmentation.js"


# -- Single databases ----------------------------------------------------------


@contextmanager
def connection(name: str = "postgres") -> Iterator[psycopg2.extensions.connection]:
    """Open a connection that commits each statement."""
    opened = psycopg2.connect(dbname=name)
    opened.autocommit = True
    try:
        yield opened
    finally:
        opened.close()


def names(prefix: str = PREFIX) -> list[str]:
    """Return the databases whose name begins so."""
    with connection() as opened, opened.cursor() as cursor:
        cursor.execute(
            "SELECT datname FROM pg_database WHERE starts_with(datname, %s) ORDER BY 1",
            [prefix],
        )
        return [name for (name,) in cursor.fetchall()]


def exists(name: str) -> bool:
    """Tell whether there is such a database."""
    return name in names(name)


def drop(name: str) -> None:
    """Remove a database, its data directory and configurations, if there are any."""
    _execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)
    shutil.rmtree(DATA / name, ignore_errors=True)
    for file in RUN.glob(f"{name}-*.conf"):
        file.unlink()


def clone(source: str, target: str) -> None:
    """Make a database as the copy of another one, in place of what had its name."""
    drop(target)
    with connection() as opened:
        # Copying the files beats writing each page to the log, since PostgreSQL 15.
        strategy = " STRATEGY FILE_COPY" if opened.server_version >= 150000 else ""
    _execute("CREATE DATABASE {} TEMPLATE {}" + strategy, target, source)
    _copy_attachments(source, target)


def rename(source: str, target: str) -> None:
    """Give a database another name."""
    _execute("ALTER DATABASE {} RENAME TO {}", source, target)
    shutil.rmtree(DATA / target, ignore_errors=True)
    if (DATA / source).is_dir():
        os.replace(DATA / source, DATA / target)
        _filestore(target).parent.mkdir(exist_ok=True)
        if (DATA / target / "filestore" / source).is_dir():
            os.replace(DATA / target / "filestore" / source, _filestore(target))


def _filestore(name: str) -> Path:
    """Return the folder of a database's attachments."""
    return DATA / name / "filestore" / name


def _copy_attachments(source: str, target: str) -> None:
    """Link the files of one database into the other: Odoo never changes a file."""
    if _filestore(source).is_dir():
        shutil.copytree(_filestore(source), _filestore(target), copy_function=os.link)


def _execute(statement: str, *identifiers: str) -> None:
    """Execute a statement on databases."""
    with connection() as opened, opened.cursor() as cursor:
        cursor.execute(sql.SQL(statement).format(*map(sql.Identifier, identifiers)))


# -- Templates -----------------------------------------------------------------


def create_template(name: str, demo: bool = False) -> None:
    """Create a database with the addon installed, in place of what had its name.

    ``demo`` adds the demo data of Odoo and of the addon.
    """
    with _alone():
        clone(_addon_template(demo), name)


def base_template(demo: bool = False) -> str:
    """Return the name of the template without the addon, making it if need be."""
    with _alone():
        return _base_template(demo)


def addon_template(demo: bool = False) -> str:
    """Return the name of the template with the addon, making it if need be."""
    with _alone():
        return _addon_template(demo)


def install_log(template: str) -> Path:
    """Return the log of the installation that made a template."""
    return LOGS / f"{template}.log"


def _is_complete(template: str) -> bool:
    """Tell whether all that belongs to a template is there, files included."""
    files = install_log(template).is_file() and _filestore(template).is_dir()
    return files and exists(template)


def _base_template(demo: bool) -> str:
    kind = "base_demo_" if demo else "base_"
    name = f"{PREFIX}{kind}{_base_fingerprint()}"
    if not _is_complete(name):
        log = install_log(name)
        with _installing(log, f"Odoo ({', '.join(MODULES)})"):
            _drop_others(f"{PREFIX}{kind}")
            with _in_the_making(name) as making:
                _install_base(making, log, demo)
    return name


def _addon_template(demo: bool) -> str:
    base = _base_template(demo)
    kind = "addon_demo_" if demo else "addon_"
    name = f"{PREFIX}{kind}{environment.fingerprint(base, addon_fingerprint())}"
    if not _is_complete(name):
        log = install_log(name)
        with _installing(log, ADDON):
            _drop_others(f"{PREFIX}{kind}")
            with _in_the_making(name) as making:
                clone(base, making)
                options = {"with_demo": demo}
                arguments = ["--init", ADDON, "--stop-after-init", "--no-http"]
                odoo_process.run(making, *arguments, log=log, options=options)
                _check_installed(making, log)
    return name


@contextmanager
def _installing(log: Path, what: str) -> Iterator[None]:
    """Say what is installed, and how far Odoo's log says that it is."""

    def describe() -> str:
        said = log.read_text(errors="replace") if log.is_file() else ""
        found = re.findall(r"Loading module (\w+) \((\d+/\d+)\)", said)
        return "{}, module {}".format(*found[-1]) if found else ""

    log.unlink(missing_ok=True)
    with console.step("database", f"installing {what}"):
        with console.progress("database", describe, every=5):
            yield


def _install_base(name: str, log: Path, demo: bool) -> None:
    """Install Odoo and the modules that the addon builds on."""
    arguments = ["--init", "base", "--stop-after-init", "--no-http"]
    odoo_process.run(name, *arguments, log=log, options={"with_demo": demo})
    script = INSTALL_MODULES.format(modules=MODULES)
    if not environment.odoo_file(NON_FREE_SCRIPT):
        script += DROP_MISSING_SCRIPT.format(path=NON_FREE_SCRIPT)
    odoo_process.shell(name, script + GENERATE_ASSETS, log=log)


def _check_installed(name: str, log: Path) -> None:
    """Refuse a database whose addon did not get installed: Odoo only logs that."""
    with connection(name) as opened, opened.cursor() as cursor:
        cursor.execute("SELECT state FROM ir_module_module WHERE name = %s", [ADDON])
        found = cursor.fetchone()
    if found != ("installed",):
        said = log.read_text(errors="replace")[-3000:]
        raise environment.EnvironmentProblem(
            f"{ADDON} was not installed, see {log}:\n{said}"
        )


def addon_fingerprint() -> str:
    """Return a hash of the addon's files that leave something in a database."""
    digest = hashlib.sha256()
    for file in sorted(ADDON_PATH.rglob("*")):
        path = file.relative_to(ADDON_PATH)
        if file.suffix in {".py", ".xml", ".csv"} and path.parts[0] not in (
            "static",
            "tests",
        ):
            digest.update(f"{path}\0".encode() + file.read_bytes())
    return digest.hexdigest()


def _base_fingerprint() -> str:
    """Return a hash of what the base template depends on."""
    return environment.fingerprint(
        environment.odoo_home(),
        environment.odoo_build(),
        MODULES,
        INSTALL_MODULES,
        DROP_MISSING_SCRIPT,
        GENERATE_ASSETS,
    )


@contextmanager
def _in_the_making(name: str) -> Iterator[str]:
    """Give a database its name only once it is complete."""
    making = f"{PREFIX}making_{name.removeprefix(PREFIX)}"
    drop(making)
    try:
        yield making
        drop(name)
        rename(making, name)
    finally:
        if exists(making):
            drop(making)


def _drop_others(prefix: str) -> None:
    """Remove the outdated templates of one kind."""
    for name in names(prefix):
        if not name.removeprefix(prefix).startswith("demo_"):
            drop(name)


@contextmanager
def _alone() -> Iterator[None]:
    """Let one command at a time make or copy templates."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "templates.lock").open("w") as lock:
        began = time.monotonic()
        fcntl.flock(lock, fcntl.LOCK_EX)
        if time.monotonic() - began > 1:
            console.say("waited for another command that makes a template", "database")
        yield
