"""
Subjects that are measured: the command that starts each, and the software that it needs.
"""

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ._publisher import ByOrder, EventByEvent, Publisher
from ._versions import of_npm, of_peer, of_this, packaged, said_by
from ._workshop import Workshop

_HERE = Path(__file__).parent
_NCHAN = "/usr/lib/nginx/modules/ngx_nchan_module.so"

Command = list["str | Path"]


@dataclass(frozen=True, slots=True)
class Start:
    """
    Settings that a server is started with.

    :ivar folder: An empty folder for this server.
    :ivar heartbeat: Seconds; 0 for never.
    :ivar threads: Number of threads that may send; 0 leaves it to the server.  Only for servers
        with the ability ``threads``.
    :ivar log_bytes: Bytes that its event log may hold; 0 leaves it to the server.
    """

    port: int
    folder: Path
    heartbeat: int
    threads: int = 0
    log_bytes: int = 0


_Commander = Callable[[Workshop, Start], Command]


@dataclass(frozen=True, slots=True)
class Subject:
    """
    :ivar command: Returns the command that starts it.
    :ivar versions: Returns the versions of its software, in words.
    :ivar missing: Returns the name of the software that is not installed, or an empty string.
    :ivar abilities: Things that not all subjects can do: ``topics``, ``private``, ``unread``,
        ``threads``, ``replay``.
    :ivar cursor: Returns the id of an event by its number, for subjects with the ability
        ``replay``.
    """

    name: str
    command: _Commander
    versions: Callable[[Workshop], str]
    missing: Callable[[Workshop], str] = lambda workshop: ""
    publisher: Publisher = field(default_factory=ByOrder)
    abilities: frozenset[str] = frozenset()
    cursor: Callable[[int], str] = str


def _python(module: str) -> _Commander:
    def command(workshop: Workshop, start: Start) -> Command:
        script = f"benchmarks.subjects.{module}"
        return [sys.executable, "-m", script, str(start.port), str(start.heartbeat)]

    return command


def _peer(module: str) -> _Commander:
    def command(workshop: Workshop, start: Start) -> Command:
        return [workshop.python, *_python(module)(workshop, start)[1:]]

    return command


def _ssetwist(workshop: Workshop, start: Start) -> Command:
    command = _python("ssetwist_hub")(workshop, start)
    if start.threads:
        command += ["--threads", str(start.threads)]
    if start.log_bytes:
        command += ["--log-bytes", str(start.log_bytes)]
    return command


def _c(workshop: Workshop, start: Start) -> Command:
    return [workshop.folder / "c_loop", str(start.port)]


def _node(workshop: Workshop, start: Start) -> Command:
    return ["node", _HERE / "subjects/node_loop.mjs", str(start.port), str(start.heartbeat)]


def _better_sse(workshop: Workshop, start: Start) -> Command:
    script = _HERE / "subjects/better_sse.mjs"
    return ["node", script, str(start.port), str(start.heartbeat), workshop.better_sse]


def _nchan(workshop: Workshop, start: Start) -> Command:
    is_root = os.geteuid() == 0
    text = (_HERE / "subjects/nginx.conf").read_text()
    for name, value in {
        # nchan is a module; the package's own configuration is not read, so this one loads it.
        "MODULE": f"load_module {_NCHAN};" + (" user root;" if is_root else ""),
        "FOLDER": str(start.folder),
        "PORT": str(start.port),
        "HEARTBEAT": f"{start.heartbeat}s",
    }.items():
        text = text.replace(f"@{name}@", value)
    configuration = start.folder / "nginx.conf"
    configuration.write_text(text)
    return ["nginx", "-p", start.folder, "-c", configuration]


def _needs_nchan(workshop: Workshop) -> str:
    return "" if shutil.which("nginx") and Path(_NCHAN).exists() else "nginx with nchan"


def _needs_node(workshop: Workshop) -> str:
    return "" if shutil.which("node") else "node"


def _needs_better_sse(workshop: Workshop) -> str:
    return _needs_node(workshop) or ("" if workshop.better_sse.exists() else "better-sse")


SUBJECTS = (
    Subject(
        "ssetwist",
        _ssetwist,
        of_this("ssetwist", "Twisted"),
        abilities=frozenset({"topics", "private", "unread", "threads", "replay"}),
        cursor=lambda number: f"#x.{number}",  # the epoch that ssetwist_hub.py chooses
    ),
    Subject("c-loop", _c, said_by("cc", "--version")),
    Subject(
        "nchan",
        _nchan,
        packaged("nginx-light", "libnginx-mod-nchan"),
        _needs_nchan,
        EventByEvent(),
        abilities=frozenset({"topics"}),
    ),
    Subject("node", _node, said_by("node", "--version"), _needs_node),
    Subject("better-sse", _better_sse, of_npm("better-sse"), _needs_better_sse),
    Subject("twisted-loop", _python("twisted_loop"), of_this("Twisted")),
    Subject(
        "aiohttp-sse",
        _peer("aiohttp_sse_app"),
        of_peer("aiohttp-sse", "aiohttp"),
        lambda workshop: "" if workshop.has("aiohttp_sse") else "aiohttp-sse",
    ),
    Subject(
        "sse-starlette",
        _peer("sse_starlette_app"),
        of_peer("sse-starlette", "starlette", "uvicorn"),
        lambda workshop: "" if workshop.has("sse_starlette") else "sse-starlette",
    ),
)
