"""
From options to a running hub.
"""

import contextlib
import dataclasses
import errno
import io
import json
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress, IStreamServerEndpointStringParser
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.plugin import IPlugin
from twisted.trial.unittest import SkipTest, SynchronousTestCase
from zope.interface import implementer

import ssetwist
import twisted.plugins
from ssetwist import (
    EndReason,
    Event,
    HubClosed,
    HubConfig,
    HubService,
    SSETwistError,
    UnknownCursor,
    WhenBehind,
)
from ssetwist.errors import CannotListen
from ssetwist.hub._hub import usable_cores
from ssetwist.mercure import TokenSettings
from ssetwist.mercure.tokens._keys import VerificationKey
from ssetwist.server.tap import CannotStart, Options, makeService
from ssetwist.testing import MemoryOutlet
from tests.conformance.reference import Received, read
from tests.memory import Client

try:
    import resource
except ImportError:  # Windows has no limits
    resource = None

#: A key, with which the hub is not only for development.
_KEY = VerificationKey.from_secret(b"k" * 32)
KEY = TokenSettings(publish=(_KEY,), subscribe=(_KEY,))


class Port:
    """
    A port that is listened on, in memory.
    """

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

    def stopListening(self) -> Deferred[None]:
        # As a real one: no new connection from now on, and the rest in the next turn.
        self._reactor.ports.remove(self)
        return deferLater(self._reactor, 0, self.factory.doStop)


class Reactor(MemoryReactorClock):
    """
    Twisted's, but with ports that start and stop, know their address, and may be in use.

    :ivar ports: What is listened on now.
    :ivar in_use: The numbers of TCP ports that somebody else has.
    :ivar slow: What listening on a ``slow`` endpoint waits for.
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

    def callWhenRunning(self, call: Callable[..., object], *args: object, **named: object) -> None:
        call(*args, **named)

    def callFromThread(  # noqa: N802 (Twisted's name)
        self, call: Callable[..., object], *args: object
    ) -> None:
        self.callLater(0, call, *args)

    def listenUNIX(self, address: str, factory: Factory, backlog: int = 50, **_: object) -> Port:
        return Port(self, UNIXAddress(address), factory, backlog)


@implementer(IPlugin, IStreamServerEndpointStringParser)
class SlowEndpointParser:
    """
    Knows the endpoint ``slow``, which listens when the test says so.
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


