"""
Versions that are measured, read from the installed software, so that this list is always true.
"""

import json
import subprocess
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version

from ._workshop import Workshop

#: A function from a workshop to versions in words.
Versions = Callable[[Workshop], str]

_UNKNOWN = "version unknown"

#: A program that prints the version of each distribution in its arguments.
_ASK = """
import sys, importlib.metadata as installed
print(", ".join(f"{name} {installed.version(name)}" for name in sys.argv[1:]))
"""


def of_this(*distributions: str) -> Versions:
    """
    Return the versions of distributions in this environment.
    """

    def versions(workshop: Workshop) -> str:
        try:
            return ", ".join(f"{name} {version(name)}" for name in distributions)
        except PackageNotFoundError:
            return _UNKNOWN

    return versions


def of_peer(*distributions: str) -> Versions:
    """
    Return the versions of distributions in the peers' environment.
    """
    return lambda workshop: _said([str(workshop.python), "-c", _ASK, *distributions])


def of_npm(package: str) -> Versions:
    def versions(workshop: Workshop) -> str:
        path = workshop.folder / "npm/node_modules" / package / "package.json"
        return f"{package} {json.loads(path.read_text())['version']}"

    return versions


def packaged(*packages: str) -> Versions:
    """
    Return the versions of Debian's packages.
    """
    form = "--showformat=${Package} ${Version}, "
    return lambda workshop: _said(["dpkg-query", "--show", form, *packages]).rstrip(", ")


def said_by(*command: str) -> Versions:
    """
    Return the first line that a command prints.
    """
    return lambda workshop: _said(list(command))


def _said(command: list[str]) -> str:
    try:
        output = subprocess.run(command, capture_output=True, text=True, timeout=20).stdout
    except (OSError, subprocess.SubprocessError):
        return _UNKNOWN
    return (output.strip() or _UNKNOWN).splitlines()[0]
