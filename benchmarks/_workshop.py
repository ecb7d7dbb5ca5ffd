"""
A workshop: compiles and installs the software that is not in the repository.
"""

import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_HERE = Path(__file__).parent

#: The default folder.
FOLDER = Path(tempfile.gettempdir()) / "ssetwist-benchmarks"

#: Seconds that an installation may take.
_PATIENCE = 300.0


@dataclass(frozen=True, slots=True)
class Workshop:
    """
    The folder that they are installed and compiled in.
    """

    folder: Path

    @property
    def python(self) -> Path:
        """
        The interpreter of the virtual environment that has the peers in Python.
        """
        return self.folder / "venv/bin/python"

    @property
    def better_sse(self) -> Path:
        return self.folder / "npm/node_modules/better-sse/build/index.mjs"

    def has(self, package: str) -> bool:
        """
        Return true if this environment has a package.
        """
        return any(self.folder.glob(f"venv/lib/python*/site-packages/{package}"))


def build(workshop: Workshop) -> None:
    """
    Compile the load, and the loop in C.

    :raises SystemExit: If there is no compiler, or it fails.
    """
    workshop.folder.mkdir(parents=True, exist_ok=True)
    for source in (_HERE / "load.c", _HERE / "subjects/c_loop.c"):
        program = workshop.folder / source.stem
        try:
            subprocess.run(
                ["cc", "-O2", "-Wall", "-o", program, source], check=True, timeout=_PATIENCE
            )
        except (OSError, subprocess.CalledProcessError) as error:
            raise SystemExit(f"{source.name} could not be compiled: {error}") from error


def install(workshop: Workshop) -> None:
    """
    Install the peers, each with its usual client.  Report a peer that cannot be installed, and
    leave it out.
    """
    _try([*_pip(workshop), "aiohttp-sse", "sse-starlette", "uvicorn", "py-spy"])
    if shutil.which("npm"):
        _try(["npm", "install", "--silent", "--prefix", workshop.folder / "npm", "better-sse"])
    if shutil.which("apt-get"):
        _try(["apt-get", "update", "-qq"])
        _try(["apt-get", "install", "-qq", "-y", "nginx-light", "libnginx-mod-nchan"])


def install_readers(workshop: Workshop) -> None:
    """
    Install the clients that our parser is compared with, in the same way.
    """
    for package in ("httpx-sse", "sseclient-py", "aiohttp-sse-client"):
        _try([*_pip(workshop), package])


def _pip(workshop: Workshop) -> list["str | Path"]:
    if not workshop.python.exists():
        venv.create(workshop.folder / "venv", with_pip=True)
    return [workshop.python, "-m", "pip", "install", "-q"]


def _try(command: Sequence["str | Path"]) -> None:
    try:
        subprocess.run(command, check=True, timeout=_PATIENCE, stdout=subprocess.DEVNULL)
    except (OSError, subprocess.SubprocessError) as error:
        print(f"not installed: {error}", file=sys.stderr)
