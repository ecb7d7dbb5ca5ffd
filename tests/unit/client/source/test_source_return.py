"""
An event source comes back after a failure.
"""

from twisted.internet.defer import Deferred

from ssetwist.client import Backoff, EventSource, Interruption, Opened, ReadyState
from ssetwist.errors import Disconnected, EventTooLarge, NotAnEventStream, SSETwistError
from ssetwist.eventstream import Event
from tests.unit.client.case import CHUNKED, HEAD, LAST_CHUNK, SourceCase, Wire, chunk, response


class ReturnCase(SourceCase):
    """
    :ivar told: Interruptions.
    """

    def setUp(self) -> None:
        super().setUp()
        self.told: list[Interruption] = []

    def source(self, *args: str, **options: object) -> EventSource:
        return super().source(*args, **{"on_interruption": self.told.append, **options})

    def come_back(self, data: bytes = b"") -> Wire:
        """
        Wait for the reported delay, and accept the next connection.
        """
        self.reactor.advance(self.told[-1].delay)
        return self.accept(data)


class LastEventIDTests(ReturnCase):
    """
    Last event ID of each attempt.
    """

    def test_sent(self) -> None:
        """
        Each attempt sends the id of the last event that has come, in UTF-8.
        """
        source, wire = self.open("id: é1\ndata: 1\n\n".encode())
        wire.reset()
        for number in range(2, 6):
            wire = self.come_back(CHUNKED)
            self.assertEqual(f"é{number - 1}", wire.header("Last-Event-ID"))
            self.assertIn(f"Last-Event-Id: é{number - 1}\r\n".encode(), wire.request)
            wire.send(chunk(f"id: é{number}\ndata: {number}\n\n".encode()))
            wire.reset()
        expected = [Event(str(number), id=f"é{number}") for number in range(1, 6)]
        self.assertEqual(expected, self.taken(source, 5))

    def test_kept_over_silent_streams(self) -> None:
        """
        The id stays the same after streams without events and after failed attempts.
        """
        _, wire = self.open(b"id: 1\ndata: 1\n\n")
        wire.reset()
        for data in (CHUNKED, b"", response("503 Busy"), CHUNKED + chunk(b"data: 2\n\n")):
            wire = self.come_back(data)
            self.assertEqual("1", wire.header("Last-Event-ID"))
            wire.reset()

    def test_without_data(self) -> None:
        """
        A block without data also sets the id, and an empty id removes it.
        """
        _, wire = self.open(b"id: 1\n\n")
        wire.reset()
        wire = self.come_back(CHUNKED + chunk(b"id\n\n"))
        self.assertEqual("1", wire.header("Last-Event-ID"))
        wire.reset()
        self.assertIsNone(self.come_back().header("Last-Event-ID"))

    def test_unfinished(self) -> None:
        """
        A block that was cut off does not set the id, and the next stream does not continue it.
        """
        source, wire = self.open(b"id: 1\ndata: 1\n\nid: 2\nevent: t\ndata: 2\n")
        wire.reset()
        wire = self.come_back(CHUNKED + chunk(b"data: 3\n\n"))
        self.assertEqual("1", wire.header("Last-Event-ID"))
        self.assertEqual([Event("1", id="1"), Event("3", id="1")], self.taken(source, 2))

    def test_waiting_events(self) -> None:
        """
        ``Last-Event-ID`` has the id of the last event that has come; ``last_event_id`` has the id
        of the last event that was taken.
        """
        source, wire = self.open(b"id: 1\ndata: 1\n\nid: 2\ndata: 2\n\n", last_event_id="0")
        self.assertEqual("0", source.last_event_id)
        wire.reset()
        self.assertEqual("2", self.come_back(CHUNKED).header("Last-Event-ID"))
        ids = []
        for _ in range(2):
            self.taken(source, 1)
            ids.append(source.last_event_id)
        self.assertEqual(["1", "2"], ids)

    def test_dropped_events(self) -> None:
        """
        After ``close()``, ``last_event_id`` does not count the events that were dropped.
        """
        source, _ = self.open(b"id: 1\ndata: 1\n\nid: 2\ndata: 2\n\n", last_event_id="0")
        self.taken(source, 1)
        source.close()
        source.close()
        self.assertEqual("1", source.last_event_id)

    def test_closed_between_two_events(self) -> None:
        """
        A callback that closes the source at an event leaves ``last_event_id`` at that event.
        """
        source, wire = self.open(b"")
        source.next().addCallback(lambda _: source.close())
        wire.send(chunk(b"id: 1\ndata: 1\n\nid: 2\ndata: 2\n\n"))
        self.assertEqual("1", source.last_event_id)

    def test_id_without_data(self) -> None:
        """
        When all events are taken, an id that came without data is in ``last_event_id``.
        """
        source, wire = self.open(b"id: 1\ndata: 1\n\n")
        wire.send(chunk(b"id: 2\n\n"))
        self.assertEqual("", source.last_event_id)
        self.taken(source, 1)
        self.assertEqual("2", source.last_event_id)


