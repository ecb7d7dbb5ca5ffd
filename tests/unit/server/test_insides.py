"""
Assumptions of :mod:`ssetwist.server._insides` about Twisted, held against Twisted's own classes.
"""

import select
import socket
import sys
import tempfile
from asyncio import new_event_loop
from io import StringIO
from pathlib import Path
from selectors import SelectSelector
from types import SimpleNamespace
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.internet.base import ReactorBase
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.error import ConnectionDone
from twisted.internet.pollreactor import PollReactor
from twisted.internet.protocol import Factory
from twisted.internet.selectreactor import SelectReactor
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import (
    FilteringLogObserver,
    LogBeginner,
    Logger,
    LogPublisher,
    capturedLogs,
    textFileLogObserver,
)
from twisted.python.failure import Failure
from twisted.python.logfile import LogFile
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import Agent, HTTPConnectionPool

from ssetwist.server._insides import (
    accept_at_most,
    before_logging_begins,
    bound_accepts,
    file_observer_of,
    file_of,
    interest_of,
    measure_by,
    most_descriptors,
    open_file_of,
    poller_of,
    quiet_pool,
    selectables_of,
    set_file,
    set_poller,
    wrap_files,
)


class QuietPoolTests(SynchronousTestCase):
    """
    A pool that does not log its connections.
    """

    def lines_of(self, pool: HTTPConnectionPool, reactor: MemoryReactorClock) -> list[str]:
        """
        Return the log lines about a connection that an agent makes for a request.
        """
        agent = Agent(reactor, pool=pool)
        with capturedLogs() as logs:
            agent.request(b"GET", b"http://192.0.2.1/").addErrback(lambda _: None)
            reactor.advance(0)
            [(_, _, client_factory, *_)] = reactor.tcpClients
            client_factory.doStart()
            client_factory.buildProtocol(IPv4Address("TCP", "192.0.2.1", 80))
            client_factory.doStop()
        return [event["log_format"] for event in logs]

    def test_quiet(self) -> None:
        """
        ``_factory`` of a pool makes the factory of an agent's connection, and its ``noisy`` counts.
        """
        reactor = MemoryReactorClock()
        self.assertEqual([], self.lines_of(quiet_pool(reactor), reactor))

    def test_loud_by_itself(self) -> None:
        """
        A pool of Twisted logs every connection.
        """
        reactor = MemoryReactorClock()
        self.assertNotEqual([], self.lines_of(HTTPConnectionPool(reactor), reactor))


class ReactorTests(SynchronousTestCase):
    """
    Descriptors that a reactor can watch.
    """

    def test_select(self) -> None:
        """
        Only ``SelectReactor`` has a limit, and an asyncio loop that uses ``select``.
        """
        for system, kind, expected in (
            ("linux", SelectReactor, 1024),
            ("linux", PollReactor, None),
            ("win32", SelectReactor, 512),
        ):
            self.patch(sys, "platform", system)
            self.assertEqual(expected, most_descriptors(object.__new__(kind)))

    def test_asyncio(self) -> None:
        """
        The reactor of asyncio has its loop in ``_asyncioEventloop``, and that has a ``_selector``.
        """
        with SelectSelector() as selector:
            reactor = object.__new__(AsyncioSelectorReactor)
            reactor._asyncioEventloop = SimpleNamespace(_selector=selector)
            self.assertEqual(1024, most_descriptors(reactor))


