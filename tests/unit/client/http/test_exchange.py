"""
One request and its whole response.
"""

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionRefusedError, DNSLookupError
from twisted.internet.selectreactor import SelectReactor
from twisted.internet.testing import MemoryReactorClock
from twisted.web.client import Agent

from ssetwist.client.http._exchange import Exchanges, NoAnswer, WholeResponse
from ssetwist.clock import steady
from ssetwist.errors import RedirectRefused
from tests.unit.client.case import FakeAgent, SourceCase, response

URL = "http://a.example/hub"


class ExchangeCase(SourceCase):
    """
    A sender of requests with connections of its own.
    """

    def setUp(self) -> None:
        super().setUp()
        self.exchanges = Exchanges(self.reactor, None, timeout=7)

    def tearDown(self) -> None:
        closed = self.exchanges.close()
        self.turn()
        self.successResultOf(closed)
        super().tearDown()

    def send(
        self, method: str = "GET", body: bytes | None = None, **options: object
    ) -> "Deferred[WholeResponse]":
        """
        Begin to send a request.
        """
        options = {"max_bytes": 100, **options}
        answer = self.exchanges.exchange(
            method, URL, {"X-One": "1", "Authorization": "Bearer t"}, body, **options
        )
        self.turn()
        return answer

    def no_answer(self, answer: "Deferred[WholeResponse]") -> NoAnswer:
        """
        Return the error of a request that was not answered.
        """
        problem = self.failureResultOf(answer, NoAnswer).value
        assert isinstance(problem, NoAnswer)
        return problem


class AnswerTests(ExchangeCase):
    """
    Requests that are answered.
    """

    def test_whole(self) -> None:
        """
        The server gets the request as it was given, and the caller the whole response.
        """
        answer = self.send("POST", b"a=1")
        wire = self.accept()
        self.turn()
        self.assertTrue(wire.request.startswith(b"POST /hub HTTP/1.1\r\n"))
        self.assertTrue(wire.request.endswith(b"\r\n\r\na=1"))
        sent = [wire.header(name) for name in ("X-One", "Authorization", "Content-Length")]
        self.assertEqual(["1", "Bearer t", "3"], sent)
        self.assertEqual("identity", wire.header("Accept-Encoding"))
        self.assertNoResult(answer)
        wire.send(response("201 Created", b"done", X_Two="2"))
        expected = WholeResponse(201, URL, {"x-two": "2"}, b"done")
        self.assertEqual(expected, self.successResultOf(answer))

    def test_size(self) -> None:
        """
        A body may have as many bytes as the caller says; a larger one cuts the connection.
        """
        answer = self.send()
        self.accept(response("200 OK", b"x" * 100))
        self.assertEqual(b"x" * 100, self.successResultOf(answer).body)
        answer = self.send()
        wire = self.wires[-1]
        wire.send(response("200 OK", b"x" * 101))
        problem = self.no_answer(answer)
        self.assertEqual(
            ("the answer cannot be read: it is larger than 100 bytes", True),
            (str(problem), problem.was_sent),
        )
        self.assertTrue(wire.is_aborted)

    def test_empty(self) -> None:
        """
        A body without a length may be empty, as servers of HTTP/1.0 end an answer.
        """
        answer = self.send()
        wire = self.accept(b"HTTP/1.1 200 OK\r\n\r\n")
        wire.finish()
        self.assertEqual(b"", self.successResultOf(answer).body)

    def test_redirect(self) -> None:
        """
        A redirect is the answer.
        """
        answer = self.send()
        self.accept(response("302 Found", Location="http://b.example/other"))
        found = self.successResultOf(answer)
        self.assertEqual((302, URL), (found.status, found.url))

    def test_follows(self) -> None:
        """
        A redirect is followed if the caller wants that, without credentials for another origin; the
        answer has its new URL.
        """
        answer = self.send(follows=True)
        self.accept(response("302 Found", Location="http://b.example/other"))
        self.turn()
        wire = self.accept(response("200 OK", b"new"))
        self.assertEqual((None, "1"), (wire.header("Authorization"), wire.header("X-One")))
        found = self.successResultOf(answer)
        self.assertEqual(("http://b.example/other", b"new"), (found.url, found.body))

    def test_wrong_redirect(self) -> None:
        """
        A redirect that cannot be followed is an error of its own.
        """
        answer = self.send(follows=True)
        self.accept(response("302 Found", Location="ftp://b.example/"))
        self.failureResultOf(answer, RedirectRefused)

    def test_connections(self) -> None:
        """
        As many connections to a server are kept for later requests as the caller says, and closed
        with :meth:`Exchanges.close`.
        """
        for kept in (1, 3):
            self.exchanges = Exchanges(self.reactor, None, timeout=7, connections=kept)
            answers = [self.send() for _ in range(4)]
            waiting = list(self.reactor.tcpClients)
            self.reactor.tcpClients.clear()
            wires = []
            for one in waiting:
                self.reactor.tcpClients.append(one)
                wires.append(self.accept())
            for wire in wires:
                wire.send(response("200 OK"))
            for answer in answers:
                self.successResultOf(answer)
            self.turn()
            self.assertEqual(kept, sum(wire.is_connected for wire in wires))
            closed = self.exchanges.close()
            self.assertNoResult(closed)
            self.turn()
            self.successResultOf(closed)
            self.assertEqual(0, sum(wire.is_connected for wire in wires))

    def test_given_client(self) -> None:
        """
        A client that was given makes the requests, and stays open.
        """
        agent = FakeAgent()
        self.exchanges = Exchanges(self.reactor, agent, timeout=7)
        answer = self.send("POST", b"")
        [(method, url, _, body)] = agent.requests
        self.assertEqual((b"POST", URL.encode(), b""), (method, url, body))
        self.successResultOf(self.exchanges.close())
        self.assertEqual((0, 0), (agent.cancelled, self.asked()))
        answer.addErrback(lambda _: None).cancel()


