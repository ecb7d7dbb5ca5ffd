"""
Clients from npm, each run by node in its own process.
"""

import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from hashlib import sha256
from pathlib import Path

from tests.functional.support import PATIENCE, alone, private_folder, require, require_program

_PROGRAMS = Path(__file__).with_name("node")


@cache
def node_folder() -> Path:
    """
    Return a folder with the programs and their packages, created once for all tests of this user.

    It is filled from npm's own cache if that has every package; otherwise from the registry.
    """
    npm = require_program("npm")
    programs = sorted(path for path in _PROGRAMS.iterdir() if path.is_file())
    digest = sha256(b"".join(path.read_bytes() for path in programs)).hexdigest()[:16]
    with alone("node"):
        base = private_folder(f"node-{digest}")
        folder = base / "node"
        if not (base / "is-complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            for path in programs:
                shutil.copy(path, folder)
            command = [npm, "ci", "--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund"]
            done = subprocess.run(
                command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
            what = f"the npm packages for tests/functional/node ({done.stdout})"
            require(done.returncode == 0, what)
            (base / "is-complete").touch()
    return folder


class NodeClient:
    """
    A running program from the folder ``node``.

    :ivar opened: How many times its stream was opened.
    :ivar heard: The id and the data of each event.
    :ivar complaints: Everything else that it printed.
    """

    def __init__(self, name: str, url: str, token: str = "") -> None:
        self.opened = 0
        self.heard: list[tuple[str, str]] = []
        self.complaints: list[str] = []
        self._rest = b""
        self._process = subprocess.Popen(
            [require_program("node"), f"{name}.mjs", url, token],
            cwd=node_folder(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def wait_for_opened(self, expected: int) -> None:
        """
        Wait until its stream was opened this many times.
        """
        self._wait(lambda: self.opened >= expected, f"opened {expected} times")

    def wait_for_heard(self, expected: int) -> None:
        """
        Wait until it has received this many events.
        """
        self._wait(lambda: len(self.heard) >= expected, f"heard {expected}")

    def wait_for_complaint(self, expected: str) -> None:
        """
        Wait until it has printed a line that is not about an event.
        """
        self._wait(lambda: any(expected in one for one in self.complaints), expected)

    def read(self, patience: float = 0) -> None:
        """
        Read the lines that it has printed, or prints within some seconds.
        """
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], patience)[0]:
            return
        some = os.read(self._process.stdout.fileno(), 65536)
        if not some:
            raise AssertionError(f"the client has ended: {self.complaints}")
        *lines, self._rest = (self._rest + some).split(b"\n")
        for line in lines:
            self._take(line.decode())

    def close(self) -> None:
        """
        Kill it.
        """
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _take(self, line: str) -> None:
        said = json.loads(line) if line.startswith("{") and line.endswith("}") else {}
        if "opened" in said:
            self.opened += 1
        elif "data" in said:
            self.heard.append((said["id"], said["data"]))
        else:
            self.complaints.append(line)

    def _wait(self, is_so: object, what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not is_so():
            if time.monotonic() > deadline:
                raise AssertionError(
                    f"not {what}: opened {self.opened} times, heard {self.heard}, "
                    f"said {self.complaints}"
                )
            self.read(0.05)


@contextmanager
def node_client(name: str, url: str, token: str = "") -> Iterator[NodeClient]:
    """
    Run a client, and kill it at the end.
    """
    client = NodeClient(name, url, token)
    try:
        yield client
    finally:
        client.close()