class OptionsTests(SynchronousTestCase):
    """
    The command line.
    """

    def config(self, *arguments: str) -> HubConfig:
        """
        Return what the arguments ask for.
        """
        options = Options()
        options.parseOptions(arguments)
        return options.config

    def refused(self, *arguments: str) -> str:
        """
        Check that these arguments end the process, and return what is said.
        """
        problem = self.assertRaises(SystemExit, self.config, *arguments)
        self.assertIsInstance(problem.code, str)
        self.assertNotIn("\n", problem.code)
        return problem.code

    def test_defaults(self) -> None:
        """
        Without options the defaults are those of the configuration.
        """
        self.assertEqual(HubConfig(), self.config())

    def test_good_values(self) -> None:
        """
        Each option sets its own value and nothing else.
        """
        cases = (
            ("--heartbeat", "0", {"heartbeat": 0.0}),
            ("--heartbeat", "0.5", {"heartbeat": 0.5}),
            ("--heartbeat", ".5", {"heartbeat": 0.5}),
            ("--heartbeat", "2.", {"heartbeat": 2.0}),
            ("--heartbeat", "86400", {"heartbeat": 86400.0}),
            ("--reconnection-time", "0", {"reconnection_time": 0.0}),
            ("--reconnection-time", "10", {"reconnection_time": 10.0}),
            ("--tick", "0", {"tick": 0.0}),
            ("--tick", "0.1", {"tick": 0.1}),
            ("--max-subscribers", "0", {"max_subscribers": 0}),
            ("--max-subscribers", "999999999", {"max_subscribers": 999999999}),
            ("--max-per-address", "0", {"max_per_address": 0}),
            ("--max-per-address", "6", {"max_per_address": 6}),
            ("--stall-timeout", "0.1", {"stall_timeout": 0.1}),
            ("--stall-timeout", "60", {"stall_timeout": 60.0}),
            ("--drain-timeout", "0", {"drain_timeout": 0.0}),
            ("--drain-timeout", "30", {"drain_timeout": 30.0}),
            ("--lifetime", "0", {"lifetime": 0.0}),
            ("--lifetime", "1", {"lifetime": 1.0}),
            ("--lifetime", "3600", {"lifetime": 3600.0}),
            ("--log-events", "0", {"log_events": 0}),
            ("--log-events", "999999999", {"log_events": 999_999_999}),
            ("--log-bytes", "0", {"log_bytes": 0}),
            ("--log-bytes", "1000000", {"log_bytes": 1_000_000}),
            ("--log-age", "1", {"log_age": 1.0}),
            ("--log-age", "86400", {"log_age": 86400.0}),
            ("--when-behind", "disconnect", {"when_behind": WhenBehind.DISCONNECT}),
            ("--when-behind", "skip", {"when_behind": WhenBehind.SKIP}),
            ("--when-behind", "latest", {"when_behind": WhenBehind.LATEST}),
            ("--unknown-cursor", "live", {"unknown_cursor": UnknownCursor.LIVE}),
            ("--unknown-cursor", "all", {"unknown_cursor": UnknownCursor.ALL}),
            ("--gap", "", {"gap": ""}),
            ("--gap", "missed", {"gap": "missed"}),
            ("--flush-threads", "0", {"flush_threads": 0}),
            ("--flush-threads", "1", {"flush_threads": 1}),
            ("--flush-threads", "64", {"flush_threads": 64}),
            ("--max-body", "1", {"max_body": 1}),
            ("--max-body", "1000", {"max_body": 1000}),
            ("--max-matchers", "5", {"max_matchers": 5}),
            ("--max-topics", "1", {"max_topics": 1}),
            ("--max-topics", "1000", {"max_topics": 1000}),
            ("--max-per-token", "6", {"max_per_token": 6}),
            ("--publish-rate", "0.5", {"publish_rate": 0.5}),
            ("--authorize-url", "http://a/b", {"authorize_url": "http://a/b"}),
            ("--listen", "tcp:80", {"listen": ["tcp:80"]}),
            ("--listen", "unix:/run/sse", {"listen": ["unix:/run/sse"]}),
            ("--listen", "tcp:80:backlog=5", {"listen": ["tcp:80:backlog=5"]}),
        )
        for option, text, values in cases:
            config = self.config(option, text)
            expected = dataclasses.replace(HubConfig(), **values)
            for field in dataclasses.fields(HubConfig):
                wanted, found = getattr(expected, field.name), getattr(config, field.name)
                if field.name == "listen":
                    wanted, found = list(wanted), list(found)
                self.assertEqual(wanted, found, (option, text, field.name))

    def test_bad_values(self) -> None:
        """
        What cannot be meant ends the process with one line, which names the option and the value.
        """
        seconds = ("", "x", "-1", "-0.1", "nan", "inf", "-inf", "86401", "1e99", "1e2", "5s", "1,5")
        numbers = ("", "x", "-1", "+1", "1.5", "1e3", "1_000", " 1", "٣", "²", "1000000000", "nan")
        endpoints = ("", "8080", "tcp", "tcp:x", "tcp:80:x=1", "nope:80", "ssl:443:privateKey=/no")
        cases = {
            "heartbeat": seconds,
            "reconnection-time": seconds,
            "tick": seconds,
            "stall-timeout": (*seconds, "0", "0.09"),
            "drain-timeout": seconds,
            "lifetime": (*seconds, "0.9"),
            "log-age": (*seconds, "0", "0.9"),
            "log-events": numbers,
            "log-bytes": numbers,
            "flush-threads": (*numbers, "65"),
            "when-behind": ("", "foo", "Skip", "SKIP", "skip ", "live"),
            "unknown-cursor": ("", "foo", "All", "none", "skip"),
            "max-subscribers": numbers,
            "max-per-address": numbers,
            "max-body": (*numbers, "0"),
            "max-matchers": (*numbers, "0"),
            "max-topics": (*numbers, "0", "1001"),
            "max-per-token": numbers,
            "publish-rate": ("", "x", "-1", "nan", "inf", "1e2", "1/s"),
            "cors-origin": ("", "example.com", "https://a/b", "null", "https://*.com"),
            "publish-origin": ("", "example.com", "https://a/b", "null", "https://*.com"),
            "authorize-url": ("", "x", "ftp://a/", "https://u:p@a/"),
            "key": ("no such file", "env:NO_SUCH_VARIABLE"),
            "listen": endpoints,
        }
        for option, texts in cases.items():
            for text in texts:
                said = self.refused(f"--{option}", text)
                self.assertIn(f"--{option}: ", said)
                if option not in ("key", "authorize-url"):  # what may be secret is not said again
                    self.assertIn(text or "''", said)

    def test_twice(self) -> None:
        """
        An option that has one value is refused when it is there twice: of two keys it would be
        half of what is meant.
        """
        for option, text in (("key", "env:PATH"), ("tick", "1"), ("authorize-url", "http://a/")):
            self.assertEqual(
                f"twistd ssetwist: --{option}: it is there 2 times; once is all",
                self.refused(f"--{option}", text, f"--{option}={text}"),
            )
        self.config("--subscriptions", "--subscriptions")

    def test_where_options_are(self) -> None:
        """
        Where an option is unknown it is said where to find those there are.
        """
        self.assertEqual(
            "twistd ssetwist: option --audiance not recognized; --help lists what there is",
            self.refused("--audiance", "x"),
        )
        self.assertEqual("twistd ssetwist: option --tick requires argument", self.refused("--tick"))

    def test_help(self) -> None:
        """
        The help is in sentences: with one blank between two words, and no value that is empty.
        """
        text = str(Options())
        paragraphs = re.split(r"\n {6}--\S+ +", text)
        self.assertIn("heartbeat", text)
        for paragraph in paragraphs:
            self.assertNotRegex(re.sub(r"\n +", " ", paragraph), r"[a-z]  +[a-z]")
        self.assertNotIn("[default: ]", text)

    def test_no_pem(self) -> None:
        """
        Where a file of a TLS endpoint is no PEM, it is said what must be there, and in which words.
        """
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "file")
            path.write_text("no PEM\n")
            said = self.refused(f"--listen=ssl:8443:privateKey={path}")
        self.assertIn("such as 'ssl:8443:privateKey=key.pem:certKey=cert.pem'", said)

    def test_version(self) -> None:
        """
        The version that is asked for is that of the hub, and of Twisted, too.
        """
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            ended = self.assertRaises(SystemExit, self.config, "--version")
        self.assertEqual(0, ended.code)
        self.assertEqual(
            f"ssetwist {ssetwist.__version__}, Twisted {twisted.__version__}\n", output.getvalue()
        )

    def test_choices_are_named(self) -> None:
        """
        Where there is a choice it is said which.
        """
        self.assertEqual(
            "twistd ssetwist: --when-behind: 'foo' is none of disconnect, skip, latest",
            self.refused("--when-behind=foo"),
        )
        self.assertEqual(
            "twistd ssetwist: --unknown-cursor: 'foo' is none of live, all",
            self.refused("--unknown-cursor=foo"),
        )

    def test_bounds_are_named(self) -> None:
        """
        Where a number is out of bounds these are said, in the option's name.
        """
        self.assertIn(
            "--lifetime: 0.5 is not 0, or from 1 to 86400 seconds", self.refused("--lifetime=0.5")
        )
        self.assertIn("--log-age: 0 is not from 1 to 86400", self.refused("--log-age=0"))
        self.assertIn("--flush-threads: 65 is not from 0 to 64", self.refused("--flush-threads=65"))

    def test_gap_is_a_type(self) -> None:
        """
        What could be no type of an event is refused.
        """
        for text in ("a\nb", "a\rb", "\udcff"):
            self.assertIn("--gap: ", self.refused("--gap", text))

    def test_lifetime_needs_a_log(self) -> None:
        """
        Streams do not end by themselves where those who come back would miss something.
        """
        for missing in ("--log-events=0", "--log-bytes=0"):
            said = self.refused("--lifetime=60", missing)
            self.assertIn("--lifetime: needs a log", said)

    def test_seconds_as_numbers(self) -> None:
        """
        Times are refused in the spellings in which whole numbers are.
        """
        for text in ("1_0", "٣", " 5"):
            self.assertIn("--reconnection-time", self.refused("--reconnection-time", text))

    def test_backlog_by_position(self) -> None:
        """
        An endpoint may name its backlog in any way that Twisted knows.
        """
        listen = "tcp:80:127.0.0.1:5"
        self.assertEqual([listen], list(self.config("--listen", listen).listen))

    def test_listen_again(self) -> None:
        """
        There may be several endpoints, in their order.
        """
        config = self.config("--listen", "tcp:81", "--listen", "tcp:80")
        self.assertEqual(["tcp:81", "tcp:80"], list(config.listen))

    def test_two_command_lines(self) -> None:
        """
        What one command line says is not remembered for the next.
        """
        self.config("--listen", "tcp:80", "--reconnection-time", "5")
        self.assertEqual(HubConfig(), self.config())

    def test_unknown(self) -> None:
        """
        An unknown option is named.
        """
        self.assertIn("--port", self.refused("--port", "80"))

    def test_without_value(self) -> None:
        """
        An option that lacks its value is named.
        """
        self.assertIn("--reconnection-time", self.refused("--reconnection-time"))

    def test_arguments(self) -> None:
        """
        Something that is no option is named.
        """
        self.assertIn("'8080'", self.refused("8080"))


