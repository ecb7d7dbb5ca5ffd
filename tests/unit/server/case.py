"""
Services on a reactor in memory.
"""

import errno
from collections.abc import Callable
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress, IDelayedCall
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.python import runtime
from twisted.trial.unittest import SynchronousTestCase

from ssetwist import HubConfig, HubService
from ssetwist.clock import SteadyReactor, steady
from ssetwist.errors import CannotListen
from ssetwist.mercure import TokenSettings
from ssetwist.mercure.tokens._keys import VerificationKey
from tests.clock import Clock
from tests.memory import Client

#: A key, with which the hub is not only for development.
_KEY = VerificationKey.from_secret(b"k" * 32)

KEY = TokenSettings(publish=(_KEY,), subscribe=(_KEY,))


class Port:
    """
    A listening port, in memory.

    :ivar numberAccepts: Connections that it accepts in a turn, at most.
    """

    numberAccepts = 100  # noqa: N815  # Twisted's name

    def __init__(
        self, reactor: "Reactor", address: IAddress, factory: Factory, backlog: int
    ) -> None:
        self.address = address
        self.factory = factory
        self.backlog = backlog
        self._reactor = reactor
        factory.doStart()
        reactor.ports.append(self)

    def getHost(self) -> IAddress:
        return self.address

    def doRead(self) -> None:  # noqa: N802 (Twisted's name)
        """
        Accept as many connections as wait: none.
        """

    def stopListening(self) -> Deferred[None]:
        # As a real port does: no new connection from now on, and the rest in the next turn.
        self._reactor.ports.remove(self)
        return deferLater(steady(self._reactor), 0, self.factory.doStop)


class Reactor(MemoryReactorClock):
    """
    Reactor of Twisted with ports that start and stop, know their address, and may be in use.

    :ivar ports: The ports that listen now.
    :ivar in_use: The numbers of TCP ports that another process has.
    :ivar slow: The Deferred that listening on a ``slow`` endpoint waits for.
    """

    def __init__(self) -> None:
        super().__init__()
        self.ports: list[Port] = []
        self.in_use: set[int] = set()
        self.slow: Deferred[Port] = Deferred()

    def listenTCP(
        self, port: int, factory: Factory, backlog: int = 50, interface: str = ""
    ) -> Port:
        if port in self.in_use:
            raise CannotListenError(interface, port, OSError(errno.EADDRINUSE, "in use"))
        kind = IPv6Address if ":" in interface else IPv4Address
        address = kind("TCP", interface or "0.0.0.0", port)
        return Port(self, address, factory, backlog)

    def callLater(self, delay: float, *call: Any, **options: Any) -> IDelayedCall:
        assert delay >= 0, f"{delay} s from now is in the past"
        return super().callLater(delay, *call, **options)

    def callWhenRunning(self, call: Callable[..., object], *args: object, **named: object) -> None:
        call(*args, **named)

    def callFromThread(  # noqa: N802 (Twisted's name)
        self, call: Callable[..., object], *args: object
    ) -> None:
        self.callLater(0, call, *args)

    def listenUNIX(self, address: str, factory: Factory, backlog: int = 50, **_: object) -> Port:
        return Port(self, UNIXAddress(address), factory, backlog)


class DayReactor(Reactor):
    """
    Reactor that measures by the time of day, as Twisted's do.  A timed call of its own is an error:
    whoever waits must do so by its steady clock.
    """

    def __init__(self) -> None:
        super().__init__()
        self.seconds = runtime.seconds
        self._clock = Clock()
        self.ssetwist_steady = SteadyReactor(self, self._clock)
        self.advance = self._clock.advance
        self.getDelayedCalls = self._clock.getDelayedCalls

    def callLater(self, delay: float, *call: Any, **options: Any) -> IDelayedCall:
        raise AssertionError(f"{call} would wait {delay} s by the time of day")


class ServiceTestCase(SynchronousTestCase):
    """
    Services on a reactor in memory.
    """

    def setUp(self) -> None:
        self.reactor = Reactor()

    def make(self, *listen: str, **options: object) -> HubService:
        """
        Make a service.
        """
        config = HubConfig(**{"listen": listen or ("tcp:80:interface=127.0.0.1",), **options})
        return HubService(self.reactor, config)

    def start_in_vain(self, service: HubService) -> CannotListen:
        """
        Check that a service cannot be started, and return the error.
        """
        return self.assertRaises(CannotListen, service.privilegedStartService)

    def start(self, *listen: str, **options: object) -> HubService:
        """
        Make a service, start it as twistd does, and stop it after the test.
        """
        service = self.make(*listen, **options)
        service.privilegedStartService()
        service.startService()
        self.addCleanup(self.stop, service)
        return service

    def stop(self, service: HubService) -> None:
        """
        Stop a service, unless the test has done so, and check that it leaves no timer.
        """
        if service.running:
            stopping = service.stopService()
            self.pass_time(10.0)
            self.assertIsNone(self.successResultOf(stopping))
        if not self.reactor.ports:
            self.assertEqual([], self.reactor.getDelayedCalls())

    def pass_time(self, seconds: float, step: float = 1 / 16) -> None:
        """
        Let time pass in small steps, as a reactor does; steps that floats can add up exactly.
        """
        for _ in range(round(seconds / step)):
            self.reactor.advance(step)

    def connect(self, port: int = 0, path: str = "/sse") -> Client:
        """
        Connect to one of the ports and ask for a path.
        """
        client = Client(self.reactor.ports[port].factory, steady(self.reactor))
        client.request(path)
        return client

    def logged(self, level: LogLevel, call: Callable[[], object]) -> list[str]:
        """
        Return the messages that a call logs on this level.
        """
        with capturedLogs() as events:
            call()
        return [formatEvent(event) for event in events if event["log_level"] is level]
