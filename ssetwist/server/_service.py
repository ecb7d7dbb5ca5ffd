"""
A hub that listens, made from one frozen :class:`HubConfig`.
"""

import errno
from datetime import datetime, timezone
from itertools import count

from twisted.application.service import Service
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from .._reactor import AnyReactor
from .._within import within
from ..clock import date_of
from ..errors import CannotListen
from ..eventstream import Event
from ..web import Site
from ._assembly import Access, make_hub, make_root
from ._config import HubConfig
from ._insides import bound_accepts
from ._listening import address_name, endpoint, is_loopback, refuse_descriptors
from ._options import call_with_options
from ._short_turns import ACCEPTS

_log = Logger()

#: The part of the drain time-out after which clients that do not read are disconnected, so that
#: the process ends within the whole time-out.
_DRAIN_PART = 0.9

#: The part of that time after which streams are ended, even if a port is not closed: they need the
#: rest to end properly.
_CLOSING_PART = 0.5

#: The least number of seconds for a port to close, which takes a turn of the reactor at least.
_LEAST_CLOSING = 1.0

_NO_KEY = (
    "other machines could connect, and everyone could publish because there is no key.  Give the "
    "hub a key (--key), or let only this machine connect (interface=127.0.0.1)"
)


class _NotClosed(Exception):
    """
    The fault of an endpoint: its port has not closed in time.
    """