class LoggingTests(SynchronousTestCase):
    """
    Observers of the log, and their files.
    """

    def begin(self, *observers: Any, **options: Any) -> Logger:  # as Twisted takes them
        """
        Begin to log, as twistd does, without the standard output.
        """
        publisher = LogPublisher()
        warnings = SimpleNamespace(showwarning=None)
        beginner = LogBeginner(publisher, StringIO(), SimpleNamespace(), warnings)
        self.told: list[list[object]] = []
        for _ in range(2):  # the second one replaces the first
            before_logging_begins(beginner, lambda each: self.told.append(list(each)))
        Logger("test", observer=publisher).info("before")
        beginner.beginLoggingTo(iter(observers), redirectStandardIO=False, **options)
        self.assertNotIn("beginLoggingTo", vars(beginner))
        return Logger("test", observer=publisher)

    def test_before_logging_begins(self) -> None:
        """
        The function is called once, with all observers, before they hear of anything.
        """
        heard: list[object] = []
        log = self.begin(heard.append)
        log.info("after")
        self.assertEqual([[heard.append]], self.told)
        self.assertEqual(2, len(heard))

    def test_file(self) -> None:
        """
        An observer of a file writes to ``_outFile``, and a filter has its observer in
        ``_observer``.
        """
        first, second = StringIO(), StringIO()
        observer = textFileLogObserver(first)
        filtered = FilteringLogObserver(observer, [])
        self.assertIs(observer, file_observer_of(filtered))
        self.assertIs(observer, file_observer_of(FilteringLogObserver(filtered, [])))
        self.assertIs(observer, file_observer_of(observer))
        self.assertIsNone(file_observer_of(self.fail))
        self.assertIs(first, file_of(observer))
        set_file(observer, second)
        self.begin(observer).info("hello")
        self.assertEqual("", first.getvalue())
        self.assertIn("hello", second.getvalue())


class PollerTests(SynchronousTestCase):
    """
    The ``epoll`` object of a reactor, and its ports.
    """

    def test_poller(self) -> None:
        """
        ``_poller`` of an epoll reactor is an ``epoll`` object that its ``doPoll`` asks with a
        time-out and a number of events, for pairs of a descriptor and a mask.
        """
        reactor = EPollReactor()
        self.addCleanup(poller_of(reactor).close)
        self.assertIsInstance(poller_of(reactor), select.epoll)
        asked = []

        class Poller:
            def poll(self, timeout: float, events: int) -> list[tuple[int, int]]:
                asked.append(timeout)
                return []

        poller = poller_of(reactor)
        set_poller(reactor, Poller())
        reactor.doPoll(0.5)
        set_poller(reactor, poller)
        self.assertEqual([0.5], asked)

    def test_selectables(self) -> None:
        """
        ``_selectables`` has what an epoll reactor reads from, by its descriptor.
        """
        reactor = EPollReactor()
        self.addCleanup(poller_of(reactor).close)
        port = reactor.listenTCP(0, Factory(), interface="127.0.0.1")
        self.addCleanup(port.connectionLost, Failure(ConnectionDone()))
        self.assertIs(port, selectables_of(reactor)[port.fileno()])

    def test_interest(self) -> None:
        """
        ``_reads`` and ``_writes`` have the descriptors that are read from, and written to.
        """
        reactor = EPollReactor()
        self.addCleanup(poller_of(reactor).close)
        ours, theirs = socket.socketpair()
        self.addCleanup(ours.close)
        self.addCleanup(theirs.close)
        interest = interest_of(reactor)
        found = []
        for change in (
            reactor.addReader,
            reactor.addWriter,
            reactor.removeReader,
            reactor.removeWriter,
        ):
            change(ours)
            found.append(interest(ours.fileno()))
        both = select.EPOLLIN | select.EPOLLOUT
        self.assertEqual([select.EPOLLIN, both, select.EPOLLOUT, 0], found)

    def test_others(self) -> None:
        """
        Other reactors have none.
        """
        self.assertIsNone(poller_of(MemoryReactorClock()))
        self.assertIsNone(poller_of(PollReactor()))

    def test_accepts(self) -> None:
        """
        ``numberAccepts`` of a port limits how many connections it accepts in one turn, which is a
        call of ``doRead``.
        """
        reactor = EPollReactor()
        accepted = []
        factory = Factory()
        factory.buildProtocol = accepted.append  # type: ignore[assignment]
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(poller_of(reactor).close)
        self.addCleanup(port.connectionLost, Failure(ConnectionDone()))
        clients = [socket.create_connection(("127.0.0.1", port.getHost().port)) for _ in range(5)]
        for client in clients:
            self.addCleanup(client.close)
        accept_at_most(port, 2)
        port.doRead()
        self.assertEqual(2, len(accepted))
        bound_accepts(port, 1)  # Twisted would take 22 now
        for count in (3, 4):
            port.doRead()
            self.assertEqual(count, len(accepted))
        accept_at_most(object(), 2)  # a port that has no such limit stays as it is
        bound_accepts(object(), 2)

    def test_failed_port(self) -> None:
        """
        A port with a bound on its accepts still tells the reactor that it has failed.
        """
        problem = ConnectionDone()
        port = SimpleNamespace(numberAccepts=100, doRead=lambda: problem)
        bound_accepts(port, 1)
        self.assertIs(problem, port.doRead())

    def test_lower_bound(self) -> None:
        """
        A port that shall accept fewer for some turns accepts fewer.
        """
        port = SimpleNamespace(numberAccepts=1, doRead=lambda: None)
        bound_accepts(port, 16)
        port.doRead()
        self.assertEqual(1, port.numberAccepts)


