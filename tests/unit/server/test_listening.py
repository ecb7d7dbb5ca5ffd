"""
Listening on the endpoints of a configuration: on all, or not at all.
"""

import contextlib
import errno
import gc
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace

from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IStreamServerEndpointStringParser
from twisted.internet.protocol import Factory
from twisted.logger import LogLevel
from twisted.plugin import IPlugin
from twisted.trial.unittest import SkipTest, SynchronousTestCase
from zope.interface import implementer

import twisted.plugins
from ssetwist import Event, HubConfig, HubService, SSETwistError
from ssetwist.errors import CannotListen
from ssetwist.server import tap
from ssetwist.server._listening import _SO_PASSRIGHTS, address_name, refuse_descriptors
from ssetwist.server.tap import _TwistdService
from tests.unit.server.case import KEY, Port, Reactor, ServiceTestCase


@implementer(IPlugin, IStreamServerEndpointStringParser)
class SlowEndpointParser:
    """
    Parser of the endpoint ``slow``, which listens when the test says so.
    """

    prefix = "slow"

    def __init__(self) -> None:
        self._reactor: Reactor | None = None

    def parseStreamServer(self, reactor: Reactor) -> "SlowEndpointParser":
        self._reactor = reactor
        return self

    def listen(self, factory: Factory) -> Deferred[Port]:
        assert self._reactor is not None
        return self._reactor.slow


class DescriptorsTests(SynchronousTestCase):
    """
    Descriptors that a client sends over a UNIX socket.
    """

    def test_refused(self) -> None:
        """
        A descriptor is refused by the kernel, where it can do that; bytes are not.
        """
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = f"{folder.name}/hub"
        with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as client:
            listener.bind(path)
            listener.listen()
            try:
                listener.getsockopt(socket.SOL_SOCKET, _SO_PASSRIGHTS)
            except OSError:
                raise SkipTest("this kernel cannot refuse descriptors") from None
            refuse_descriptors(SimpleNamespace(getHost=lambda: UNIXAddress(path), socket=listener))
            client.connect(path)
            self.assertRaises(PermissionError, socket.send_fds, client, [b"x"], [client.fileno()])
            self.assertEqual(1, client.send(b"x"))

    def test_older_kernel(self) -> None:
        """
        A kernel that does not know the option, and a port without a socket of its own kind, are no
        problem.
        """

        def fail(*_: int) -> None:
            raise OSError(errno.ENOPROTOOPT, "Protocol not available")

        unix, tcp = UNIXAddress("/run/hub"), IPv4Address("TCP", "127.0.0.1", 80)
        kernel = SimpleNamespace(setsockopt=fail)
        refuse_descriptors(SimpleNamespace(getHost=lambda: unix, socket=kernel))
        refuse_descriptors(SimpleNamespace(getHost=lambda: tcp))