class HubConfigTests(SynchronousTestCase):
    """
    All that a service can be told.
    """

    def test_frozen(self) -> None:
        """
        It cannot be changed under a running service.
        """
        config = HubConfig()
        with self.assertRaises(dataclasses.FrozenInstanceError):
            config.reconnection_time = 1.0

    def test_listen_is_a_sequence(self) -> None:
        """
        One string is no sequence of them, and none is none: both are mistakes, told at once.
        """
        for listen in ("tcp:8080", "", (), []):
            error = self.assertRaises(ValueError, HubConfig, listen=listen)
            self.assertIn("listen must be one or more endpoint strings", str(error))

    def test_bounds(self) -> None:
        """
        What makes no sense is told by the configuration, too, by its name.
        """
        nan, inf = float("nan"), float("inf")
        cases = {
            "heartbeat": (-1, 0.09, 86401, nan, inf),
            "reconnection_time": (-0.1, 86401, nan),
            "tick": (-1, 0.0009, 86401, nan),
            "stall_timeout": (0, 0.09, -1, nan),
            "drain_timeout": (-1, 86401, nan),
            "lifetime": (-1, 0.9, 86401, nan),
            "log_age": (0, 0.9, 86401, inf, nan),
            "log_events": (-1,),
            "log_bytes": (-1,),
            "flush_threads": (-1, 65),
            "gap": ("a\nb",),
        }
        for name, values in cases.items():
            for value in values:
                error = self.assertRaises(ValueError, HubConfig, **{name: value})
                self.assertIn(name, str(error), (name, value))

    def test_numbers(self) -> None:
        """
        A text, such as variables of the environment are, is no number.
        """
        for name in ("heartbeat", "max_body", "max_subscribers", "log_events", "publish_rate"):
            error = self.assertRaises(TypeError, HubConfig, **{name: "15"})
            self.assertEqual(f"{name} must be a number, not '15'", str(error))

    def test_lifetime_needs_a_log(self) -> None:
        """
        Streams do not end by themselves where those who come back would miss something.
        """
        for missing in ("log_events", "log_bytes"):
            error = self.assertRaises(ValueError, HubConfig, **{"lifetime": 60, missing: 0})
            self.assertIn("lifetime needs a log", str(error))

    def test_without_reactor(self) -> None:
        """
        Who forgets the reactor is told so.
        """
        error = self.assertRaises(TypeError, HubService, HubConfig())
        self.assertEqual("the reactor comes first, then the HubConfig", str(error))

    def test_loopback(self) -> None:
        """
        Unless told otherwise, only this machine can connect.
        """
        self.assertEqual(["tcp:8080:interface=127.0.0.1"], list(HubConfig().listen))


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

    def start_all_the_same(self, service: HubService) -> CannotListen:
        """
        Check that it cannot be started, and return the error.
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
        Stop a service, unless the test has done so, and check that nothing is left of it.
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
        client = Client(self.reactor.ports[port].factory, self.reactor)
        client.request(path)
        return client

    def logged(self, level: LogLevel, call: Callable[[], object]) -> list[str]:
        """
        Return what a call logs on this level.
        """
        with capturedLogs() as events:
            call()
        return [formatEvent(event) for event in events if event["log_level"] is level]


class ListenTests(ServiceTestCase):
    """
    Listening.
    """

    def test_all(self) -> None:
        """
        It listens on all its endpoints, in their order.
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
        Whoever connects, on whichever port, is a subscriber of the same hub.
        """
        service = self.start("tcp:81:interface=127.0.0.1", "tcp:80:interface=127.0.0.1")
        clients = [self.connect(0), self.connect(1)]
        service.hub.publish("news", Event("a"))
        self.pass_time(0.1)
        for client in clients:
            self.assertTrue(client.body.endswith(b"data: a\n\n"), client.body)

    def test_paths_in_between(self) -> None:
        """
        Above the hub's path there is nothing, which is no question of the method.
        """
        self.start("tcp:80", tokens=KEY)
        self.assertTrue(self.connect(path="/.well-known").head.startswith(b"1 404 "))

    def test_backlog(self) -> None:
        """
        Many may wait to be accepted, on every kind of port.
        """
        self.start("tcp:80", "tcp6:81", "unix:/run/sse", tokens=KEY)
        self.assertEqual([4096] * 3, [port.backlog for port in self.reactor.ports])

    def test_named_backlog(self) -> None:
        """
        An endpoint that names its backlog has that.
        """
        self.start("tcp:80:backlog=5", "tcp:81:backlog=6:interface=127.0.0.1", tokens=KEY)
        self.assertEqual([5, 6], [port.backlog for port in self.reactor.ports])

    def test_before_privileges_are_given_up(self) -> None:
        """
        It listens while the process may still have its rights, and not once more after that.
        """
        service = self.make()
        self.addCleanup(self.stop, service)
        service.privilegedStartService()
        self.assertEqual(1, len(service.ports))
        service.startService()
        self.assertEqual(1, len(service.ports))

    def test_without_privileges(self) -> None:
        """
        It also listens where nobody calls ``privilegedStartService``.
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
        The log says where it listens, as an address that a browser takes where there is one.
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

    def test_beyond_loopback(self) -> None:
        """
        Without a key, a port that others can reach is not listened on, and the error says what to
        do; with one it is, and so it is where an application decides.
        """
        for listen in (
            "tcp:80",
            "tcp:80:interface=192.0.2.1",
            "tcp6:80",
            r"tcp6:80:interface=fe80\:\:1%eth0",
        ):
            before = list(self.reactor.ports)
            error = self.start_all_the_same(self.make(listen))
            self.assertEqual(listen, error.endpoint)
            self.assertIn("--key", str(error))
            self.assertIn("interface=127.0.0.1", str(error))
            self.pass_time(0.1)
            self.assertEqual(before, self.reactor.ports)
            for options in ({"tokens": KEY}, {"authorize_url": "https://app.example/may"}):
                self.start(listen, **options)

    def test_loopback(self) -> None:
        """
        A port that only this machine can reach is.
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
        A port that is in use is an error, which names the endpoint.
        """
        error = self.start_all_the_same(self.make("tcp:80"))
        self.assertEqual("tcp:80", error.endpoint)
        self.assertIn("'tcp:80'", str(error))
        self.assertIn("in use", str(error))
        self.assertIn("choose another port (--listen)", str(error))

    def test_without_privileges(self) -> None:
        """
        It is an error as well where nobody calls ``privilegedStartService``.
        """
        self.assertRaises(CannotListen, self.make("tcp:80").startService)

    def test_error(self) -> None:
        """
        The error is one of ours, and without the errors behind it, which would only be noise.
        """
        error = self.start_all_the_same(self.make("tcp:80"))
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
        It is an error too when other endpoints could be listened on before.
        """
        error = self.start_all_the_same(self.make("tcp:81", "tcp:80", tokens=KEY))
        self.assertEqual("tcp:80", error.endpoint)
        self.pass_time(1.0)

    def test_no_endpoint(self) -> None:
        """
        What is no endpoint string is such an error too.
        """
        error = self.start_all_the_same(self.make("nope:80"))
        self.assertEqual("nope:80", error.endpoint)

    def test_logged(self) -> None:
        """
        It is logged in one line.
        """
        service = self.make("tcp:80")
        messages = self.logged(LogLevel.critical, lambda: self.start_all_the_same(service))
        self.assertEqual(1, len(messages))
        self.assertIn("cannot listen on 'tcp:80'", messages[0])


class SlowEndpointTests(ServiceTestCase):
    """
    Endpoints that take their time, as those that ask another process do.
    """

    def setUp(self) -> None:
        super().setUp()
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        Path(folder, "slow_endpoint.py").write_text(
            f"from {__name__} import SlowEndpointParser\nslow = SlowEndpointParser()\n"
        )
        # This is how Twisted finds plugins; there is no other way to add an endpoint.
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
        It is started at once, and listens later.
        """
        service = self.start("slow")
        self.assertEqual((), service.ports)
        self.listen()
        self.assertEqual(1, len(service.ports))

    def test_fails_later(self) -> None:
        """
        When that fails it is logged in one line, and nothing listens.
        """
        service = self.start("tcp:80:interface=127.0.0.1", "slow")

        def fail() -> None:
            self.reactor.slow.errback(OSError("no such service"))
            self.pass_time(1.0)

        messages = self.logged(LogLevel.critical, fail)
        self.assertEqual(["cannot listen on 'slow': no such service"], messages)
        self.assertEqual(([], ()), (self.reactor.ports, service.ports))

    def test_stopped_before(self) -> None:
        """
        When it is stopped before it listens, nothing is wrong, and it listens no longer than it
        takes to stop.
        """
        service = self.start("tcp:80:interface=127.0.0.1", "slow")
        messages = self.logged(LogLevel.critical, lambda: self.stop(service))
        self.assertEqual([], messages)
        self.assertEqual([], self.reactor.ports)
        self.listen()
        self.pass_time(1.0)
        self.assertEqual(([], ()), (self.reactor.ports, service.ports))

    def test_while_it_stops(self) -> None:
        """
        An endpoint that listens while the others are being stopped is stopped, too.
        """
        service = self.start("tcp:80:interface=127.0.0.1", "slow")
        stopping = service.stopService()
        self.listen()
        self.pass_time(1.0)
        self.successResultOf(stopping)
        self.assertEqual(([], ()), (self.reactor.ports, service.ports))