class DelayTests(ReturnCase):
    """
    Delay before the next attempt.
    """

    def test_every_end(self) -> None:
        """
        The source comes back after every end, clean or not.
        """
        for head, end, is_clean in (
            (HEAD, Wire.finish, True),
            (HEAD, Wire.reset, False),
            (CHUNKED, Wire.finish, False),
            (CHUNKED, Wire.reset, False),
            (CHUNKED, lambda wire: wire.send(LAST_CHUNK), True),
        ):
            source = self.source()
            wire = self.accept(head)
            end(wire)
            self.turn()
            interruption = self.told.pop()
            self.assertIsInstance(interruption.problem, Disconnected)
            self.assertEqual(is_clean, interruption.problem.is_clean)
            self.assert_waiting(source, 1)
            self.accept()
            source.close()
            self.turn()

    def test_backoff(self) -> None:
        """
        The delay doubles with failures in a row, up to the ceiling.
        """
        self.source(backoff=Backoff(first=1, ceiling=5))
        for _ in range(5):
            self.accept().reset()
            self.reactor.advance(self.told[-1].delay)
        self.assertEqual([1, 2, 4, 5, 5], [one.delay for one in self.told])
        self.assertEqual([1, 2, 3, 4, 5], [one.failures for one in self.told])

    def test_full_jitter(self) -> None:
        """
        The delay is a random part of the longest delay.
        """
        self.source()
        for jitter in (0.5, 0.25, 0.0):
            self.jitter = jitter
            self.accept().reset()
            self.reactor.advance(self.told[-1].delay)
        self.assertEqual([0.5, 0.5, 0], [one.delay for one in self.told])

    def test_retry(self) -> None:
        """
        The server's reconnection time is added to the random delay, and remembered.
        """
        source, wire = self.open(b"retry: 7000\n\n")
        self.assertEqual(7, source.reconnection_time)
        wire.reset()
        self.assertEqual(7 + 1, self.told[-1].delay)
        self.come_back(CHUNKED).reset()
        self.assertEqual(7 + 2, self.told[-1].delay)
        self.come_back(CHUNKED + chunk(b"retry: 0\n\n")).reset()
        self.assertEqual(0 + 4, self.told[-1].delay)
        self.assertEqual(0, source.reconnection_time)

    def test_no_retry(self) -> None:
        """
        Without a ``retry`` field the reconnection time is ``None``.
        """
        self.assertIsNone(self.source().reconnection_time)

    def test_max_server_delay(self) -> None:
        """
        A server cannot ask for a delay above the limit.
        """
        _, wire = self.open(
            b"retry: 99999999999\n\n", backoff=Backoff(first=1, max_server_delay=60)
        )
        wire.reset()
        self.assertEqual(60 + 1, self.told[-1].delay)

    def test_healthy_minute(self) -> None:
        """
        After 60 s of an open stream earlier failures are forgotten.
        """
        for seconds, failures in ((59.9, 4), (60, 1)):
            source = self.source()
            for _ in range(3):
                self.accept().reset()
                self.reactor.advance(self.told[-1].delay)
            wire = self.accept(CHUNKED)
            self.reactor.advance(seconds)
            wire.reset()
            self.assertEqual(failures, self.told[-1].failures)
            source.close()
            self.turn()

    def test_clean_end_after_events(self) -> None:
        """
        A stream that brings events and ends properly is not a failure, however short it is.
        """
        _, wire = self.open(b"retry: 2000\n\n")
        for _ in range(5):
            wire.send(chunk(b"data: 1\n\n") + LAST_CHUNK)
            self.turn()
            self.assertEqual((1, 2 + 1), (self.told[-1].failures, self.told[-1].delay))
            wire = self.come_back(CHUNKED)

    def test_other_short_streams(self) -> None:
        """
        A short stream that brings nothing, or that breaks, is a failure.
        """
        for data in (LAST_CHUNK, chunk(b"data: 1\n\n")):
            source, wire = self.open()
            for expected in (1, 2, 3):
                wire.send(data)
                wire.reset()
                self.turn()
                self.assertEqual(expected, self.told[-1].failures)
                wire = self.come_back(CHUNKED)
            source.close()
            self.turn()

    def test_events_of_an_earlier_stream(self) -> None:
        """
        A short stream without events is a failure, even if an earlier stream brought events.
        """
        _, wire = self.open(b"data: 1\n\n")
        for expected in (1, 2, 3):
            wire.send(LAST_CHUNK)
            self.turn()
            self.assertEqual(expected, self.told[-1].failures)
            wire = self.come_back(CHUNKED)

    def test_silence(self) -> None:
        """
        A silent stream is cut, and the source comes back; comments break the silence.
        """
        source, wire = self.open(silence_timeout=20)
        for _ in range(5):
            self.reactor.advance(19)
            wire.send(chunk(b":\n"))
        self.assertIs(ReadyState.OPEN, source.state)
        self.reactor.advance(20)
        self.turn()
        self.assertFalse(wire.is_connected)
        self.assertEqual("nothing came for 20 s", str(self.told[-1].problem))
        self.assert_waiting(source, 1)

    def test_no_silence_timeout(self) -> None:
        """
        Without a time-out silence may last for ever.
        """
        source, _ = self.open(silence_timeout=None)
        self.reactor.advance(10**6)
        self.assertIs(ReadyState.OPEN, source.state)


