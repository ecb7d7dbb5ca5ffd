"""
From options to a running hub: options -> one frozen :class:`HubConfig` -> :class:`HubService`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from ipaddress import ip_address
from itertools import count
from typing import Any

from twisted.application.service import Service
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IListeningPort, IStreamServerEndpoint
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from .errors import CannotListen
from .eventstream import Event
from .hub import (
    DEFAULT_HEARTBEAT,
    DEFAULT_RETRY,
    DEFAULT_STALL_TIMEOUT,
    Hub,
    Rules,
    UnknownCursor,
    WhenBehind,
)
from .log import DEFAULT_MAX_AGE, DEFAULT_MAX_BYTES, DEFAULT_MAX_COUNT, MemoryLog
from .web import EventStreamResource, Site, console

_log = Logger()

#: Only this machine can connect, until somebody asks for more.
DEFAULT_LISTEN = ("tcp:8080:interface=127.0.0.1",)

#: How many connections may wait to be accepted, unless the endpoint says otherwise.  Twisted's 50
#: overflows when all come back at once after a restart.  The kernel caps it (net.core.somaxconn).
BACKLOG = 4096

#: The part of the drain time-out after which those who do not read are cut, so that the process is
#: gone within the whole of it.
_DRAIN_PART = 0.9

#: No time is longer than a day, in seconds.
_DAY = 86400.0

#: How short each may be, in seconds, and whether it may be 0 for never.  Shorter ones would keep
#: the process busy with nothing else.
_LEAST_SECONDS = {
    "heartbeat": (0.1, True),
    "retry": (0.0, True),
    "tick": (0.001, True),
    "stall_timeout": (0.1, False),
    "drain_timeout": (0.0, True),
    "lifetime": (1.0, True),
    "log_age": (1.0, False),
}

#: How many threads may send.
_MOST_THREADS = 64


@dataclass(frozen=True, slots=True)
class HubConfig:
    """
    All that a :class:`HubService` can be told.  All times are in seconds.

    :ivar listen: Twisted endpoint strings.
    :ivar heartbeat: Silence until a comment is sent; 0 for never.
    :ivar retry: After what time a client that lost its stream comes back.
    :ivar tick: Between the events of the demonstration; 0 for none.
    :ivar max_subscribers: 0 for as many as come.
    :ivar max_per_address: 0 for as many as come.
    :ivar stall_timeout: Without progress, until a client that is behind is cut.
    :ivar drain_timeout: Until a server that stops has cut those who do not read.
    :ivar lifetime: Until a stream ends and its client resumes, less up to a fifth; 0 for never.
    :ivar log_events: How many events are kept at most; 0 for none.
    :ivar log_bytes: How many bytes they may have together.
    :ivar log_age: After what time an event is forgotten.
    :ivar when_behind: What becomes of who was behind for too long.
    :ivar unknown_cursor: What they get who come back with an id that is not known (any more).
    :ivar gap: The type of the event that tells that events were missed; ``""`` for no such event.
    :ivar flush_threads: How many threads send to many subscribers; 0 for as many as there are
        cores that the process may use.
    :raises ValueError: If a value makes no sense.
    """

    listen: Sequence[str] = DEFAULT_LISTEN
    heartbeat: float = DEFAULT_HEARTBEAT
    retry: float = DEFAULT_RETRY
    tick: float = 1.0
    max_subscribers: int = 0
    max_per_address: int = 0
    stall_timeout: float = DEFAULT_STALL_TIMEOUT
    drain_timeout: float = 10.0
    lifetime: float = 0.0
    log_events: int = DEFAULT_MAX_COUNT
    log_bytes: int = DEFAULT_MAX_BYTES
    log_age: float = DEFAULT_MAX_AGE
    when_behind: WhenBehind = WhenBehind.DISCONNECT
    unknown_cursor: UnknownCursor = UnknownCursor.LIVE
    gap: str = "gap"
    flush_threads: int = 0

    def __post_init__(self) -> None:
        if isinstance(self.listen, str) or not self.listen:
            raise ValueError("listen must be one or more endpoint strings, in a tuple or a list")
        for name, (least, may_be_0) in _LEAST_SECONDS.items():
            value = getattr(self, name)
            if not (least <= value <= _DAY or (may_be_0 and value == 0)):
                zero = "0, or " if may_be_0 and least else ""
                raise ValueError(
                    f"{name} {value:g} is not {zero}from {least:g} to {_DAY:g} seconds"
                )
        if not 0 <= self.flush_threads <= _MOST_THREADS:
            raise ValueError(f"flush_threads {self.flush_threads} is not from 0 to {_MOST_THREADS}")
        if min(self.log_events, self.log_bytes) < 0:
            raise ValueError("log_events and log_bytes must be 0 or more")
        if self.lifetime and not (self.log_events and self.log_bytes):
            raise ValueError(
                "lifetime needs a log: what is published while a client comes back would be lost"
            )
        rules = Rules(self.when_behind, self.unknown_cursor, self.gap)
        object.__setattr__(self, "when_behind", rules.when_behind)  # they may be given by name
        object.__setattr__(self, "unknown_cursor", rules.unknown_cursor)


class HubService(Service):
    """
    A hub that listens: the stream at ``/sse``, the page at ``/``.

    To be started once and stopped once.  Stopping it takes no new connections, ends every
    stream properly, waits for those who are slow and cuts those who do not read; the Deferred that
    ``stopService`` returns fires when nothing is left.

    :param reactor: Listens and tells the time.
    :ivar hub: What to publish to.
    """

    def __init__(self, reactor: Any, config: HubConfig = HubConfig()) -> None:
        # Any: there is no one interface for a reactor that listens on whatever an endpoint names.
        self.hub = Hub(
            clock=reactor,
            log=MemoryLog(
                reactor,
                max_count=config.log_events,
                max_bytes=config.log_bytes,
                max_age=config.log_age,
            ),
            heartbeat=config.heartbeat,
            stall_timeout=config.stall_timeout,
            lifetime=config.lifetime,
            when_behind=config.when_behind,
            unknown_cursor=config.unknown_cursor,
            gap=config.gap or None,
            flush_threads=config.flush_threads or None,
            max_subscribers=config.max_subscribers,
            max_per_address=config.max_per_address,
        )
        self._reactor = reactor
        self._config = config
        self._site = Site(
            console(self.hub, EventStreamResource(self.hub, retry=config.retry)),
            streams=self.hub.streams,
            unlogged=frozenset({b"/status"}),
        )
        self._ports: list[IListeningPort] = []
        self._listening: Deferred[None] | None = None
        self._closing: Deferred[None] | None = None
        self._is_stopped = False
        self._ticking = LoopingCall(self._tick)
        self._ticking.clock = reactor
        self._tick_numbers = count(1)

    @property
    def ports(self) -> tuple[IListeningPort, ...]:
        """
        What listens now, in the order of ``config.listen``.
        """
        return tuple(self._ports)

    def privilegedStartService(self) -> None:
        """
        Listen, while the process may still have rights that it gives up before it starts.

        :raises CannotListen: If an endpoint says so at once, as TCP and UNIX endpoints do.  It has
            been logged then, and nothing listens.
        """
        super().privilegedStartService()
        self._listen()

    def startService(self) -> None:
        """
        Listen, if that has not been done, and begin to tick.

        :raises CannotListen: As above.
        """
        super().startService()
        if self._listening is None:
            self._listen()
        if self._config.tick:
            self._ticking.start(self._config.tick, now=False).addErrback(
                lambda problem: _log.failure("the ticks have stopped", problem)
            )

    def stopService(self) -> Deferred[None]:
        """
        Stop; see the class.  Cancelling the Deferred leaves the rest open.
        """
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    def abort(self) -> None:
        """
        Cut whoever is still connected; what ``stopService`` waits for is then soon done.
        """
        self._site.abort()

    async def _stop(self) -> None:
        if self._ticking.running:
            self._ticking.stop()
        self._is_stopped = True
        await (self._closing or self._stop_listening())
        # The hub is closed last: whoever publishes in an on_end callback may do so until then.
        await self._site.drain(self._config.drain_timeout * _DRAIN_PART, retry=self._config.retry)
        self.hub.close()

    def _listen(self) -> None:
        problems: list[BaseException | None] = []

        def failed(problem: Failure) -> None:
            problem.trap(CannotListen)
            problems.append(problem.value)
            _log.critical("{problem}", problem=problem.getErrorMessage())
            self._closing = Deferred.fromCoroutine(self._stop_listening())

        self._listening = Deferred.fromCoroutine(self._listen_on_all())
        self._listening.addErrback(failed)
        if problems:
            assert problems[0] is not None
            raise problems[0] from None

    async def _listen_on_all(self) -> None:
        for description in self._config.listen:
            try:
                port = await endpoint(self._reactor, description).listen(self._site)
            except Exception as problem:
                raise CannotListen(description, problem) from problem
            self._ports.append(port)
            if self._is_stopped:  # stopped before it listened
                await self._stop_listening()
                return
            # Not before the reactor runs: whoever waits for this line may then send a signal.
            self._reactor.callWhenRunning(_announce, description, port)

    async def _stop_listening(self) -> None:
        ports, self._ports = self._ports, []
        for port in ports:
            await maybeDeferred(port.stopListening)

    def _tick(self) -> None:
        now = datetime.fromtimestamp(self._reactor.seconds(), timezone.utc)
        self.hub.publish(
            "tick",
            Event.with_json(
                {
                    "tick": next(self._tick_numbers),
                    "time": f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03}Z",
                    "subscribers": self.hub.subscriber_count,
                },
                type="tick",
            ),
            ephemeral=True,  # nobody wants to know the time of a minute ago
        )


def endpoint(reactor: Any, description: str) -> IStreamServerEndpoint:
    """
    Parse an endpoint string, and give an endpoint of Twisted's own a real backlog unless it names
    one.

    :raises Exception: Whatever the parser of that kind of endpoint raises.
    """
    parsed: IStreamServerEndpoint  # Twisted says so only in its documentation
    if re.match(r"(tcp|tcp6|ssl|unix):", description) and ":backlog=" not in description:
        try:
            parsed = serverFromString(reactor, f"{description}:backlog={BACKLOG}")
            return parsed
        except TypeError:
            pass  # it has one, by position, or it is wrong anyway
    parsed = serverFromString(reactor, description)
    return parsed


def _announce(description: str, port: IListeningPort) -> None:
    _log.info("listening on {address}", address=_name_of(description, port))
    if not _is_loopback(port):
        _log.warn("there are no keys yet: everyone who reaches this port can subscribe")


def _name_of(description: str, port: IListeningPort) -> str:
    address = port.getHost()
    scheme = "https" if description.startswith("ssl:") else "http"
    if isinstance(address, IPv6Address):
        return f"{scheme}://[{address.host}]:{address.port}/"
    if isinstance(address, IPv4Address):
        return f"{scheme}://{address.host}:{address.port}/"
    return description


def _is_loopback(port: IListeningPort) -> bool:
    """
    Tell whether only this machine can connect; so it is with whatever has no IP address.
    """
    address = port.getHost()
    if isinstance(address, IPv4Address | IPv6Address):
        return ip_address(address.host.partition("%")[0]).is_loopback
    return True