class TickTests(ServiceTestCase):
    """
    The events of the demonstration.
    """

    def ticks(self, client: Client) -> list[Received]:
        """
        Return the events that a client has received.
        """
        return read(client.body).received

    def test_each_second(self) -> None:
        """
        There is an event of type ``tick`` each second.
        """
        self.start()
        client = self.connect()
        for count in range(5):
            self.assertEqual(["tick"] * count, [tick.type for tick in self.ticks(client)])
            self.pass_time(1.0)

    def test_data(self) -> None:
        """
        Its data is JSON: its number, the time, and how many subscribers there are.
        """
        self.start()
        client, _ = self.connect(), self.connect()
        self.pass_time(2.0)
        self.assertEqual(
            [
                {"tick": 1, "time": "1970-01-01T00:00:01.000Z", "subscribers": 2},
                {"tick": 2, "time": "1970-01-01T00:00:02.000Z", "subscribers": 2},
            ],
            [json.loads(tick.data) for tick in self.ticks(client)],
        )

    def test_ephemeral(self) -> None:
        """
        They have no id, and nobody who comes back gets those of the past.
        """
        service = self.start()
        client = self.connect()
        self.pass_time(3.0)
        self.assertNotIn(b"id:", client.body)
        self.assertEqual(3, len(self.ticks(client)))
        self.assertEqual([], self.ticks(self.connect(path="/sse?from=earliest")))
        self.assertEqual(0, service.hub.log.head)

    def test_other_time(self) -> None:
        """
        The time between them can be set.
        """
        self.start(tick=0.25)
        client = self.connect()
        self.pass_time(1.0)
        self.assertEqual(4, len(self.ticks(client)))

    def test_none(self) -> None:
        """
        With a time of 0 there are none.
        """
        self.start(tick=0)
        client = self.connect()
        self.pass_time(10.0)
        self.assertEqual([], self.ticks(client))

    def test_hub_closed(self) -> None:
        """
        When the application closes the hub the ticks end, which is logged once.
        """
        service = self.start()
        service.hub.close()
        self.pass_time(5.0)
        self.assertEqual(1, len(self.flushLoggedErrors(HubClosed)))


