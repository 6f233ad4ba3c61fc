"""Debian packages, fetched and unpacked without installing them.

apt works here on a state of its own (lists, cache, sources) in the project's cache,
so the system's sources and package lists stay as they are and root is not needed.
The mirror is the one that the system itself is set up for, and apt checks Debian's
signatures as always.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Collection
from pathlib import Path

from . import console
from .environment import CACHE, DOWNLOADS, EnvironmentProblem

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
APT = CACHE / "apt"
INDEX_STAMP = APT / "complete"
SUITES = ("sid", "bookworm")
INDEX_AGE = 12 * 3600  # seconds; a mirror drops the files of an older index

_lock = threading.Lock()  # steps of the set-up run side by side

# Hooks of the system's apt clean the system's own folders after an update.
APT_CONF = """\
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
Dir::State "{apt}/state";
Dir::State::status "{apt}/state/status";
Dir::Cache "{apt}/cache";
Dir::Etc::sourcelist "{apt}/sources.list";
Dir::Etc::sourceparts "{apt}/sources.list.d";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Acquire::Languages "none";
Acquire::Retries "3";
APT::Sandbox::User "";
"""


def mirror() -> str:
    """Return the base address of the Debian mirror that this system uses."""
    listed = subprocess.run(
        ["apt-get", "update", "--print-uris"], capture_output=True, text=True
    ).stdout
    found = re.findall(r"^'(\S+?)/dists/([\w.-]+)/InRelease'", listed, re.M)
    known = {*SUITES, "trixie", "forky", "stable", "testing", "unstable"}
    for base, suite in found:
        if suite in known:
            return base
    raise EnvironmentProblem(
        "apt on this system has no Debian mirror among its sources; Odoo comes from "
        "there. Set ODOO_HOME to the folder of an Odoo 19.0 to use your own."
    )


def update() -> None:
    """Fetch the package index of the suites, if the cache holds no fresh one."""
    with _lock:
        base = mirror()
        sources = f"# for {APT}\n" + "".join(
            f"deb [signed-by={KEYRING}] {base} {suite} main\n" for suite in SUITES
        )
        if not _index_is_fresh(sources):
            _fetch_index(sources)


def fetch(packages: dict[str, str], topic: str) -> dict[str, Package]:
    """Download packages, given as name: suite, and return what there now is."""
    with _lock:
        wanted = _described(packages)
    missing = [entry for entry in wanted.values() if not entry.is_downloaded()]
    if missing:
        _download(missing, topic)
    return wanted


def unpack(packages: Collection[Package], target: Path) -> None:
    """Unpack packages into one tree, which appears only when it is complete."""
    partial = target.with_name(target.name + ".part")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for package in packages:
        _run(["dpkg-deb", "--extract", str(package.file), str(partial)])
    versions = (f"{package.name} {package.version}\n" for package in packages)
    (partial / "BUILD").write_text("".join(versions))
    shutil.rmtree(target, ignore_errors=True)
    os.replace(partial, target)


class Package:
    """One version of a package, as the signed index describes it."""

    def __init__(self, stanza: str):
        fields = dict(re.findall(r"^([\w-]+): (.*)$", stanza, re.M))
        self.name = fields["Package"]
        self.version = fields["Version"]
        self.size = int(fields["Size"])
        self.sha256 = fields["SHA256"]
        self.file = DOWNLOADS / f"{self.name}_{self.sha256[:16]}.deb"

    def is_downloaded(self) -> bool:
        """Tell whether the whole file is there: it got its name after the check."""
        return self.file.is_file() and self.file.stat().st_size == self.size

    def accept(self, file: Path) -> None:
        """Move a downloaded file to its place, if it is what the index promises."""
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        if digest != self.sha256:
            file.unlink()
            raise EnvironmentProblem(f"The download of {self.name} is damaged.")
        os.replace(file, self.file)


def _index_is_fresh(sources: str) -> bool:
    """Tell whether the index was fetched completely, from there, not long ago."""
    if not INDEX_STAMP.is_file() or INDEX_STAMP.read_text() != sources:
        return False
    return time.time() - INDEX_STAMP.stat().st_mtime < INDEX_AGE


def _fetch_index(sources: str) -> None:
    """Make apt's state anew and fetch the package index into it."""
    shutil.rmtree(APT, ignore_errors=True)
    for folder in ("state/lists/partial", "cache/archives/partial", "sources.list.d"):
        (APT / folder).mkdir(parents=True)
    (APT / "state" / "status").touch()
    (APT / "apt.conf").write_text(APT_CONF.format(apt=APT))
    (APT / "sources.list").write_text(sources)
    _apt("apt-get", "update", "--error-on=any")
    INDEX_STAMP.write_text(sources)


def _described(packages: dict[str, str]) -> dict[str, Package]:
    """Return what the index says about each package in its suite."""
    names = [f"{name}/{suite}" for name, suite in packages.items()]
    shown = _apt("apt-cache", "show", "--no-all-versions", *names, check=False)
    found = [Package(stanza) for stanza in shown.split("\n\n") if stanza.strip()]
    described = {package.name: package for package in found}
    if missing := set(packages) - set(described):
        raise EnvironmentProblem(
            f"The Debian mirror {mirror()} has no {', '.join(sorted(missing))} in "
            f"{' or '.join(SUITES)}. Set ODOO_HOME to use an Odoo 19.0 of your own."
        )
    return described


def _download(packages: list[Package], topic: str) -> None:
    """Download packages with apt, check them, and put them in their place."""
    folder = DOWNLOADS / f"{topic}.part"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    total = sum(package.size for package in packages)

    def describe() -> str:
        done = sum(file.stat().st_size for file in folder.glob("*.deb"))
        return f"{console.megabytes(done)} of {console.megabytes(total)}"

    console.say(f"downloading {console.megabytes(total)}", topic)
    with console.progress(topic, describe):
        names = [f"{package.name}={package.version}" for package in packages]
        _apt("apt-get", "download", *names, cwd=folder)
    for package in packages:
        (file,) = folder.glob(f"{package.name}_*.deb")
        package.accept(file)
    folder.rmdir()


def _apt(*command: str, cwd: Path | None = None, check: bool = True) -> str:
    """Run a program of apt on the private state and return what it prints."""
    program, *arguments = command
    conf = ["-c", str(APT / "apt.conf")]
    return _run([program, *conf, *arguments], cwd=cwd, check=check)


def _run(command: list[str], cwd: Path | None = None, check: bool = True) -> str:
    """Run a program; its failure is told with the last thing that it said."""
    env = {**os.environ, "LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True)
    if check and done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        problem = "\n".join(said[-5:]) or f"exit code {done.returncode}"
        raise EnvironmentProblem(f"{' '.join(command[:1])} failed: {problem}")
    return done.stdout
