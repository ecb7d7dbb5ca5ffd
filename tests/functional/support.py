"""
Real parts for tests: a hub as a process, sockets, and a way to skip tests if a part is missing.
"""

import fcntl
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from unittest import SkipTest
from urllib.request import urlopen

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.application.service import IServiceMaker
from twisted.internet.task import deferLater
from twisted.plugin import getPlugins

from tests.functional.forked import ROOT, ForkedProcess
from tests.patience import PATIENCE, wait_until

__all__ = ["PATIENCE", "ROOT", "wait_until"]  # also for the tests in this folder


def require(is_there: object, what: str) -> None:
    """
    Skip the test if a program or another part is missing, and name this part; fail in CI.
    """
    if not is_there:
        if os.environ.get("CI"):
            raise AssertionError(f"{what} is missing, and in CI nothing may be skipped")
        raise SkipTest(f"{what} is missing")


def require_program(name: str) -> str:
    """
    Return the path of a program, or skip the test.
    """
    path = shutil.which(name)
    require(path, f"the program {name}")
    assert path is not None
    return path


def private_folder(name: str) -> Path:
    """
    Return a folder that the processes of all tests share, but no other user; create it if
    necessary.
    """
    folder = Path(tempfile.gettempdir(), f"ssetwist-tests-{os.getuid()}-{name}")
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise AssertionError(f"{folder} belongs to somebody else")
    return folder


@contextmanager
def alone(name: str) -> Iterator[None]:
    """
    Hold a lock with this name, which the processes of all tests share.
    """
    with open(private_folder("locks") / name, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@cache
def write_plugin_cache() -> None:
    """
    Make Twisted write its cache of plugins once.  Processes that do so at the same time disturb
    each other.
    """
    with alone("plugins"):
        for _ in getPlugins(IServiceMaker):
            pass


async def until(is_so: Callable[[], object], what: str) -> None:
    """
    Run the reactor until a condition is true.
    """
    from twisted.internet import reactor  # imported only when a test needs it

    deadline = reactor.seconds() + PATIENCE
    turns = 0
    while not is_so():
        if reactor.seconds() > deadline:
            raise AssertionError(f"not within {PATIENCE:g} s: {what}")
        turns += 1
        # Most conditions take a turn or two; longer waits leave the machine to other work.
        await deferLater(reactor, 0 if turns < 10 else 0.002)


class HubProcess:
    """
    A running ``twistd ssetwist``.
    """

    def __init__(
        self,
        *options: str,
        reactor: str = "default",
        files: int | None = None,
        launcher: Sequence[str] = (),
    ) -> None:
        """
        :param reactor: The short name of its reactor.
        :param files: The number of files that it may open; by default as many as this process.
        :param launcher: A program that runs it, and the first arguments of this program; by default
            it is forked.
        """
        write_plugin_cache()
        command = ["-n", "--pidfile=", f"--reactor={reactor}", "ssetwist", *options]
        self._output, output = os.pipe()
        self.process: ForkedProcess | subprocess.Popen[bytes]
        with open(output, "wb") as written, open(os.devnull) as nothing:
            if launcher:
                twistd = Path(sys.executable).with_name("twistd")
                self.process = subprocess.Popen(
                    [*launcher, twistd, *command], stdout=written, stderr=written, cwd=ROOT
                )
            else:
                standard = [file.fileno() for file in (nothing, written, written)]
                self.process = ForkedProcess(["twistd", *command], standard, files=files)
        self.log = ""

    def wait_for_address(self) -> None:
        """
        Wait until it listens, and remember its address.
        """
        found = self.wait_for(r"listening on (https?)://([^/]+):(\d+)/")
        self.host, self.port = found[2].strip("[]"), int(found[3])
        self.url = f"{found[1]}://{found[2]}:{self.port}/"

    def wait_for(self, pattern: str, patience: float = PATIENCE) -> re.Match[str]:
        """
        Wait for a text in the log.
        """
        deadline = time.monotonic() + patience
        while (found := re.search(pattern, self.log)) is None:
            remaining = deadline - time.monotonic()
            if remaining <= 0 or not self._read(remaining):
                raise AssertionError(f"{pattern!r} is not in the log:\n{self.log}")
        return found

    def read_log(self) -> str:
        """
        Return all lines of the log so far.
        """
        while self._read(0):
            pass
        return self.log

    def _read(self, patience: float) -> bool:
        if not select.select([self._output], [], [], patience)[0]:
            return False
        some = os.read(self._output, 65536)
        self.log += some.decode()
        return bool(some)

    def descriptors(self) -> int:
        """
        Return the number of descriptors that the process has open.
        """
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def subscribers(self) -> int:
        """
        Return the number of subscribers that it reports.
        """
        with urlopen(self.url + "status", timeout=PATIENCE) as response:
            count: int = json.load(response)["subscribers"]
        return count

    def memory(self) -> int:
        """
        Return the resident memory of the process, in bytes.
        """
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) * 1024

    def connect(self) -> socket.socket:
        """
        Connect to it.
        """
        return socket.create_connection((self.host, self.port), PATIENCE)

    def stop(self, number: int = signal.SIGTERM, patience: float = PATIENCE) -> int:
        """
        Stop it, read the rest of its log and return its exit status.
        """
        self.process.send_signal(number)
        return self.wait(patience)

    def wait(self, patience: float = PATIENCE) -> int:
        """
        Wait until it has ended; return its exit status.
        """
        deadline = time.monotonic() + patience
        # Read while waiting: a full pipe would keep it from ending.
        while (status := self.process.poll()) is None:
            if time.monotonic() > deadline:
                raise AssertionError(f"still running after {patience:g} s:\n{self.read_log()}")
            self._read(0.01)
        while self._read(0):
            pass
        return status

    def close(self) -> None:
        """
        Kill it if it still runs.
        """
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._output)