class StopTests(ServiceTestCase):
    """
    Stopping.
    """

    def test_nothing_is_left(self) -> None:
        """
        After it has stopped there is no port, no connection and no timer.
        """
        service = self.start("tcp:81:interface=127.0.0.1", "tcp:80:interface=127.0.0.1")
        clients = [self.connect(0), self.connect(1), self.connect(0, "/")]
        stopping = service.stopService()
        self.pass_time(1.0)
        self.successResultOf(stopping)
        self.assertEqual([False] * 3, [client.transport.is_connected for client in clients])
        self.assertEqual(([], ()), (self.reactor.ports, service.ports))
        self.assertEqual([], self.reactor.getDelayedCalls())

    def test_nobody_new(self) -> None:
        """
        The first thing is that nobody new can connect.
        """
        service = self.start()
        service.stopService()
        self.assertEqual([], self.reactor.ports)
        self.pass_time(1.0)

    def test_streams_end_properly(self) -> None:
        """
        Every stream ends as a whole response, and the client reads when to come back.
        """
        service = self.start(tick=0, reconnection_time=7.0)
        client = self.connect()
        service.stopService()
        self.pass_time(1.0)
        self.assertTrue(client.is_complete)
        self.assertFalse(client.transport.is_aborted)
        self.assertGreaterEqual(read(client.body).reconnection_time, 7000)

    def test_hub_is_closed(self) -> None:
        """
        Its hub takes nothing any more.
        """
        service = self.start()
        service.stopService()
        self.pass_time(1.0)
        self.assertRaises(HubClosed, service.hub.publish, "news", Event("a"))

    def test_slow_client(self) -> None:
        """
        It waits for a client that is slow.
        """
        service = self.start(tick=0)
        client = self.connect()
        client.stop_reading()
        service.hub.publish("news", Event("a"))
        stopping = service.stopService()
        self.pass_time(5.0)
        self.assertNoResult(stopping)
        client.read_again()
        self.pass_time(1.0)
        self.successResultOf(stopping)
        self.assertEqual(["a"], [event.data for event in read(client.body).received])
        self.assertFalse(client.transport.is_aborted)

    def test_client_that_does_not_read(self) -> None:
        """
        A client that does not read is cut, so that all is over within the drain time-out.
        """
        service = self.start(tick=0, drain_timeout=10.0)
        client = self.connect()
        client.stop_reading()
        service.hub.publish("news", Event("a"))
        stopping = service.stopService()
        self.pass_time(8.0)
        self.assertNoResult(stopping)
        self.pass_time(2.0)
        self.successResultOf(stopping)
        self.assertTrue(client.transport.is_aborted)

    def test_abort(self) -> None:
        """
        Whoever cannot wait for that may cut all who are left.
        """
        service = self.start(tick=0)
        client = self.connect()
        client.stop_reading()
        stopping = service.stopService()
        self.pass_time(1.0)
        service.abort()
        self.pass_time(0.1)
        self.successResultOf(stopping)
        self.assertTrue(client.transport.is_aborted)

    def test_cancel(self) -> None:
        """
        Who cancels the stop leaves those open who are still there, and no timer of the stop.
        """
        service = self.start(tick=0, heartbeat=0)
        client = self.connect()
        client.stop_reading()
        stopping = service.stopService()
        self.pass_time(1.0)
        stopping.cancel()
        self.failureResultOf(stopping, CancelledError)
        self.pass_time(15.0)
        self.assertTrue(client.transport.is_connected)
        client.close()
        self.assertEqual([], self.reactor.getDelayedCalls())

    def test_not_started(self) -> None:
        """
        Stopping what was never started is no error.
        """
        service = self.make()
        stopping = service.stopService()
        self.pass_time(1.0)
        self.successResultOf(stopping)

    def test_only_privileged(self) -> None:
        """
        A service that listens, but could not be started after that, can be stopped.
        """
        service = self.make()
        service.privilegedStartService()
        stopping = service.stopService()
        self.pass_time(1.0)
        self.successResultOf(stopping)
        self.assertEqual([], self.reactor.ports)


