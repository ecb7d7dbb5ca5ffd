"""
One subject's server with its subscribers, and measuring what it does.
"""

import shutil
import socket
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from . import _processes
from ._load import Failed, Load, Received
from ._publisher import Order
from ._subjects import Subject, Workshop

#: Subscribers and events before anything is counted, so that what is loaded late has been.
_WARM_UP = 10

#: Seconds that a server may take until it listens.
_START = 20.0


@dataclass(frozen=True, slots=True)
class Connected:
    """
    :ivar seconds: Until all had their response's head.
    :ivar cpu: Seconds that the server used meanwhile.
    """

    seconds: float
    cpu: float


class Session:
    """
    A server, started for this, with as many idle subscribers as were asked for.

    :param heartbeat: Seconds; 0 for never.
    :param patience: Seconds that any one step may take.
    :ivar subscribers: How many there are; the few for warming up are not among them.
    :ivar connected: What it took to connect them.
    :ivar pid: The server's.
    """

    def __init__(
        self,
        subject: Subject,
        workshop: Workshop,
        *,
        subscribers: int,
        heartbeat: int,
        patience: float,
    ) -> None:
        self.subscribers = subscribers
        self.heartbeat = heartbeat
        self._subject = subject
        self._folder = Path(tempfile.mkdtemp(prefix="benchmark-"))
        self._load: Load | None = None
        self._log = (self._folder / "log").open("wb")
        self._port = _free_port()
        server_core, load_core = _processes.cores()
        self._server = _processes.start(
            subject.command(workshop, self._port, heartbeat, self._folder),
            core=server_core,
            log=self._log,
        )
        self.pid = self._server.pid
        try:
            self._wait_until_it_listens()
            self._load = Load(
                workshop.folder / "load", self._port, core=load_core, log=self._log,
                patience=patience,
            )  # fmt: skip
            self._load.open(_WARM_UP)
            self.publish(Order(_WARM_UP, 100))
            self._memory = _processes.memory(self.pid)
            cpu, began = _processes.cpu(self.pid), time.monotonic()
            self._load.open(subscribers)
            self.connected = Connected(time.monotonic() - began, _processes.cpu(self.pid) - cpu)
        except BaseException:
            self.close()
            raise

    def publish(self, order: Order) -> tuple[Received, float]:
        """
        Publish, and wait until everything has been received.

        :returns: How it was received, and the CPU seconds that the server used meanwhile.
        :raises Failed: If not everything came in time.
        """
        assert self._load is not None
        self._load.expect(order.count)
        cpu = _processes.cpu(self.pid)
        self._subject.publisher.publish(self._port, order)
        received = self._load.received()
        return received, _processes.cpu(self.pid) - cpu

    def idle(self, seconds: float) -> float:
        """
        Do nothing, and return the CPU seconds that the server used meanwhile.
        """
        cpu = _processes.cpu(self.pid)
        time.sleep(seconds)
        return _processes.cpu(self.pid) - cpu

    @property
    def memory(self) -> float:
        """
        How many bytes each subscriber has added to the server so far.
        """
        return (_processes.memory(self.pid) - self._memory) / self.subscribers

    def close(self) -> None:
        if self._load is not None:
            self._load.close()
        _processes.end(self._server)
        self._log.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> "Session":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _wait_until_it_listens(self) -> None:
        deadline = time.monotonic() + _START
        while time.monotonic() < deadline and self._server.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self._port), 1).close()
                return
            except OSError:
                time.sleep(0.02)
        self._log.flush()
        lines = (self._folder / "log").read_text(errors="replace").splitlines() or ["no output"]
        raise Failed(f"does not listen: {lines[-1]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