class HubService(Service):
    """
    A hub that listens: the Mercure hub is at ``/.well-known/mercure``.  If everyone may read public
    events, the page is at ``/`` and the stream of all public events at ``/sse``.

    Start it once and stop it once.  When it stops it refuses new connections, ends every stream
    properly, waits for slow clients and disconnects clients that do not read; the Deferred that
    ``stopService`` returns fires when nothing is left.

    :param reactor: Listens and tells the time.
    :ivar hub: The hub to publish to.
    """

    def __init__(self, reactor: AnyReactor, config: HubConfig | None = None) -> None:
        if isinstance(reactor, HubConfig):
            raise TypeError("the reactor comes first, then the HubConfig")
        config = HubConfig() if config is None else config
        self.hub = make_hub(reactor, config)
        self._reactor = reactor
        self._config = config
        self._access = Access(reactor, config)
        self._site = call_with_options(
            Site,
            config,
            make_root(self.hub, config, self._access.authorizer),
            streams=self.hub.streams,
            unlogged=frozenset({b"/status"}),
            parsePOSTFormSubmission=False,  # the hub does that, by its own rules
        )
        self._ports: list[IListeningPort] = []
        self._listening: Deferred[None] | None = None
        self._closing: Deferred[None] | None = None
        self._waiting_for_ports: Deferred[None] | None = None
        self._is_stopped = False
        self._ticking = LoopingCall(self._tick)
        self._ticking.clock = self.hub.streams.clock
        self._now = date_of(reactor)
        self._tick_numbers = count(1)

    @property
    def ports(self) -> tuple[IListeningPort, ...]:
        """
        Ports that listen now, in the order of ``config.listen``.
        """
        return tuple(self._ports)

    def privilegedStartService(self) -> None:
        """
        Listen, while the process may still have rights that it gives up before it starts.

        :raises CannotListen: If an endpoint fails at once, as TCP and UNIX endpoints do.  The error
            has been logged then, and nothing listens.  If an endpoint fails later, that is logged,
            and nothing listens; ``twistd ssetwist`` then ends with status 1.
        """
        super().privilegedStartService()
        self._listen()

    def startService(self) -> None:
        """
        Listen, unless :meth:`privilegedStartService` has done it, and begin to tick.

        :raises CannotListen: As :meth:`privilegedStartService` does.
        """
        super().startService()
        if self._listening is None:
            self._listen()
        self._access.start()
        if seconds := self._config.seconds_between_ticks:
            self._ticking.start(seconds, now=False).addErrback(
                lambda problem: _log.failure("the ticks have stopped", problem)
            )

    def stopService(self) -> Deferred[None]:
        """
        Stop as the class describes.  If the Deferred is cancelled, clients that are still connected
        stay connected.
        """
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    def abort(self) -> None:
        """
        Disconnect all clients that are left, so that ``stopService`` is soon done.
        """
        self._wait_no_more_for_ports()
        self._site.abort()

    async def _stop(self) -> None:
        if self._ticking.running:
            self._ticking.stop()
        self._access.stop()
        self._is_stopped = True
        seconds = self.hub.streams.clock.seconds
        until = seconds() + self._config.drain_timeout * _DRAIN_PART
        if self._closing is None:
            self._closing = self._stop_listening()
        self._closing.addCallback(lambda _: self._wait_no_more_for_ports())
        if not self._closing.called:
            self._waiting_for_ports = Deferred()  # if it is cancelled, ports are still closed
            await self._waiting_for_ports
        # The hub is closed last, so that on_end callbacks may publish until then.
        await self._site.drain(
            max(0.0, until - seconds()), reconnection_time=self._config.reconnection_time
        )
        self.hub.close()

    def _listen(self) -> None:
        problems: list[BaseException | None] = []

        def failed(problem: Failure) -> None:
            problems.append(problem.value)
            if problem.check(CannotListen):
                _log.critical("{problem}", problem=problem.getErrorMessage())
            else:
                _log.failure("an endpoint is broken; nothing listens", problem)
            self._closing = self._stop_listening()

        self._listening = Deferred.fromCoroutine(self._listen_on_all())
        self._listening.addErrback(failed)
        if problems:
            assert problems[0] is not None
            raise problems[0] from None

        def hear(_: None) -> None:
            if problems and not self._is_stopped:
                self._failed_later()

        self._listening.addCallback(hear)

    def _failed_later(self) -> None:
        """
        Hear that an endpoint has failed after the start, and that nothing listens.
        """

    async def _listen_on_all(self) -> None:
        for description in self._config.listen:
            try:
                port = await endpoint(self._reactor, description).listen(self._site)
            except Exception as problem:
                raise CannotListen(description, _explained(problem)) from problem
            # No other connection can make room for them in the same turn.
            bound_accepts(port, ACCEPTS)
            refuse_descriptors(port)
            self._ports.append(port)
            if self._is_stopped:  # stopped before it listened
                await self._stop_listening()
                return
            if self._config.is_for_development and not is_loopback(port):
                raise CannotListen(description, _NO_KEY)
            # Not before the reactor runs: a script that waits for this line may then send a signal.
            self._reactor.callWhenRunning(
                _log.info, "listening on {address}", address=address_name(description, port)
            )

    def _stop_listening(self) -> Deferred[None]:
        """
        Close all ports.

        :returns: A Deferred that fires when they are closed, cannot be closed, or take too long.
        """
        ports, self._ports = self._ports, []
        closings = [Deferred.fromCoroutine(self._close(port)) for port in ports]  # all at once
        return gatherResults(closings).addCallback(lambda _: None)

    def _wait_no_more_for_ports(self) -> None:
        waiting, self._waiting_for_ports = self._waiting_for_ports, None
        if waiting is not None:
            waiting.callback(None)

    async def _close(self, port: IListeningPort) -> None:
        time = self._config.drain_timeout * _DRAIN_PART * _CLOSING_PART
        time = max(_LEAST_CLOSING, time)
        clock = self.hub.streams.clock
        address: object = "a port"
        try:
            address = port.getHost()
            await within(time, maybeDeferred(port.stopListening), clock, late=_NotClosed)
        except _NotClosed:
            _log.error(
                "{address} was not closed within {time:g} s, and may still listen",
                address=address,
                time=time,
            )
        except BaseException:
            _log.failure("{address} could not be closed, and may still listen", address=address)

    def _tick(self) -> None:
        now = datetime.fromtimestamp(self._now(), timezone.utc)
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
            ephemeral=True,  # the time of a minute ago is of no use
        )


def _explained(problem: Exception) -> str:
    cause = problem.socketError if isinstance(problem, CannotListenError) else None
    if isinstance(cause, OSError) and cause.errno == errno.EADDRINUSE:
        return f"{problem}  Stop what listens there, or choose another port (--listen)"
    return str(problem)