class SideBySideTests(ServiceTestCase):
    """
    Two services in one process.
    """

    def test_events(self) -> None:
        """
        What is published by one is not heard at the other.
        """
        service, other = (
            self.start("tcp:81:interface=127.0.0.1", tick=0),
            self.start("tcp:80:interface=127.0.0.1", tick=0),
        )
        client, other_client = self.connect(0), self.connect(1)
        service.hub.publish("news", Event("a"))
        other.hub.publish("news", Event("b"))
        self.pass_time(0.1)
        heard = [
            [event.data for event in read(one.body).received] for one in (client, other_client)
        ]
        self.assertEqual([["a"], ["b"]], heard)

    def test_configuration(self) -> None:
        """
        Each has its own limits and times.
        """
        self.start("tcp:81:interface=127.0.0.1", tick=0, reconnection_time=1.0)
        self.start("tcp:80:interface=127.0.0.1", tick=0, reconnection_time=2.0)
        times = [read(self.connect(port).body).reconnection_time for port in (0, 1)]
        self.assertEqual([1000, 2000], times)

    def test_stop(self) -> None:
        """
        When one stops the other goes on.
        """
        service, other = (
            self.start("tcp:81:interface=127.0.0.1"),
            self.start("tcp:80:interface=127.0.0.1"),
        )
        client, other_client = self.connect(0), self.connect(1)
        self.stop(service)
        self.assertFalse(client.transport.is_connected)
        self.assertEqual(1, other.hub.subscriber_count)
        before = len(read(other_client.body).received)
        self.pass_time(3.0)
        self.assertEqual(before + 3, len(read(other_client.body).received))