class NoAnswerTests(ExchangeCase):
    """
    Requests that are not answered.
    """

    def test_never_sent(self) -> None:
        """
        If no connection was made, the request was certainly not sent.
        """
        for problem in (ConnectionRefusedError(), DNSLookupError("no such name")):
            answer = self.send()
            self.refuse(problem)
            found = self.no_answer(answer)
            self.assertFalse(found.was_sent, problem)
            self.assertTrue(str(found).startswith("there was no answer: "), found)
            self.assertIsNotNone(found.__cause__)

    def test_lost(self) -> None:
        """
        If the connection breaks after the request, the server may have got it.
        """
        for data in (b"", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"):
            answer = self.send()
            wire = self.accept(data)
            wire.reset()
            self.assertTrue(self.no_answer(answer).was_sent)

    def test_time(self) -> None:
        """
        The whole response must come in time, which includes the connecting; it says if the request
        may have been sent, and leaves nothing behind.
        """
        for is_connected in (False, True):
            answer = self.send()
            wire = self.accept(b"HTTP/1.1 200 OK\r\n\r\nabc") if is_connected else None
            self.reactor.advance(6.9)
            self.assertNoResult(answer)
            self.reactor.advance(0.1)
            found = self.no_answer(answer)
            self.assertEqual(is_connected, found.was_sent)
            if wire is None:
                self.reactor.tcpClients.clear()
            else:
                self.assertTrue(wire.is_aborted)
                self.assertEqual("there was no answer within 7 s", str(found))

    def test_long_connecting(self) -> None:
        """
        Only the time of the caller limits the connecting, not Twisted's own for a connection.
        """
        self.exchanges = Exchanges(self.reactor, None, timeout=100)
        answer = self.send()
        self.reactor.advance(99)
        self.assertNoResult(answer)
        self.reactor.advance(1)
        self.no_answer(answer)
        self.reactor.tcpClients.clear()

    def test_cancelled(self) -> None:
        """
        A request that is cancelled fails with ``CancelledError``, and its connection is cut: the
        caller must not take it for a lost one.
        """
        for data in (b"", b"HTTP/1.1 200 OK\r\n\r\nabc"):
            answer = self.send()
            wire = self.accept(data)
            answer.cancel()
            self.failureResultOf(answer, CancelledError)
            self.assertTrue(wire.is_aborted)
            self.turn()

    def test_wrong_time(self) -> None:
        """
        The time must be more than 0.
        """
        for timeout in (0, -1, float("nan")):
            self.assertRaises(ValueError, Exchanges, self.reactor, None, timeout=timeout)


class InTimeTests(ExchangeCase):
    """
    Waiting for an application before a request.
    """

    def test_late(self) -> None:
        """
        An application that takes longer than an answer may is cancelled; nothing was sent.
        """
        cancelled: list[object] = []
        preparing: Deferred[str] = Deferred(cancelled.append)
        waiting = self.exchanges.in_time(preparing, "it has not answered")
        self.reactor.advance(7)
        found = self.failureResultOf(waiting, NoAnswer).value
        self.assertEqual(("it has not answered within 7 s", False), (str(found), found.was_sent))
        self.assertEqual([preparing], cancelled)

    def test_in_time(self) -> None:
        """
        The result of an application that answers is passed on.
        """
        preparing: Deferred[str] = Deferred()
        waiting = self.exchanges.in_time(preparing, "it has not answered")
        preparing.callback("token")
        self.assertEqual("token", self.successResultOf(waiting))


class ClockTests(ExchangeCase):
    """
    The clock of requests.
    """

    def test_steady(self) -> None:
        """
        Time is measured by a steady clock, whatever reactor is given.
        """
        reactor = SelectReactor()
        exchanges = Exchanges(reactor, Agent(MemoryReactorClock()), timeout=7)
        self.assertIs(steady(reactor), exchanges._clock)