class ListenTests(ServiceTestCase):
    """
    Endpoints that a service listens on.
    """

    def test_all(self) -> None:
        """
        A service listens on all its endpoints, in their order.
        """
        service = self.start("tcp:81", "tcp:80", "unix:/run/sse", tokens=KEY)
        self.assertEqual(
            [
                IPv4Address("TCP", "0.0.0.0", 81),
                IPv4Address("TCP", "0.0.0.0", 80),
                UNIXAddress("/run/sse"),
            ],
            [port.getHost() for port in service.ports],
        )

    def test_one_hub(self) -> None:
        """
        Clients of all ports are subscribers of the same hub.
        """
        service = self.start("tcp:81:interface=127.0.0.1", "tcp:80:interface=127.0.0.1")
        clients = [self.connect(0), self.connect(1)]
        service.hub.publish("news", Event("a"))
        self.pass_time(0.1)
        for client in clients:
            self.assertTrue(client.body.endswith(b"data: a\n\n"), client.body)

    def test_paths_in_between(self) -> None:
        """
        The path above the hub's is 404, not 405.
        """
        self.start("tcp:80", tokens=KEY)
        self.assertTrue(self.connect(path="/.well-known").head.startswith(b"1 404 "))

    def test_backlog(self) -> None:
        """
        On every kind of port 4,096 connections may wait to be accepted.
        """
        self.start("tcp:80", "tcp6:81", "unix:/run/sse", tokens=KEY)
        self.assertEqual([4096] * 3, [port.backlog for port in self.reactor.ports])

    def test_accepts(self) -> None:
        """
        A port accepts at most 16 connections in a turn, by which others make room for them.
        """
        self.start("tcp:80", "tcp6:81", "unix:/run/sse", tokens=KEY)
        for port in self.reactor.ports:
            port.doRead()
        self.assertEqual([16] * 3, [port.numberAccepts for port in self.reactor.ports])

    def test_named_backlog(self) -> None:
        """
        An endpoint that names a backlog has that backlog.
        """
        self.start("tcp:80:backlog=5", "tcp:81:backlog=6:interface=127.0.0.1", tokens=KEY)
        self.assertEqual([5, 6], [port.backlog for port in self.reactor.ports])

    def test_before_privileges_are_given_up(self) -> None:
        """
        A service listens in ``privilegedStartService``, and not once more in ``startService``.
        """
        service = self.make()
        self.addCleanup(self.stop, service)
        service.privilegedStartService()
        self.assertEqual(1, len(service.ports))
        service.startService()
        self.assertEqual(1, len(service.ports))

    def test_without_privileges(self) -> None:
        """
        A service listens in ``startService`` if ``privilegedStartService`` was not called.
        """
        service = self.make()
        self.addCleanup(self.stop, service)
        service.startService()
        self.assertEqual(1, len(service.ports))

    def test_not_before(self) -> None:
        """
        Making a service listens on nothing and starts no timer.
        """
        service = self.make()
        self.assertEqual(((), []), (service.ports, self.reactor.getDelayedCalls()))

    def test_named_in_the_log(self) -> None:
        """
        The log names each port by the address for a browser, or by its endpoint string.
        """
        messages = self.logged(
            LogLevel.info,
            lambda: self.start(
                "tcp:80:interface=127.0.0.1", r"tcp6:81:interface=\:\:1", "unix:/run/sse"
            ),
        )
        self.assertEqual(
            [
                "listening on http://127.0.0.1:80/",
                "listening on http://[::1]:81/",
                "listening on unix:/run/sse",
            ],
            [message for message in messages if "listening" in message],
        )

    def test_named_once_it_runs(self) -> None:
        """
        A port is named when the reactor runs: a script that waits for the line may then send a
        signal.
        """
        later: list[Callable[[], object]] = []
        self.patch(
            self.reactor,
            "callWhenRunning",
            lambda call, *args, **named: later.append(partial(call, *args, **named)),
        )
        listening = "listening on http://127.0.0.1:80/"
        self.assertNotIn(listening, self.logged(LogLevel.info, self.start))
        said = self.logged(LogLevel.info, lambda: [call() for call in later])
        self.assertEqual([listening], said)

    def test_named_with_tls(self) -> None:
        """
        A port with TLS is named with ``https``.
        """
        port = Port(self.reactor, IPv4Address("TCP", "192.0.2.1", 443), Factory(), 50)
        description = "ssl:443:privateKey=key.pem:certKey=cert.pem"
        self.assertEqual("https://192.0.2.1:443/", address_name(description, port))

    def test_beyond_loopback(self) -> None:
        """
        Without a key, a port that other machines can reach is an error that says what to do; with
        a key, or with an application that decides, the service listens on it.
        """
        for listen in (
            "tcp:80",
            "tcp:80:interface=192.0.2.1",
            "tcp6:80",
            r"tcp6:80:interface=fe80\:\:1%eth0",
        ):
            before = list(self.reactor.ports)
            error = self.start_in_vain(self.make(listen))
            self.assertEqual(listen, error.endpoint)
            self.assertIn("--key", str(error))
            self.assertIn("interface=127.0.0.1", str(error))
            self.pass_time(0.1)
            self.assertEqual(before, self.reactor.ports)
            for options in ({"tokens": KEY}, {"authorize_url": "https://app.example/may"}):
                self.start(listen, **options)

    def test_loopback(self) -> None:
        """
        Without a key, a service listens on ports that only this machine can reach.
        """
        for listen in (
            "tcp:80:interface=127.0.0.1",
            "tcp:80:interface=127.1.2.3",
            r"tcp6:80:interface=\:\:1",
            "unix:/run/sse",
        ):
            warnings = self.logged(LogLevel.warn, lambda listen=listen: self.start(listen))
            self.assertEqual([], warnings, listen)