class LogFileTests(SynchronousTestCase):
    """
    The files of a ``LogFile``.
    """

    def test_files(self) -> None:
        """
        ``_openFile`` makes the attribute ``_file`` that a ``LogFile`` writes to, and can do so once
        more after a rotation has closed the file.
        """
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        log_file = LogFile("log", folder.name)
        self.addCleanup(log_file.close)
        wrapped: list[object] = []
        wrap_files(log_file, lambda file: wrapped.append(file) or file)
        log_file.write("1")
        log_file.rotate()
        self.assertEqual((2, wrapped[-1]), (len(wrapped), open_file_of(log_file)))
        open_file_of(log_file).close()
        self.assertFalse(open_file_of(log_file).closed)
        log_file.write("2")
        texts = [Path(folder.name, name).read_text() for name in ("log.1", "log")]
        self.assertEqual((3, ["1", "2"]), (len(wrapped), texts))
        open_file_of(log_file).close()
        log_file._openFile()
        self.assertEqual((4, 1), (len(wrapped), log_file.size))


class MeasureByTests(SynchronousTestCase):
    """
    A reactor that measures durations by another clock.
    """

    def setUp(self) -> None:
        self.now = 1e9
        self.reactors = [SelectReactor(), AsyncioSelectorReactor(new_event_loop())]
        self.addCleanup(self.reactors[1]._asyncioEventloop.close)
        for reactor in self.reactors:
            measure_by(reactor, lambda: self.now)
        self.seen: list[str] = []

    def change(self, reactor: ReactorBase) -> None:
        """
        Measure by a clock that has another beginning.
        """
        measure_by(reactor, lambda: self.now - 1e9 + 5)

    def turn(self, reactor: ReactorBase, seconds: float) -> None:
        """
        Let time pass, and make the calls whose time has come.
        """
        self.now += seconds
        reactor.runUntilCurrent()

    def test_pending(self) -> None:
        """
        Pending calls, whether the reactor has sorted them in already or not, are made after as many
        seconds as before, in their order.
        """
        for reactor in self.reactors:
            calls = [reactor.callLater(n, self.seen.append, str(n)) for n in (3, 2, 1)]
            self.turn(reactor, 0)
            calls[1].cancel()
            reactor.callLater(2.5, self.seen.append, "new")
            self.change(reactor)
            self.assertEqual((5, 1), (round(reactor.seconds()), reactor.timeout()))
            self.turn(reactor, 1)
            self.assertEqual(["1"], self.seen)
            calls[0].reset(0.5)
            self.turn(reactor, 0.5)
            self.assertEqual(["1", "3"], self.seen)
            self.turn(reactor, 1)
            self.assertEqual(["1", "3", "new"], self.seen)
            self.seen.clear()
            self.now -= 2.5

    def test_later_calls(self) -> None:
        """
        ``callLater`` of a reactor uses the attribute ``seconds`` of the reactor, and gives it to
        the call.
        """
        for reactor in self.reactors:
            self.change(reactor)
            call = reactor.callLater(1, lambda: None)
            self.assertEqual((6, reactor.seconds), (call.getTime(), call.seconds))
            call.cancel()
            reactor.runUntilCurrent()

    def test_other_reactors(self) -> None:
        """
        A reactor that does not extend Twisted's stays as it is.
        """
        clock = MemoryReactorClock()
        measure_by(clock, lambda: 5.0)
        self.assertEqual(0, clock.seconds())
