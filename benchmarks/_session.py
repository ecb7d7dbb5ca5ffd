"""
A session: the server of one subject with its subscribers, and measurements of both.
"""

import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from . import _processes
from ._load import Failed, Load, Received
from ._publisher import Order
from ._setup import EVERYBODY, Setup
from ._subjects import Start, Subject
from ._workshop import Workshop

#: Subscribers that connect first, and events to them, before anything is counted: they make the
#: server load everything that it loads late.
WARM_UP = 10

#: Seconds until a server must listen.
_START = 20.0

#: Seconds after which the server has sent all of an event that no subscriber reads.
_FLUSHED = 0.25

#: Seconds between two samples of the memory.
_LOOK = 0.05


@dataclass(frozen=True, slots=True)
class Took:
    """
    :ivar seconds: Time until the task was done.
    :ivar cpu: CPU seconds that the server used in this time.
    """

    seconds: float
    cpu: float


@dataclass(slots=True)
class Peak:
    """
    The highest resident memory so far, in bytes.
    """

    bytes: int


class Session:
    """
    A new server with its idle subscribers.

    :param heartbeat: Seconds between heartbeats, if the setup has them.
    :param patience: Seconds that a single step may take.
    :ivar heartbeat: Seconds; 0 for never.
    :ivar subscribers: Number of subscribers.
    :ivar connected: Cost of connecting them, without the first few, which only warm the server up.
    :ivar port: Where the server listens.
    :ivar pid: Process id of the server.
    """

    def __init__(
        self,
        subject: Subject,
        workshop: Workshop,
        setup: Setup,
        *,
        heartbeat: int = 0,
        patience: float,
    ) -> None:
        self.subscribers = setup.subscribers
        self.heartbeat = heartbeat if setup.has_heartbeat else 0
        self._setup = setup
        self._subject = subject
        self._published = 0
        self._folder = Path(tempfile.mkdtemp(prefix="benchmark-"))
        self._load: Load | None = None
        self._log = (self._folder / "log").open("wb")
        self.port = _free_port()
        cores = _processes.usable_cores()
        start = Start(self.port, self._folder, self.heartbeat, setup.threads, setup.log_bytes)
        self._server = _processes.start(
            subject.command(workshop, start),
            cores=cores if setup.threads else cores[:1],
            log=self._log,
        )
        self.pid = self._server.pid
        try:
            self._wait_until_it_listens()
            self._load = Load(
                workshop.folder / "load", self.port, core=cores[-1], log=self._log,
                patience=patience,
            )  # fmt: skip
            self._load.open(WARM_UP, setup.path)
            self.publish(Order(WARM_UP, 100, topics=WARM_UP if setup.path != EVERYBODY else 0))
            self._memory = self.memory
            took = self._stopwatch()
            self._load.open(setup.subscribers - WARM_UP, setup.path)
            self.connected = took()
        except BaseException:
            self.close()
            raise

    def publish(self, order: Order) -> tuple[Received, float]:
        """
        Publish, and wait until every event has been received.

        :returns: The reception, and the CPU seconds that the server used.
        :raises Failed: If an event did not arrive in time.
        """
        assert self._load is not None
        if order.topics:
            self._load.expect_in_all(order.count)
        else:
            self._load.expect(order.count)
        took = self._stopwatch()
        self._order(order)
        received = self._load.received(order.seconds)
        return received, took().cpu

    def publish_unread(self, order: Order) -> tuple[Received, float]:
        """
        Publish to subscribers that do not read before everything has been sent.  An event counts as
        received when the kernel has taken it from the server.

        :returns: As :meth:`publish`.
        """
        assert self._load is not None
        self._load.hold()
        self._load.expect(order.count)
        took = self._stopwatch()
        self._order(order)
        time.sleep(order.seconds + _FLUSHED)
        cpu = took().cpu
        self._load.read()
        return self._load.received(), cpu

    def replay(self, subscribers: int, back: int) -> tuple[int, Took]:
        """
        Connect more subscribers with a cursor some events back, and wait until they have received
        these events.

        :returns: Number of events that they received in all, and the cost.
        """
        assert self._load is not None
        deliveries = subscribers * back
        cursor = self._subject.cursor(self._published - back)
        self._load.expect_in_all(deliveries)
        took = self._stopwatch()
        self._load.open(subscribers, self._setup.path, cursor)
        self._load.received()
        return deliveries, took()

    def connect(self, subscribers: int) -> Took:
        """
        Connect this many more subscribers.
        """
        assert self._load is not None
        took = self._stopwatch()
        self._load.open(subscribers, self._setup.path)
        return took()

    def mute(self, subscribers: int) -> None:
        """
        Connect this many more subscribers that never read.
        """
        assert self._load is not None
        self._load.mute(subscribers, self._setup.path)

    def idle(self, seconds: float) -> float:
        """
        Do nothing, and return the CPU seconds that the server used in this time.
        """
        took = self._stopwatch()
        time.sleep(seconds)
        return took().cpu

    @property
    def memory(self) -> int:
        """
        Resident bytes of the server.
        """
        return _processes.memory(self.pid)

    @property
    def memory_each(self) -> float:
        """
        Resident bytes that each subscriber has added to the server so far.
        """
        return (self.memory - self._memory) / (self.subscribers - WARM_UP)

    @contextmanager
    def watch_memory(self) -> Iterator[Peak]:
        """
        Sample the memory until the block is left.
        """
        peak = Peak(self.memory)
        is_over = threading.Event()

        def look() -> None:
            while not is_over.wait(_LOOK):
                peak.bytes = max(peak.bytes, self.memory)

        thread = threading.Thread(target=look)
        thread.start()
        try:
            yield peak
        finally:
            is_over.set()
            thread.join()

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

    def _order(self, order: Order) -> None:
        self._subject.publisher.publish(self.port, order)
        self._published += order.count

    def _stopwatch(self) -> Callable[[], Took]:
        """
        Return a function that returns the cost since this call.
        """
        cpu, began = _processes.cpu(self.pid), time.monotonic()
        return lambda: Took(time.monotonic() - began, _processes.cpu(self.pid) - cpu)

    def _wait_until_it_listens(self) -> None:
        deadline = time.monotonic() + _START
        while time.monotonic() < deadline and self._server.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
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
