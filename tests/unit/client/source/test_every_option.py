"""
Options of an event source, each with a value that is not the default; and its lines in the log.
"""

import gzip
from collections.abc import Callable
from dataclasses import fields

from twisted.logger import LogLevel, capturedLogs, formatEvent

from ssetwist.client import Backoff, EventSource, Interruption, Opened, ReadyState
from ssetwist.client.source._options import SourceOptions
from ssetwist.errors import Disconnected, EventTooLarge
from tests.unit.client.case import CHUNKED, HEAD, SourceCase, Wire, chunk, response


class OptionsTests(SourceCase):
    """
    The way of each option to the requests and streams.
    """

    def asks(self, **options: object) -> Wire:
        """
        Make a source with an option, and return the connection of its first request.
        """
        self.source(**options)
        return self.accept()

    def takes_method(self) -> None:
        self.assertTrue(self.asks(method="POST").request.startswith(b"POST /events"))

    def takes_headers(self) -> None:
        self.assertEqual("1", self.asks(headers={"X-One": "1"}).header("X-One"))

    def takes_fresh_headers(self) -> None:
        self.assertEqual("1", self.asks(fresh_headers=lambda: {"X-One": "1"}).header("X-One"))

    def takes_body(self) -> None:
        self.assertTrue(self.asks(method="POST", body=b"abc").request.endswith(b"\r\n\r\nabc"))

    def takes_cookies(self) -> None:
        self.assertEqual("a=1", self.asks(cookies={"a": "1"}).header("Cookie"))

    def takes_last_event_id(self) -> None:
        self.assertEqual("7", self.asks(last_event_id="7").header("Last-Event-ID"))

    def takes_gzip(self) -> None:
        source = self.source(gzip=True)
        wire = self.accept(HEAD.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n"))
        wire.send(gzip.compress(b"data: a\n\n"))
        wire.finish()
        self.assertEqual("gzip", wire.header("Accept-Encoding"))
        event = self.successResultOf(source.next())
        assert event is not None
        self.assertEqual("a", event.data)

    def takes_connect_timeout(self) -> None:
        source = self.source(connect_timeout=5.0)
        self.accept()
        self.reactor.advance(4.9)
        self.assertEqual([], self.interruptions)
        self.reactor.advance(0.1)
        self.assert_interrupted("no response within 5 s")
        self.assertIs(ReadyState.CONNECTING, source.state)

    def takes_silence_timeout(self) -> None:
        self.open(silence_timeout=5.0)
        self.reactor.advance(4.9)
        self.assertEqual([], self.interruptions)
        self.reactor.advance(0.1)
        self.assert_interrupted("nothing came for 5 s")

    def takes_backoff(self) -> None:
        source, wire = self.open(backoff=Backoff(first=7.0))
        wire.reset()
        self.assert_waiting(source, 7.0)

    def takes_policy(self) -> None:
        source, wire = self.open(policy=lambda problem: False)
        wire.reset()
        self.failureResultOf(source.when_closed(), Disconnected)

    def takes_on_open(self) -> None:
        opened: list[Opened] = []
        self.open(on_open=opened.append, last_event_id="7")
        self.assertEqual(["7"], [one.last_event_id for one in opened])

    def takes_on_interruption(self) -> None:
        _, wire = self.open()
        wire.reset()
        self.assertEqual([(1, 1.0)], [(one.failures, one.delay) for one in self.interruptions])

    def takes_on_comment(self) -> None:
        comments: list[str] = []
        self.open(b": hello\n", on_comment=comments.append)
        self.assertEqual(["hello"], [one.strip() for one in comments])

    def takes_jitter(self) -> None:
        source, wire = self.open(jitter=lambda: 0.5)
        wire.reset()
        self.assert_waiting(source, 0.5)

    def takes_max_line(self) -> None:
        source, wire = self.open(max_line=50)
        wire.send(chunk(b"data: " + b"x" * 100 + b"\n"))
        self.failureResultOf(source.when_closed(), EventTooLarge)

    def takes_max_event(self) -> None:
        source, wire = self.open(max_event=50)
        wire.send(chunk(b"data: 0123456789\n" * 10))
        self.failureResultOf(source.when_closed(), EventTooLarge)

    def source(self, *args: str, **options: object) -> EventSource:
        self.interruptions: list[Interruption] = []
        options.setdefault("on_interruption", self.interruptions.append)
        return super().source(*args, **options)

    def assert_interrupted(self, problem: str) -> None:
        self.assertEqual([problem], [str(one.problem) for one in self.interruptions])

    def test_each(self) -> None:
        """
        Each option has its effect.
        """
        for name in sorted({one.name for one in fields(SourceOptions)} - {"url"}):
            with self.subTest(option=name):
                takes: Callable[[], None] = getattr(self, f"takes_{name}")
                takes()
                for source in self.sources:
                    source.when_closed().addErrback(lambda _: None)
                    source.close()
                self.turn()
                self.reactor.tcpClients.clear()


class DateTests(SourceCase):
    """
    Dates, which count by the time of day.
    """

    def test_retry_after(self) -> None:
        """
        If a server names a date to come back, the delay is the time until that date.
        """
        self.reactor.now = lambda: 784111740.0 + self.reactor.seconds()
        self.jitter = 0.0
        source = self.source()
        date = "Sun, 06 Nov 1994 08:49:37 GMT"  # 784111777
        self.accept(response("503 Later", Retry_After=date))
        self.assert_waiting(source, 37.0)


class LinesTests(SourceCase):
    """
    Lines in the log, which never show the query of the URL.
    """

    def lines(self, level: LogLevel, act: Callable[[], object]) -> list[str]:
        """
        Return the lines of a level that something causes.
        """
        with capturedLogs() as logged:
            act()
        return [formatEvent(one) for one in logged if one["log_level"] is level]

    def test_interruption(self) -> None:
        """
        An interruption has a line with its reason and the time until the next attempt.
        """
        _, wire = self.open(backoff=Backoff(first=2.5))
        [line] = self.lines(LogLevel.info, wire.reset)
        self.assertTrue(line.startswith("http://example.com/events: the connection was lost: "))
        self.assertTrue(line.endswith("; next attempt in 2.5 s"), line)

    def test_end(self) -> None:
        """
        An end that the application has not asked for has a line with its reason.
        """
        source = self.source()
        [line] = self.lines(LogLevel.warn, lambda: self.accept(response("403 No")))
        url = "http://example.com/events"
        self.assertEqual(f"{url}: {url} answered 403; expected 200; closed", line)
        source.when_closed().addErrback(lambda _: None)

    def test_close(self) -> None:
        """
        An end by the application has none, nor one by the server that says 204.
        """
        source, _ = self.open()
        self.assertEqual([], self.lines(LogLevel.warn, source.close))
        self.source()
        self.assertEqual([], self.lines(LogLevel.warn, lambda: self.accept(response("204 No"))))

    def test_open(self) -> None:
        """
        An opening has a line for debugging.
        """
        self.source()
        lines = self.lines(LogLevel.debug, lambda: self.accept(CHUNKED + chunk(b":\n")))
        self.assertEqual(["http://example.com/events: open"], lines)
