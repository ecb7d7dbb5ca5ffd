"""
Who is measured: how each is started, and what it needs that may not be installed.
"""

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ._publisher import ByOrder, EventByEvent, Publisher

_HERE = Path(__file__).parent
_NCHAN = "/usr/lib/nginx/modules/ngx_nchan_module.so"

Command = list["str | Path"]


@dataclass(frozen=True, slots=True)
class Workshop:
    """
    Where things are installed and compiled that are not in the repository.
    """

    folder: Path

    @property
    def python(self) -> Path:
        """
        The interpreter of the virtual environment with the peers in Python.
        """
        return self.folder / "venv/bin/python"

    @property
    def better_sse(self) -> Path:
        return self.folder / "npm/node_modules/better-sse/build/index.mjs"

    def has(self, package: str) -> bool:
        """
        Tell whether that environment has a package.
        """
        return any(self.folder.glob(f"venv/lib/python*/site-packages/{package}"))


@dataclass(frozen=True, slots=True)
class Subject:
    """
    :ivar command: From the workshop, a port, the heartbeat in seconds (0 for never) and a folder
        of its own to how it is started.
    :ivar missing: What is not installed, or an empty string.
    """

    name: str
    command: Callable[[Workshop, int, int, Path], Command]
    missing: Callable[[Workshop], str] = field(default=lambda workshop: "")
    publisher: Publisher = field(default_factory=ByOrder)


def _python(module: str) -> Callable[[Workshop, int, int, Path], Command]:
    def command(workshop: Workshop, port: int, heartbeat: int, folder: Path) -> Command:
        return [sys.executable, "-m", f"benchmarks.subjects.{module}", str(port), str(heartbeat)]

    return command


def _peer(module: str) -> Callable[[Workshop, int, int, Path], Command]:
    def command(workshop: Workshop, port: int, heartbeat: int, folder: Path) -> Command:
        return [workshop.python, *_python(module)(workshop, port, heartbeat, folder)[1:]]

    return command


def _c(workshop: Workshop, port: int, heartbeat: int, folder: Path) -> Command:
    return [workshop.folder / "c_loop", str(port)]


def _node(workshop: Workshop, port: int, heartbeat: int, folder: Path) -> Command:
    return ["node", _HERE / "subjects/node_loop.mjs", str(port), str(heartbeat)]


def _better_sse(workshop: Workshop, port: int, heartbeat: int, folder: Path) -> Command:
    script = _HERE / "subjects/better_sse.mjs"
    return ["node", script, str(port), str(heartbeat), workshop.better_sse]


def _nchan(workshop: Workshop, port: int, heartbeat: int, folder: Path) -> Command:
    is_root = os.geteuid() == 0
    text = (_HERE / "subjects/nginx.conf").read_text()
    for name, value in {
        # It is linked in where the package's own configuration does not load it.
        "MODULE": f"load_module {_NCHAN};" + (" user root;" if is_root else ""),
        "FOLDER": str(folder),
        "PORT": str(port),
        "HEARTBEAT": f"{heartbeat}s",
    }.items():
        text = text.replace(f"@{name}@", value)
    (folder / "nginx.conf").write_text(text)
    return ["nginx", "-p", folder, "-c", folder / "nginx.conf"]


def _needs_nchan(workshop: Workshop) -> str:
    return "" if shutil.which("nginx") and Path(_NCHAN).exists() else "nginx with nchan"


def _needs_node(workshop: Workshop) -> str:
    return "" if shutil.which("node") else "node"


def _needs_better_sse(workshop: Workshop) -> str:
    return _needs_node(workshop) or ("" if workshop.better_sse.exists() else "better-sse")


SUBJECTS = (
    Subject("ssetwist", _python("ssetwist_hub")),
    Subject("c-loop", _c),
    Subject("nchan", _nchan, _needs_nchan, EventByEvent()),
    Subject("node", _node, _needs_node),
    Subject("better-sse", _better_sse, _needs_better_sse),
    Subject("twisted-loop", _python("twisted_loop")),
    Subject(
        "aiohttp-sse",
        _peer("aiohttp_sse_app"),
        lambda workshop: "" if workshop.has("aiohttp_sse") else "aiohttp-sse",
    ),
    Subject(
        "sse-starlette",
        _peer("sse_starlette_app"),
        lambda workshop: "" if workshop.has("sse_starlette") else "sse-starlette",
    ),
)