class ConfigurationTests(ServiceTestCase):
    """
    What the configuration means to the service.
    """

    def test_max_subscribers(self) -> None:
        """
        There are no more subscribers than there may be.
        """
        service = self.start(tick=0, max_subscribers=1)
        self.connect()
        self.assertIn(b"503", self.connect().received.partition(b"\r\n")[0])
        self.assertEqual(1, service.hub.subscriber_count)

    def test_max_per_address(self) -> None:
        """
        There are no more subscribers from one address than there may be.
        """
        service = self.start(tick=0, max_per_address=1)
        self.connect()
        self.assertIn(b"503", self.connect().received.partition(b"\r\n")[0])
        self.assertEqual(1, service.hub.subscriber_count)

    def test_heartbeat(self) -> None:
        """
        A silent stream gets a comment after the heartbeat.
        """
        self.start(tick=0, heartbeat=5.0)
        client = self.connect()
        before = len(client.body)
        self.pass_time(5.5)
        self.assertEqual(b":\n", client.body[before:])

    def test_stall_timeout(self) -> None:
        """
        Who takes nothing for the stall time-out is cut, and it is known why.
        """
        service = self.start(tick=0, stall_timeout=5.0)
        client = self.connect()
        ended = service.hub.subscribers[0].when_ended()
        client.stop_reading()
        self.pass_time(6.1)
        self.assertEqual(EndReason.STALLED, self.successResultOf(ended))

    def missed(self, service: HubService, *texts: str) -> list[Received]:
        """
        Return what somebody gets who asks for everything after these events.
        """
        for text in texts:
            service.hub.publish("news", Event(text))
        self.pass_time(0.25)
        client = self.connect(path="/sse?from=earliest")
        self.pass_time(0.25)
        return read(client.body).received

    def test_log(self) -> None:
        """
        What is kept is bounded in number, and in bytes.
        """
        texts = [f"{number}" + "x" * 30 for number in range(5)]
        for options in ({"log_events": 2}, {"log_bytes": 150}):
            service = self.start(tick=0, **options)
            kept = [event.data for event in self.missed(service, *texts)]
            self.assertEqual(texts[-2:], kept, options)
            self.stop(service)

    def test_log_age(self) -> None:
        """
        So it is in time.
        """
        service = self.start(tick=0, log_age=5.0)
        service.hub.publish("news", Event("old"))
        self.pass_time(4.0)
        self.assertEqual(["old", "new"], [event.data for event in self.missed(service, "new")])
        self.pass_time(1.0)
        self.assertEqual(["new"], [event.data for event in self.missed(service)])

    def test_no_log(self) -> None:
        """
        With no events kept there is only what is new.
        """
        self.assertEqual([], self.missed(self.start(tick=0, log_events=0), "1"))

    def test_lifetime(self) -> None:
        """
        A stream ends when it has lasted as long as it may, less a fifth at most.
        """
        service = self.start(tick=0, lifetime=60.0)
        self.connect()
        ended = service.hub.subscribers[0].when_ended()
        self.pass_time(47.0)
        self.assertNoResult(ended)
        self.pass_time(17.0)
        self.assertEqual(EndReason.LIFETIME_OVER, self.successResultOf(ended))

    def unknown(self, **options: object) -> list[tuple[str, str]]:
        """
        Return type and data, if there are any, of what a client gets with an unknown cursor.
        """
        service = self.start(tick=0, **options)
        service.hub.publish("news", Event("1"))
        self.pass_time(0.25)
        client = self.connect(path="/sse?last_event_id=unknown")
        self.pass_time(0.25)
        self.stop(service)
        return [(one.type, one.data[:1].strip("{")) for one in read(client.body).received]

    def test_unknown_cursor(self) -> None:
        """
        Who comes back with an id that is not known gets what is new, or all; and is told, or not.
        """
        self.assertEqual([("gap", "")], self.unknown())
        self.assertEqual([("missed", "")], self.unknown(gap="missed"))
        self.assertEqual([], self.unknown(gap=""))
        everything = {"unknown_cursor": UnknownCursor.ALL}
        self.assertEqual([("gap", ""), ("message", "1")], self.unknown(**everything))

    def behind(self, **options: object) -> tuple[list[Received], bool]:
        """
        Return what a client gets that was behind until all that it had missed was forgotten, and
        whether its stream goes on.
        """
        service = self.start(tick=0, log_events=2, **options)
        client = self.connect()
        client.stop_reading()
        for number in range(5):
            service.hub.publish(f"topic {number % 2}", Event(str(number)))
            self.pass_time(1 / 16)
        client.read_again()
        self.pass_time(0.25)
        is_open = bool(service.hub.subscriber_count)
        self.stop(service)
        return read(client.body).received, is_open

    def test_when_behind(self) -> None:
        """
        Who was behind for too long is disconnected, or skips, or gets what is left.
        """
        for when_behind, expected in (
            (WhenBehind.DISCONNECT, (["0"], False)),
            (WhenBehind.SKIP, (["0", "gap"], True)),
            (WhenBehind.LATEST, (["0", "gap", "3", "4"], True)),
        ):
            events, is_open = self.behind(when_behind=when_behind)
            heard = ["gap" if event.type == "gap" else event.data for event in events]
            self.assertEqual(expected, (heard, is_open), when_behind)

    def test_max_body(self) -> None:
        """
        The limit on bodies holds for every path, also where a body makes no sense.
        """
        self.start(max_body=10)
        for path in ("/.well-known/mercure", "/sse", "/nothing"):
            for length, is_refused in ((10, False), (11, True)):
                client = Client(self.reactor.ports[0].factory, self.reactor)
                client.request(path, method="POST", headers={"Content-Length": str(length)})
                self.assertEqual(is_refused, client.head.startswith(b"1 413 "), (path, length))

    def test_page(self) -> None:
        """
        The page is at ``/``.
        """
        self.start()
        self.assertIn(b"content-type: text/html", self.connect(path="/").head)


