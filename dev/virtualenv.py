"""The virtual environments: one for Odoo and the tests, one for the linters.

A lock file with hashes says what goes in, wheels only, so no compiler is needed. A
bare Debian has Python without pip: pip then comes from Debian's wheel of it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from . import console, debian
from .environment import CACHE, DOWNLOADS, LOGS, EnvironmentProblem

WHEELS = DOWNLOADS / "wheels"
PIP_TREE = CACHE / "pip"
CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
OPTIONS = [
    "--require-hashes",
    "--no-deps",
    "--only-binary=:all:",
    "--no-cache-dir",
    "--no-input",
    "--progress-bar=off",
    "--disable-pip-version-check",
]


def create(venv: Path, lock: Path, topic: str) -> None:
    """Build the virtual environment anew, with what the lock file lists.

    pip keeps what it downloads, and fetches a file again whose hash is not right.
    """
    shutil.rmtree(venv, ignore_errors=True)
    _run([sys.executable, "-m", "venv", "--without-pip", str(venv)])
    pip = _pip_command(venv / "bin" / "python", topic)
    total = len(re.findall(r"^[\w.-]+==", lock.read_text(), re.M))
    log = LOGS / f"{topic}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("")

    def describe() -> str:
        said = log.read_text(errors="replace")
        fetched = len(re.findall(r"^Collecting ", said, re.M))
        return f"{fetched} of {total} packages" if fetched <= total else "installing"

    with console.progress(topic, describe):
        _pip([*pip, "download", f"--dest={WHEELS}", *OPTIONS, "-r", str(lock)], log)
        source = ["--no-index", f"--find-links={WHEELS}", "--no-compile"]
        _pip([*pip, "install", *source, *OPTIONS, "-r", str(lock)], log)


def _pip(command: list[str], log: Path) -> None:
    """Run pip, whose errors are told and whose talk goes to the log."""
    with log.open("a") as stream:
        done = subprocess.run(command, stdout=stream, stderr=stream, env=_pip_env())
    if done.returncode:
        errors = re.findall(r"^\s*ERROR: .*", log.read_text(errors="replace"), re.M)
        raise EnvironmentProblem("\n".join([*errors, f"pip failed, see {log}"]))


def _pip_command(python: Path, topic: str) -> list[str]:
    """Return a command that runs pip for that interpreter."""
    probe = [str(python), "-c", "import ensurepip"]
    if subprocess.run(probe, capture_output=True).returncode == 0:
        _run([str(python), "-m", "ensurepip", "--default-pip"])
        return [str(python), "-m", "pip"]
    console.say("this Python has no pip, taking Debian's", topic)
    debian.update()
    packages = {"python3-pip-whl": "bookworm", "ca-certificates": "bookworm"}
    debian.unpack(debian.fetch(packages, topic).values(), PIP_TREE)
    (wheel,) = PIP_TREE.glob("usr/share/python-wheels/pip-*.whl")
    return [str(python), str(wheel / "pip")]


def _pip_env() -> dict[str, str]:
    """Return pip's environment; a system without certificates is given Debian's."""
    env = {**os.environ, "PIP_ROOT_USER_ACTION": "ignore"}
    env.pop("PYTHONPATH", None)
    if "PIP_CERT" not in env and not CA_BUNDLE.is_file() and PIP_TREE.is_dir():
        bundle = CACHE / "ca-certificates.crt"
        folder = PIP_TREE / "usr" / "share" / "ca-certificates"
        certificates = sorted(folder.rglob("*.crt"))
        bundle.write_text("".join(file.read_text() for file in certificates))
        env["PIP_CERT"] = str(bundle)
    return env


def _run(command: list[str]) -> None:
    """Run a program; its failure is told with what it said."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise EnvironmentProblem((done.stderr or done.stdout).strip())
