"""
Applications that fail to answer, and clients that do not wait.
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
    Answers that end with the connection, as in HTTP/1.0.
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
        A whole JSON object is a valid answer.
        """
        rights = self.successResultOf(
            self.ended(b'HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{"identity":"a"}')
        )
        self.assertEqual("a", rights.identity)

    def test_no_body(self) -> None:
        """
        An empty answer without a length is invalid: the connection may have broken before its body.
        """
        self.assert_no_answer(
            "invalid answer: it is empty and has no Content-Length, so it may have been cut off",
            self.refusal_of(self.ended(b"HTTP/1.0 200 OK\r\n\r\n")),
        )

    def test_declared_empty(self) -> None:
        """
        An empty answer with a length of 0 is valid.
        """
        answer = b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"
        self.assertEqual(Rights(), self.successResultOf(self.ended(answer)))

    def test_not_http(self) -> None:
        """
        Bytes that are not HTTP are an error; the log does not repeat them, as they may be secret.
        """
        refused = self.refusal_of(self.ended(b"Cookie: session=s3cret\r\n\r\n"))
        self.assert_no_answer("ParseError", refused)


class TroubleTests(Case):
    """
    Applications that do not answer, and clients that do not wait.
    """

    def test_network(self) -> None:
        """
        The log has the reason of a network failure.
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
        A long error message of the network is shortened.
        """
        self.by_url = self.made(Down(ConnectionRefusedError("x" * 1000)))
        self.assertLess(len(self.refused().reason), 300)

    def test_no_secrets(self) -> None:
        """
        Nothing that was sent to the application is in the log, even if the application repeats it.
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
        Check that asking fails after five seconds.
        """
        self.clock.advance(9.9)
        self.assertNoResult(asking)
        self.clock.advance(0.1)
        self.assert_no_answer("no answer in 10 s", self.refusal_of(asking))

    def test_timeout(self) -> None:
        """
        After five seconds the hub stops waiting for the application, and closes its connection.
        """
        self.application.is_open = True
        self.assert_timed_out(self.ask())
        self.flush()
        self.assertEqual(1, len(self.application.ended))

    def test_timeout_connecting(self) -> None:
        """
        The time-out includes making the connection.
        """
        silent = Silent()
        self.by_url = self.made(silent)
        self.assert_timed_out(self.ask())
        self.assertEqual(1, silent.cancelled)

    def test_timeout_body(self) -> None:
        """
        The time-out applies to the whole answer, so an endless answer is cut off.
        """
        self.application.is_open, self.application.body = True, b"{}"
        for code in (200, 403):
            self.application.code = code
            self.assert_timed_out(self.ask())
        self.flush()
        self.assertEqual(2, len(self.application.ended))

    def test_other_timeout(self) -> None:
        """
        The time-out is an option.
        """
        silent = Silent()
        self.by_url = self.made(silent, timeout=0.5)
        asking = self.ask()
        self.clock.advance(0.5)
        self.assert_no_answer("no answer in 0.5 s", self.refusal_of(asking))

    def assert_cancelled(self, begin: Callable[[], "Deferred[Rights]"]) -> None:
        """
        Check that cancelling does not refuse the request, and makes room for the next one.
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
        Cancelling before there is a connection leaves nothing behind.
        """
        silent = Silent()
        self.by_url = self.made(silent, max_asked=1)
        self.assert_cancelled(self.ask)
        self.assertEqual(2, silent.cancelled)

    def test_cancel_real_connecting(self) -> None:
        """
        Cancelling before there is a connection leaves nothing behind in a real agent.
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
        Cancelling before the answer closes the connection.
        """
        self.by_url = self.made(self.agent, max_asked=1)
        self.application.is_open = True
        self.assert_cancelled(self.ask)
        self.flush()
        self.assertEqual(2, len(self.application.ended))

    def test_cancel_body(self) -> None:
        """
        Cancelling during the answer closes the connection.
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
        The rest of an answer is not read after cancelling.
        """
        self.application.is_open, self.application.body = True, b"{"
        asking = self.ask()
        asking.cancel()
        self.failureResultOf(asking, CancelledError)
        self.application.requests[0].write(b"}" * MAX_ANSWER_BYTES * 2)
        self.flush()
        self.assertEqual(1, len(self.application.ended))

    def test_max_asked(self) -> None:
        """
        The number of requests that wait for the application is limited; above the limit a request
        gets 503, and may try again.
        """
        self.by_url = self.made(self.agent, max_asked=2)
        self.application.is_open = True
        waiting = [self.ask(), self.ask()]
        self.assert_no_answer("2 requests are already waiting for it", self.refused())
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
        A refused request no longer counts as waiting.
        """
        self.by_url = self.made(self.agent, max_asked=1)
        for code in (403, 500, 401, 302):
            self.application.code = code
            self.refused()
        self.application.code = 200
        self.assertEqual(Rights(), self.rights())
