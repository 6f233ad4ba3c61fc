"""Check that no committed file tells of one machine, or holds a secret."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator

from ..environment import ROOT

PATTERNS = {
    "a path of somebody's machine": re.compile(
        rf"(?<![\w.])/(?:root|home/\w+|Users/\w+)/|{re.escape(str(ROOT))}\b"
    ),
    "the host of a package registry": re.compile(
        r"\b(?:pypi|pythonhosted|npmjs|(?:deb|ftp|security|snapshot)\.debian)"
        r"\.(?:org|com|net)\b"
    ),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY"),
    "an access key": re.compile(r"\b(?:AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36})\b"),
    "a password or token": re.compile(
        r"(?i)\b(?:password|passwd|secret|token|api_key)\b"
        r"\s*[:=]\s*[\"'][A-Za-z0-9+/_=-]{16,}[\"']"
    ),
}


def problems() -> Iterator[str]:
    """Yield each finding, as ``file:line: what``."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in sorted(filter(None, listed.split("\0"))):
        file = ROOT / name
        if file.is_file() and not file.is_symlink():
            yield from _problems_of(name, file.read_bytes())


def _problems_of(name: str, content: bytes) -> Iterator[str]:
    """Yield the findings of one file; binary files are not looked at."""
    if b"\0" in content[:8192]:
        return
    for number, line in enumerate(content.decode(errors="replace").splitlines(), 1):
        for what, pattern in PATTERNS.items():
            if pattern.search(line):
                yield f"{name}:{number}: {what}"