class MakeServiceTests(SynchronousTestCase):
    """
    What ``twistd ssetwist`` runs.
    """

    def make(self, *arguments: str) -> HubService:
        """
        Make the service for a command line, and have this process as it was after the test.
        """
        if resource is not None:
            limits = resource.getrlimit(resource.RLIMIT_NOFILE)
            self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, limits)
        options = Options()
        options.parseOptions(arguments)
        return makeService(options)

    def test_service(self) -> None:
        """
        It is a service with a hub, and nothing is started yet.
        """
        service = self.make()
        self.assertIsInstance(service, HubService)
        self.assertEqual((0, ()), (service.running, service.ports))

    def test_descriptors(self) -> None:
        """
        It may open as many files as this process could have asked for.
        """
        if resource is None:
            raise SkipTest("there are no limits here")
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard - 1, hard))
        self.make()
        self.assertEqual((hard, hard), resource.getrlimit(resource.RLIMIT_NOFILE))

    def test_options(self) -> None:
        """
        The service is configured as the options say.
        """
        service = self.make("--heartbeat", "5", "--stall-timeout", "6", "--max-subscribers", "1")
        outlet = MemoryOutlet(service.hub.streams)
        self.addCleanup(outlet.leave)
        service.hub.subscribe(outlet)
        streams = service.hub.streams
        self.assertEqual(
            (5.0, 6.0, True), (streams.heartbeat, streams.stall_timeout, service.hub.is_full(""))
        )

    def test_flush_threads(self) -> None:
        """
        One thread sends, or as many as there are cores, or as many as are asked for.
        """
        for text, expected in (("1", 1), ("3", 3), ("0", usable_cores())):
            senders = self.make("--flush-threads", text).hub._live._senders
            self.assertEqual(expected, 1 if senders is None else senders._threads)

    def test_in_use(self) -> None:
        """
        What cannot listen ends the process with a status, and is an ``Exception``, because a
        daemon tells only of those.
        """
        service = self.make("--listen", "unix:/no/such/folder/hub")
        with capturedLogs() as events:
            problem = self.assertRaises(CannotStart, service.privilegedStartService)
        self.assertEqual(1, problem.code)
        self.assertIsInstance(problem, Exception)
        self.assertIsInstance(problem, SystemExit)
        self.assertEqual(1, [event["log_level"] for event in events].count(LogLevel.critical))

    def test_two(self) -> None:
        """
        Two services share nothing.
        """
        self.assertIsNot(self.make().hub, self.make().hub)