@contextmanager
def hub(
    *options: str,
    listen: str = "tcp:0:interface=127.0.0.1",
    reactor: str = "default",
    files: int | None = None,
    launcher: Sequence[str] = (),
) -> Iterator[HubProcess]:
    """
    Run a hub, and kill it if it still runs at the end.
    """
    process = HubProcess(
        "--listen", listen, *options, reactor=reactor, files=files, launcher=launcher
    )
    try:
        process.wait_for_address()
        yield process
    finally:
        process.close()


@contextmanager
def free_port() -> Iterator[int]:
    """
    Reserve a port of 127.0.0.1 for hubs that listen on it one after the other.  Other processes
    cannot take it, and while no hub listens, connections are refused.
    """
    with socket.socket() as keeper:
        # With this option another socket may bind the same port, if it has the option as well, as
        # Twisted's sockets do.  This socket never listens.
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keeper.bind(("127.0.0.1", 0))
        yield keeper.getsockname()[1]


def subscribe(process: HubProcess, path: str = "/sse") -> socket.socket:
    """
    Open a stream and wait for its head and first bytes.
    """
    connection = process.connect()
    try:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {process.host}\r\n\r\n".encode())
        read_until(connection, b"retry: ")
    except BaseException:
        connection.close()
        raise
    return connection


def read_until(connection: socket.socket, expected: bytes) -> bytes:
    """
    Read until a text arrives; return everything that was read.
    """
    received = b""
    while expected not in received:
        some = connection.recv(65536)
        if not some:
            raise AssertionError(f"closed before {expected!r}: {received!r}")
        received += some
    return received


def read_to_end(connection: socket.socket) -> bytes:
    """
    Read until the server closes.
    """
    received = b""
    while some := connection.recv(65536):
        received += some
    return received


def make_certificate(folder: Path) -> None:
    """
    Make a certificate for localhost, ``cert.pem`` and ``key.pem``.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "cert.pem").write_bytes(certificate.public_bytes(pem))
    (folder / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