class CannotListenTests(ServiceTestCase):
    """
    Endpoints that cannot be listened on.
    """

    def setUp(self) -> None:
        super().setUp()
        self.reactor.in_use.add(80)

    def test_in_use(self) -> None:
        """
        A port that is in use is an error that names the endpoint.
        """
        error = self.start_in_vain(self.make("tcp:80"))
        self.assertEqual("tcp:80", error.endpoint)
        self.assertIn("'tcp:80'", str(error))
        self.assertIn("in use", str(error))
        self.assertIn("choose another port (--listen)", str(error))

    def test_other_reasons(self) -> None:
        """
        A port that may not be listened on is not called one that is in use.
        """

        def refuse(port: int, *_: object, **__: object) -> None:
            raise CannotListenError("", port, OSError(errno.EACCES, "Permission denied"))

        self.patch(self.reactor, "listenTCP", refuse)
        error = self.start_in_vain(self.make("tcp:81"))
        self.assertTrue(str(error).endswith("Permission denied."), error)

    def test_without_privileges(self) -> None:
        """
        ``startService`` raises the error if ``privilegedStartService`` was not called.
        """
        self.assertRaises(CannotListen, self.make("tcp:80").startService)

    def test_error(self) -> None:
        """
        The error is one of ssetwist's, and shows no cause, which would only be noise.
        """
        error = self.start_in_vain(self.make("tcp:80"))
        self.assertIsInstance(error, SSETwistError)
        self.assertIsNone(error.__cause__)

    def test_nothing_listens(self) -> None:
        """
        If one of several endpoints cannot be listened on, the others are not listened on either.
        """
        service = self.make("tcp:81", "tcp:80", "tcp:82", tokens=KEY)
        with contextlib.suppress(CannotListen):
            service.privilegedStartService()
        self.pass_time(1.0)
        self.assertEqual(((), []), (service.ports, self.reactor.ports))
        self.assertEqual([], self.reactor.getDelayedCalls())

    def test_one_of_several(self) -> None:
        """
        The error names the failing endpoint, also if it listened on others before.
        """
        error = self.start_in_vain(self.make("tcp:81", "tcp:80", tokens=KEY))
        self.assertEqual("tcp:80", error.endpoint)
        self.pass_time(1.0)

    def test_not_an_endpoint(self) -> None:
        """
        A text that is not an endpoint string is the same kind of error.
        """
        error = self.start_in_vain(self.make("nope:80"))
        self.assertEqual("nope:80", error.endpoint)

    def test_logged(self) -> None:
        """
        The error is logged in one line.
        """
        service = self.make("tcp:80")
        messages = self.logged(LogLevel.critical, lambda: self.start_in_vain(service))
        self.assertEqual(1, len(messages))
        self.assertIn("cannot listen on 'tcp:80'", messages[0])


