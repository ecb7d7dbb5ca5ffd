"""
Asking an application that does not answer, or not as it should.
"""

from collections.abc import Callable

from OpenSSL.SSL import Error as TLSError
from treq.client import HTTPClient
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionLost, ConnectionRefusedError
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.web._newclient import ParseError, ResponseNeverReceived
from twisted.web.client import Agent

from ssetwist.mercure.access._callback import MAX_ANSWER_BYTES, CallbackAuthorizer
from ssetwist.mercure.rights._rights import Rights
from tests.unit.mercure.access.case import JSON, Case, Down, Silent
from tests.unit.mercure.fake_tokens import HUB


class UnmarkedEndTests(Case):
    """
    Answers whose end is that of the connection, as HTTP/1.0 has it.
    """

    def ended(self, answer: bytes) -> "Deferred[Rights]":
        """
        Answer with these bytes, and close the connection.
        """
        self.application.is_open = True
        asking = self.ask()
        transport = self.application.requests[-1].transport
        transport.write(answer)
        transport.loseConnection()
        self.flush()
        return asking

    def test_body(self) -> None:
        """
        A whole JSON object is an answer.
        """
        rights = self.successResultOf(
            self.ended(b'HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{"identity":"a"}')
        )
        self.assertEqual("a", rights.identity)

    def test_no_body(self) -> None:
        """
        Nothing is none: the connection may have broken before what was to restrict something.
        """
        self.assert_no_answer(
            "the answer makes no sense: it was cut off",
            self.refusal_of(self.ended(b"HTTP/1.0 200 OK\r\n\r\n")),
        )

    def test_said_to_be_empty(self) -> None:
        """
        One that is said to be empty is.
        """
        answer = b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"
        self.assertEqual(Rights(), self.successResultOf(self.ended(answer)))

    def test_no_http(self) -> None:
        """
        What is no HTTP is no answer, and nothing of it is repeated: it may have what was sent.
        """
        refused = self.refusal_of(self.ended(b"Cookie: session=s3cret\r\n\r\n"))
        self.assert_no_answer("ParseError", refused)


