"""
From options to a running hub: options -> one frozen :class:`HubConfig` -> :class:`HubService`.
"""

import re
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from ipaddress import ip_address
from itertools import count
from typing import Any, ClassVar

from twisted.application.service import Service
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IListeningPort, IStreamServerEndpoint
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.python.usage import Options as UsageOptions
from twisted.python.usage import UsageError

from .errors import CannotListen
from .eventstream import Event
from .hub import DEFAULT_HEARTBEAT, DEFAULT_STALL_TIMEOUT, Hub
from .web import DEFAULT_RETRY, EventStreamResource, Site, console

_log = Logger()

#: Only this machine can connect, until somebody asks for more.
DEFAULT_LISTEN = ("tcp:8080:interface=127.0.0.1",)

#: How many connections may wait to be accepted, unless the endpoint says otherwise.  Twisted's 50
#: overflows when all come back at once after a restart.  The kernel caps it (net.core.somaxconn).
BACKLOG = 4096

#: Descriptors kept for everything but subscribers: listeners, logs, the page and its polls.
_RESERVED_DESCRIPTORS = 64

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
}


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
    :raises ValueError: If a time makes no sense.
    """

    listen: Sequence[str] = DEFAULT_LISTEN
    heartbeat: float = DEFAULT_HEARTBEAT
    retry: float = DEFAULT_RETRY
    tick: float = 1.0
    max_subscribers: int = 0
    max_per_address: int = 0
    stall_timeout: float = DEFAULT_STALL_TIMEOUT
    drain_timeout: float = 10.0

    def __post_init__(self) -> None:
        for name, (least, may_be_0) in _LEAST_SECONDS.items():
            value = getattr(self, name)
            if not (least <= value <= _DAY or (may_be_0 and value == 0)):
                zero = "0, or " if may_be_0 and least else ""
                raise ValueError(
                    f"{name} {value:g} is not {zero}from {least:g} to {_DAY:g} seconds"
                )


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
            heartbeat=config.heartbeat,
            stall_timeout=config.stall_timeout,
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
        if self._listening is not None:
            self._listening.cancel()
        await (self._closing or self._stop_listening())
        self.hub.close()
        await self._site.drain(self._config.drain_timeout * _DRAIN_PART, retry=self._config.retry)

    def _listen(self) -> None:
        problems: list[CannotListen] = []

        def failed(problem: Failure) -> None:
            if isinstance(problem.value, CannotListen):
                problems.append(problem.value)
                _log.critical("{problem}", problem=problem.getErrorMessage())
            else:
                problem.trap(CancelledError)  # stopped before it listened
            self._closing = Deferred.fromCoroutine(self._stop_listening())

        self._listening = Deferred.fromCoroutine(self._listen_on_all())
        self._listening.addErrback(failed)
        if problems:
            raise problems[0]

    async def _listen_on_all(self) -> None:
        for description in self._config.listen:
            try:
                port = await _endpoint(self._reactor, description).listen(self._site)
            except CancelledError:
                raise
            except Exception as problem:
                raise CannotListen(description, problem) from problem
            self._ports.append(port)
            _log.info("listening on {address}", address=_name_of(description, port))
            if not _is_loopback(port):
                _log.warn("there are no keys yet: everyone who reaches this port can subscribe")

    async def _stop_listening(self) -> None:
        ports, self._ports = self._ports, []
        for port in ports:
            await maybeDeferred(port.stopListening)

    def _tick(self) -> None:
        now = datetime.fromtimestamp(self._reactor.seconds(), timezone.utc)
        self.hub.publish(
            Event.with_json(
                {
                    "tick": next(self._tick_numbers),
                    "time": f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03}Z",
                    "subscribers": self.hub.subscriber_count,
                },
                type="tick",
            )
        )


class _TwistdService(HubService):
    """
    The same as the one service of a process, which it may speak for.
    """

    def privilegedStartService(self) -> None:
        try:
            super().privilegedStartService()
        except CannotListen:
            raise SystemExit(1) from None  # it has been logged, in one line

    def startService(self) -> None:
        super().startService()
        self._reactor.callWhenRunning(self._take_signals)

    def _take_signals(self) -> None:
        # Twisted's own handlers stop the reactor, too, but make twistd end by the signal it got,
        # which a supervisor takes for a failure.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop_on_signal)

    def _stop_on_signal(self, number: int, _: object) -> None:
        self._reactor.callFromThread(self._stop_now, signal.Signals(number).name)

    def _stop_now(self, name: str) -> None:
        if self.running:
            _log.info(
                "received {name}, stopping; once more to cut whoever is still connected", name=name
            )
            self._reactor.stop()
        else:
            self.abort()


def makeService(options: "Options") -> HubService:
    """
    Make what ``twistd ssetwist`` runs.
    """
    from twisted.internet import reactor

    config = options.config
    descriptors = _raise_descriptor_limit()
    if not config.max_subscribers:
        # One more than the process can have would be refused by the kernel, which answers nobody.
        config = replace(config, max_subscribers=max(1, descriptors - _RESERVED_DESCRIPTORS))
    return _TwistdService(reactor, config)


def _raise_descriptor_limit() -> int:
    """
    Take as many descriptors as the process may have, and return how many.  Each stream is one.
    """
    if sys.platform == "win32":
        return 2**31  # there is no such limit
    import resource as process_limits  # Unix has it

    soft, hard = process_limits.getrlimit(process_limits.RLIMIT_NOFILE)
    if soft != hard:
        process_limits.setrlimit(process_limits.RLIMIT_NOFILE, (hard, hard))
    return hard


def _seconds(option: str) -> Callable[[str], float]:
    def convert(text: str) -> float:
        # float alone also takes digits of other scripts, underscores, "inf" and "nan".
        if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{0,9})?|\.[0-9]{1,9}", text):
            raise UsageError(f"--{option}: {text!r} is not a number of seconds, such as 2.5")
        return float(text)

    return convert


def _number(option: str) -> Callable[[str], int]:
    def convert(text: str) -> int:
        # str.isdigit and int() alone also take digits of other scripts, signs and underscores.
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            raise UsageError(f"--{option}: {text!r} is not a whole number from 0 to 999999999")
        return int(text)

    return convert


class Options(UsageOptions):
    """
    The command line of ``twistd ssetwist``.
    """

    synopsis = "[options]"
    longdesc = "A Server-Sent Events hub: the stream is at /sse, a page to try it at /."
    # fmt: off
    optParameters: ClassVar[list[list[Any]]] = [  # as usage.Options wants them
        ["heartbeat", None, DEFAULT_HEARTBEAT,
         "seconds of silence until a comment is sent; 0 for never", _seconds("heartbeat")],
        ["retry", None, DEFAULT_RETRY,
         "seconds after which a client that lost its stream comes back", _seconds("retry")],
        ["tick", None, 1.0,
         "seconds between the events of the demonstration; 0 for none", _seconds("tick")],
        ["max-subscribers", None, 0,
         "how many there may be; 0 for as many as the limit on open files allows",
         _number("max-subscribers")],
        ["max-per-address", None, 0,
         "how many from one IP address; 0 for as many as come (behind a proxy all have its own)",
         _number("max-per-address")],
        ["stall-timeout", None, DEFAULT_STALL_TIMEOUT,
         "seconds without progress until a client that does not read is cut",
         _seconds("stall-timeout")],
        ["drain-timeout", None, 10.0,
         "seconds after a stop signal until those who do not read are cut",
         _seconds("drain-timeout")],
    ]
    # fmt: on

    def __init__(self) -> None:
        super().__init__()
        self["listen"] = []
        self.config = HubConfig()

    def opt_listen(self, endpoint: str) -> None:
        """
        a Twisted endpoint string to listen on, repeatable [default: tcp:8080:interface=127.0.0.1]
        """
        from twisted.internet import reactor

        try:
            _endpoint(reactor, endpoint)
        except Exception as problem:  # whatever the parser of that kind of endpoint raises
            raise UsageError(
                f"--listen: {endpoint!r} is no endpoint string, such as "
                f"'tcp:8080:interface=127.0.0.1': {problem}"
            ) from None
        self["listen"].append(endpoint)

    def parseArgs(self, *arguments: str) -> None:
        """
        There are only options.
        """
        if arguments:
            raise UsageError(f"{arguments[0]!r} is no option; all begin with --")

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """
        As in Twisted, but what is wrong is said in one line, without all the help around it.
        """
        try:
            super().parseOptions(options)
        except UsageError as problem:
            raise SystemExit(f"twistd ssetwist: {problem}") from None

    def postOptions(self) -> None:
        """
        Make what was asked for into a :class:`HubConfig`.
        """
        values = {name.replace("-", "_"): value for name, value in self.items()}
        values["listen"] = tuple(values["listen"]) or DEFAULT_LISTEN
        try:
            self.config = HubConfig(**values)
        except ValueError as problem:
            name, _, rest = str(problem).partition(" ")
            raise UsageError(f"--{name.replace('_', '-')}: {rest}") from None


def _endpoint(reactor: Any, description: str) -> IStreamServerEndpoint:
    """
    Parse an endpoint string, and give an endpoint of Twisted's own a real backlog unless it names
    one.

    :raises Exception: Whatever the parser of that kind of endpoint raises.
    """
    endpoint: IStreamServerEndpoint  # Twisted says so only in its documentation
    if re.match(r"(tcp|tcp6|ssl|unix):", description) and ":backlog=" not in description:
        try:
            endpoint = serverFromString(reactor, f"{description}:backlog={BACKLOG}")
            return endpoint
        except TypeError:
            pass  # it has one, by position, or it is wrong anyway
    endpoint = serverFromString(reactor, description)
    return endpoint


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