class SlowEndpointTests(ServiceTestCase):
    """
    Endpoints that listen later, as endpoints that ask another process do.
    """

    def setUp(self) -> None:
        super().setUp()
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        Path(folder, "slow_endpoint.py").write_text(
            f"from {__name__} import SlowEndpointParser\nslow = SlowEndpointParser()\n"
        )
        # Twisted finds endpoints in plugins only.
        twisted.plugins.__path__.append(folder)
        self.addCleanup(twisted.plugins.__path__.remove, folder)
        self.addCleanup(sys.modules.pop, "twisted.plugins.slow_endpoint", None)

    def listen(self) -> None:
        """
        Let the endpoint listen.
        """
        address = IPv4Address("TCP", "127.0.0.1", 80)
        factory = Factory()
        factory.noisy = False
        self.reactor.slow.callback(Port(self.reactor, address, factory, 50))

    def test_later(self) -> None:
        """
        A service with a slow endpoint is started at once, and listens later.
        """
        service = self.start("slow")
        self.assertEqual((), service.ports)
        self.listen()
        self.assertEqual(1, len(service.ports))

    def test_fails_later(self) -> None:
        """
        If a slow endpoint fails, one line is logged, and nothing listens.
        """
        service = self.start("tcp:80:interface=127.0.0.1", "slow")

        def fail() -> None:
            self.reactor.slow.errback(OSError("no such service"))
            self.pass_time(1.0)

        messages = self.logged(LogLevel.critical, fail)
        self.assertEqual(["cannot listen on 'slow': no such service"], messages)
        self.assertEqual(([], ()), (self.reactor.ports, service.ports))

    def start_process(self, *listen: str) -> tuple[HubService, list[int]]:
        """
        Start the service of a process, and restore what it changes in this one after the test.

        :returns: The service, and the statuses that the process shall end with.
        """
        for number in (signal.SIGINT, signal.SIGTERM):
            self.addCleanup(signal.signal, number, signal.getsignal(number))
        self.addCleanup(gc.unfreeze)
        self.addCleanup(gc.set_threshold, *gc.get_threshold())
        statuses: list[int] = []
        service = _TwistdService(self.reactor, HubConfig(listen=listen), statuses.append)
        service.privilegedStartService()
        service.startService()
        self.addCleanup(self.stop, service)
        self.reactor.hasStopped = False
        return service, statuses

    def test_fails_later_in_a_process_of_its_own(self) -> None:
        """
        If a slow endpoint of ``twistd ssetwist`` fails, the process ends, once and with status 1,
        instead of running on with nothing that listens.
        """
        _, statuses = self.start_process("tcp:80:interface=127.0.0.1", "slow")
        self.pass_time(1.0)
        self.assertEqual(([], False), (statuses, self.reactor.hasStopped))
        self.reactor.slow.errback(OSError("no such service"))
        self.assertEqual(([1], True), (statuses, self.reactor.hasStopped))

    def test_short_turns(self) -> None:
        """
        The turns of a process are told all ports, also those that listen later.
        """
        turns = SimpleNamespace(ports=())
        self.patch(tap, "shorten_turns", {self.reactor: turns}.get)
        service, _ = self.start_process("tcp:81:interface=127.0.0.1", "slow")
        self.assertEqual(list(service.ports), list(turns.ports))
        self.listen()
        self.assertEqual((2, list(service.ports)), (len(turns.ports), list(turns.ports)))

    def test_any_failure(self) -> None:
        """
        Whatever a slow endpoint raises, or gives instead of a port, ends the process.
        """
        for answer in (SystemExit(), RuntimeError(), object()):
            self.reactor.slow = Deferred()
            service, statuses = self.start_process("tcp:80:interface=127.0.0.1", "slow")
            if isinstance(answer, BaseException):
                self.reactor.slow.errback(answer)  # type: ignore[arg-type]  # any exception
            else:
                self.reactor.slow.callback(answer)  # type: ignore[arg-type]  # on purpose
            self.assertEqual([1], statuses)
            self.pass_time(1.0)
            self.assertEqual([], self.reactor.ports)
            self.stop(service)
            self.flushLoggedErrors()

    def test_fails_while_its_process_stops(self) -> None:
        """
        If a slow endpoint fails after a signal to stop, the status stays 0.
        """
        service, statuses = self.start_process("slow")
        self.stop(service)
        self.reactor.slow.errback(OSError("no such service"))
        self.assertEqual(([], False), (statuses, self.reactor.hasStopped))

    def test_fails_after_a_signal(self) -> None:
        """
        The status also stays 0 if the endpoint fails before the reactor has begun to stop.
        """
        _, statuses = self.start_process("slow")
        signal.raise_signal(signal.SIGTERM)
        self.pass_time(0.25)
        self.assertTrue(self.reactor.hasStopped)
        self.reactor.hasStopped = False
        self.reactor.slow.errback(OSError("no such service"))
        self.assertEqual(([], False), (statuses, self.reactor.hasStopped))

    def test_stopped_before(self) -> None:
        """
        If a service is stopped before a slow endpoint listens, no error is logged, and the port is
        closed as soon as it is there.
        """
        service = self.start("tcp:80:interface=127.0.0.1", "slow")
        messages = self.logged(LogLevel.critical, lambda: self.stop(service))
        self.assertEqual([], messages)
        self.assertEqual([], self.reactor.ports)
        self.listen()
        self.pass_time(1.0)
        self.assertEqual(([], ()), (self.reactor.ports, service.ports))

    def test_stopped_before_the_others(self) -> None:
        """
        After that, the service does not listen on the endpoints that follow.
        """
        service = self.start("slow", "tcp:80:interface=127.0.0.1")
        self.stop(service)
        self.reactor.in_use.add(80)  # it would fail

        def listen() -> None:
            self.listen()
            self.pass_time(1.0)

        self.assertEqual([], self.logged(LogLevel.critical, listen))
        self.assertEqual([], self.reactor.ports)

    def test_stopped_while_it_fails(self) -> None:
        """
        If a slow endpoint has failed, a stop waits until the ports of the others are closed.
        """
        service = self.start("tcp:80:interface=127.0.0.1", "slow")
        (port,) = service.ports
        closing: Deferred[None] = Deferred()
        port.stopListening = lambda: closing  # type: ignore[method-assign]
        self.reactor.slow.errback(OSError("no such service"))
        stopping = service.stopService()
        self.pass_time(1.0)
        self.assertNoResult(stopping)
        closing.callback(None)
        self.pass_time(1.0)
        self.successResultOf(stopping)
        Port.stopListening(port)
        self.pass_time(1.0)

    def test_while_it_stops(self) -> None:
        """
        An endpoint that begins to listen while the service stops is stopped as well.
        """
        service = self.start("tcp:80:interface=127.0.0.1", "slow")
        stopping = service.stopService()
        self.listen()
        self.pass_time(1.0)
        self.successResultOf(stopping)
        self.assertEqual(([], ()), (self.reactor.ports, service.ports))