class TroubleTests(Case):
    """
    An application that does not answer, and clients that do not wait.
    """

    def test_network(self) -> None:
        """
        It is told what happened to the connection.
        """
        for problem, expected in (
            (
                ConnectionRefusedError("nobody is there"),
                "ConnectionRefusedError: Connection was refused by other side: nobody is there.",
            ),
            (TLSError("certificate verify failed"), "Error: certificate verify failed"),
            (
                ResponseNeverReceived([Failure(ConnectionLost("reset"))]),
                "ConnectionLost: Connection to the other side was lost in a non-clean fashion: "
                "reset.",
            ),
            (
                ResponseNeverReceived(
                    [Failure(ResponseNeverReceived([Failure(KeyError("a"))])), Failure(OSError())]
                ),
                "KeyError; OSError",
            ),
        ):
            self.by_url = self.made(Down(problem))
            self.assert_no_answer(expected, self.refused())

    def test_long_text(self) -> None:
        """
        But not more than fits into a line.
        """
        self.by_url = self.made(Down(ConnectionRefusedError("x" * 1000)))
        self.assertLess(len(self.refused().reason), 300)

    def test_no_secrets(self) -> None:
        """
        Nothing that the application is sent is told, also if it says it itself.
        """
        secrets = [(b"Cookie", b"session=s3cret"), (b"Authorization", b"Bearer s3cret")]
        for agent in (
            Down(ParseError("too short", b"Cookie: session=s3cret")),
            Down(ResponseNeverReceived([Failure(ParseError("bad", b"s3cret"))])),
            Down(ValueError("s3cret")),
        ):
            self.by_url = self.made(agent)
            asking = self.ask(*secrets, uri=b"/?authorization=s3cret")
            refused = self.refusal_of(asking)
            self.assertNotIn("s3cret", f"{refused.reason} {refused}")
        self.by_url = self.made(self.agent)
        self.application.headers[b"Content-Type"] = JSON
        self.application.body = b'{"identity": Bearer s3cret}'
        for code in (200, 401, 403, 500):
            self.application.code = code
            refused = self.refusal_of(self.ask(*secrets, uri=b"/?authorization=s3cret"))
            self.assertNotIn("s3cret", f"{refused.reason} {refused}")

    def assert_timed_out(self, asking: "Deferred[Rights]") -> None:
        """
        Check that this takes five seconds.
        """
        self.clock.advance(4.9)
        self.assertNoResult(asking)
        self.clock.advance(0.1)
        self.assert_no_answer("it gave no answer in 5 s", self.refusal_of(asking))

    def test_time_out(self) -> None:
        """
        It has five seconds to begin, and then the connection is closed.
        """
        self.application.is_open = True
        self.assert_timed_out(self.ask())
        self.flush()
        self.assertEqual(1, len(self.application.ended))

    def test_time_out_connecting(self) -> None:
        """
        That is also so before there is a connection.
        """
        silent = Silent()
        self.by_url = self.made(silent)
        self.assert_timed_out(self.ask())
        self.assertEqual(1, silent.cancelled)

    def test_time_out_body(self) -> None:
        """
        That is the time for all of it: an answer that never ends is none.
        """
        self.application.is_open, self.application.body = True, b"{}"
        for code in (200, 403):
            self.application.code = code
            self.assert_timed_out(self.ask())
        self.flush()
        self.assertEqual(2, len(self.application.ended))

    def test_timeout(self) -> None:
        """
        It may be another time.
        """
        silent = Silent()
        self.by_url = self.made(silent, timeout=0.5)
        asking = self.ask()
        self.clock.advance(0.5)
        self.assert_no_answer("it gave no answer in 0.5 s", self.refusal_of(asking))

    def assert_cancelled(self, begin: Callable[[], "Deferred[Rights]"]) -> None:
        """
        Check that a request that is cancelled is no refusal, and makes room for the next.
        """
        asking = begin()
        self.assertNoResult(asking)
        asking.cancel()
        self.failureResultOf(asking, CancelledError)
        self.assertEqual([], self.clock.getDelayedCalls())
        another = begin()
        self.assertNoResult(another)
        another.cancel()
        self.failureResultOf(another, CancelledError)

    def test_cancel_connecting(self) -> None:
        """
        Who goes while there is no connection yet leaves nothing.
        """
        silent = Silent()
        self.by_url = self.made(silent, max_asked=1)
        self.assert_cancelled(self.ask)
        self.assertEqual(2, silent.cancelled)

    def test_cancel_real_connecting(self) -> None:
        """
        That is so with a real agent, too.
        """
        reactor = MemoryReactorClock()
        self.by_url = CallbackAuthorizer(
            "http://192.0.2.1/", HTTPClient(Agent(reactor)), clock=self.clock, base_url=HUB
        )
        self.assert_cancelled(self.ask)
        self.assertEqual([True, True], [one.stoppedConnecting for one in reactor.connectors])
        self.assertEqual([], reactor.getDelayedCalls())

    def test_cancel_request(self) -> None:
        """
        Who goes while the application thinks leaves nothing: the connection is closed.
        """
        self.by_url = self.made(self.agent, max_asked=1)
        self.application.is_open = True
        self.assert_cancelled(self.ask)
        self.flush()
        self.assertEqual(2, len(self.application.ended))

    def test_cancel_body(self) -> None:
        """
        Who goes while the answer comes leaves nothing: the connection is closed.
        """
        self.by_url = self.made(self.agent, max_asked=1)
        self.application.is_open, self.application.body = True, b"{}"
        for number, code in enumerate((200, 403), 1):
            self.application.code = code
            self.assert_cancelled(self.ask)
            self.flush()
            self.assertEqual(2 * number, len(self.application.ended))

    def test_late_answer(self) -> None:
        """
        What comes after that is not listened to.
        """
        self.application.is_open, self.application.body = True, b"{"
        asking = self.ask()
        asking.cancel()
        self.failureResultOf(asking, CancelledError)
        self.application.requests[0].write(b"}" * MAX_ANSWER_BYTES * 2)
        self.flush()
        self.assertEqual(1, len(self.application.ended))

    def test_most(self) -> None:
        """
        There is a limit to how many wait for an answer; who is one too many may come back.
        """
        self.by_url = self.made(self.agent, max_asked=2)
        self.application.is_open = True
        waiting = [self.ask(), self.ask()]
        self.assert_no_answer("it is asked about 2 requests already", self.refused())
        self.assertEqual(2, len(self.application.requests))
        self.application.requests[0].finish()
        self.flush()
        self.assertEqual(Rights(), self.successResultOf(waiting[0]))
        self.application.is_open = False
        self.assertEqual(Rights(), self.rights())
        waiting[1].cancel()
        self.failureResultOf(waiting[1], CancelledError)

    def test_failures_make_room(self) -> None:
        """
        Who is refused does not wait any longer.
        """
        self.by_url = self.made(self.agent, max_asked=1)
        for code in (403, 500, 401, 302):
            self.application.code = code
            self.refused()
        self.application.code = 200
        self.assertEqual(Rights(), self.rights())