class PolicyTests(ReturnCase):
    """
    The policy decides on another attempt.
    """

    def test_busy(self) -> None:
        """
        By default 429 and 5xx are worth another try, after the time that the server asks for.
        """
        for status in ("429 Too Many", "500 Oops", "503 Busy", "599 What"):
            source = self.source()
            self.accept(response(status, b"later", Retry_After="20"))
            self.turn()
            problem = self.told[-1].problem
            self.assertIsInstance(problem, NotAnEventStream)
            self.assertEqual(b"later", problem.body)
            self.assert_waiting(source, 20 + 1)
            self.accept(HEAD)
            self.assertIs(ReadyState.OPEN, source.state)
            source.close()
            self.turn()

    def test_date(self) -> None:
        """
        A date in ``Retry-After`` is compared with the server's clock, not with ours.
        """
        self.source()
        self.accept(
            response(
                "503 Busy",
                Date="Sun, 06 Nov 1994 08:49:37 GMT",
                Retry_After="Sun, 06 Nov 1994 08:50:37 GMT",
            )
        )
        self.turn()
        self.assertEqual(60 + 1, self.told[-1].delay)

    def test_reconnection_time_after_refusal(self) -> None:
        """
        Without ``Retry-After``, the reconnection time of the last stream counts.
        """
        _, wire = self.open(b"retry: 7000\n\n")
        wire.reset()
        self.come_back(response("500 Oops"))
        self.turn()
        self.assertEqual(7 + 2, self.told[-1].delay)

    def test_own_policy(self) -> None:
        """
        A policy of the application is asked after each failure.
        """
        asked: list[SSETwistError] = []

        def policy(problem: SSETwistError) -> bool:
            asked.append(problem)
            return len(asked) < 3

        source = self.source(policy=policy)
        for answer in (response("404 Not Found"), response("403 No"), response("500 Oops")):
            self.accept(answer)
            self.turn()
            if self.reactor.getDelayedCalls():
                self.reactor.advance(self.told[-1].delay)
        self.assertEqual([404, 403, 500], [problem.status for problem in asked])
        self.assertEqual(2, len(self.told))
        problem = self.failureResultOf(source.when_closed(), NotAnEventStream).value
        self.assertEqual(500, problem.status)

    def test_while_it_decides(self) -> None:
        """
        While the policy decides the source is connecting, and ``when_open`` waits.
        """
        opening: list[Deferred[Opened]] = []

        def policy(_: SSETwistError) -> bool:
            self.assertIs(ReadyState.CONNECTING, source.state)
            opening.append(source.when_open())
            self.assertNoResult(opening[0])
            return True

        source, wire = self.open(policy=policy)
        wire.reset()
        self.come_back(CHUNKED)
        self.successResultOf(opening[0])

    def test_policy_fails(self) -> None:
        """
        An exception in the policy is logged, and ends the source.
        """
        source = self.source(policy=lambda _: 1 / 0)
        self.accept().reset()
        self.failureResultOf(source.when_closed(), Disconnected)
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))

    def test_too_large(self) -> None:
        """
        An event that is too large ends the source, after the events before it, because it would
        come again.
        """
        source, wire = self.open(max_line=100)
        wire.send(chunk(b"data: 1\n\ndata: " + b"x" * 100))
        self.turn()
        self.assertFalse(wire.is_connected)
        self.assertEqual([Event("1")], self.taken(source, 1))
        problem = self.failureResultOf(source.next(), EventTooLarge).value
        self.assertEqual(100, problem.limit)

    def test_hook_fails(self) -> None:
        """
        An exception in ``on_interruption`` is logged, and the source comes back.
        """
        source = self.source(on_interruption=lambda _: 1 / 0)
        self.accept().reset()
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))
        self.assert_waiting(source, 1)

    def test_when_open_waits(self) -> None:
        """
        A caller of ``when_open`` keeps waiting after failures, until the source ends.
        """
        source = self.source()
        opening = source.when_open()
        self.accept().reset()
        self.reactor.advance(1)
        self.assertNoResult(opening)
        self.accept(response("404 Not Found"))
        self.turn()
        self.failureResultOf(opening, NotAnEventStream)
        self.failureResultOf(source.when_open(), NotAnEventStream)
