"""
Attempts that end without a stream: other responses, failures of the network, redirections.
"""

import gzip

from twisted.internet.error import ConnectionRefusedError, DNSLookupError

from ssetwist.client import EventSource, ReadyState
from ssetwist.errors import Disconnected, NotAnEventStream, RedirectRefused
from ssetwist.eventstream import Event
from tests.unit.client.case import HEAD, URL, Wire, chunk, response
from tests.unit.client.source.case import AttemptCase


class RefusedTests(AttemptCase):
    """
    Responses that are not event streams.
    """

    def test_status(self) -> None:
        """
        Another status ends the source; the error has the response, but not the query of the URL.
        """
        problem = self.failed(response("404 Not Found", b'{"error": "gone"}', X_Why="so"))
        self.assertIsInstance(problem, NotAnEventStream)
        self.assertEqual(404, problem.status)
        self.assertEqual(b'{"error": "gone"}', problem.body)
        self.assertEqual("so", problem.headers["x-why"])
        self.assertEqual("http://example.com/events", problem.url)
        self.assertEqual(
            "http://example.com/events answered 404; expected 200",
            str(problem),
        )

    def test_content_type(self) -> None:
        """
        Another content type, or a missing one, ends the source.
        """
        problem = self.failed(response("200 OK", b"<html>", Content_Type="text/html"))
        self.assertEqual((200, b"<html>"), (problem.status, problem.body))
        self.assertIn("answered 'text/html'; expected an event stream", str(problem))
        self.assertIn("'no content type'", str(self.failed(response("200 OK"))))

    def test_parameters(self) -> None:
        """
        Parameters of the content type do not matter.
        """
        source = self.source()
        self.accept(response("200 OK", b"data: 1\n\n", Content_Type="Text/Event-Stream; charset=x"))
        self.turn()
        self.assertEqual([Event("1")], self.taken(source, 1))

    def test_endless_body(self) -> None:
        """
        An endless body is cut after its start.
        """
        source = self.source()
        wire = self.accept(b"HTTP/1.1 403 No\r\n\r\n" + b"x" * 100)
        self.assertIs(ReadyState.CONNECTING, source.state)
        wire.send(b"x" * 100_000)
        self.turn()
        self.assertTrue(wire.is_aborted)
        problem = self.failureResultOf(source.when_closed(), NotAnEventStream).value
        self.assertEqual(b"x" * 16384, problem.body)

    def test_slow_body(self) -> None:
        """
        A body that does not come is cut after 5 s.
        """
        source = self.source()
        wire = self.accept(b"HTTP/1.1 403 No\r\nContent-Length: 10\r\n\r\nNo")
        self.reactor.advance(5)
        self.turn()
        self.assertTrue(wire.is_aborted)
        problem = self.failureResultOf(source.when_closed(), NotAnEventStream).value
        self.assertEqual(b"No", problem.body)

    def test_gzip_body(self) -> None:
        """
        The body of an error is decoded if gzip was asked for.
        """
        data = gzip.compress(b"sorry")
        head = response("403 No", data, Content_Encoding="gzip")
        self.assertEqual(b"sorry", self.failed(head, gzip=True).body)
        self.assertEqual(data, self.failed(head).body)

    def test_stay_away(self) -> None:
        """
        204 ends the source quietly.
        """
        source = self.source()
        following, closed = source.next(), source.when_closed()
        self.accept(b"HTTP/1.1 204 No Content\r\n\r\n")
        self.turn()
        self.assertIsNone(self.successResultOf(following))
        self.assertIsNone(self.successResultOf(closed))
        self.assertIsNone(self.successResultOf(source.when_closed()))
        self.assertIs(ReadyState.CLOSED, source.state)
        self.reactor.advance(1000)
        self.assertEqual(0, self.asked())

    def test_not_http(self) -> None:
        """
        A response that is not HTTP is a failure of the network.
        """
        problem = self.failed(b"220 smtp.example.com\r\n", policy=lambda _: False)
        self.assertIsInstance(problem, Disconnected)


class NetworkTests(AttemptCase):
    """
    Attempts without a response.
    """

    def problem(self, source: EventSource) -> str:
        problem = self.failureResultOf(source.when_closed(), Disconnected).value
        self.assertFalse(problem.is_clean)
        self.assertIsNotNone(problem.__cause__)
        return str(problem)

    def test_refused(self) -> None:
        """
        A refused connection or an unknown host is a failure.
        """
        for cause in (ConnectionRefusedError("no"), DNSLookupError("no")):
            source = self.source(policy=lambda _: False)
            self.refuse(cause)
            self.assertIn("there was no response: ", self.problem(source))

    def test_lost_before_head(self) -> None:
        """
        A connection that is lost before the head, or within it, is a failure.
        """
        for data in (b"", HEAD[:-2]):
            source = self.source(policy=lambda _: False)
            self.accept(data).reset()
            self.assertIn("Connection to the other side was lost", self.problem(source))

    def test_endless_head(self) -> None:
        """
        An endless head is cut, even if it consists of many informational responses.
        """
        for data in (b"X-A: a\r\n", b"\r\nHTTP/1.1 103 Early Hints\r\n"):
            source = self.source(policy=lambda _: False)
            wire = self.accept(
                b"HTTP/1.1 200 OK\r\n" if data[:1] == b"X" else b"HTTP/1.1 103 x\r\n"
            )
            for sent in range(10**9):
                self.assertLess(sent, 100)
                if wire.is_aborted:
                    break
                wire.send(data * 1000)
            self.turn()
            self.assertIn("its head has more than 262144 bytes", self.problem(source))

    def test_long_stream_after_head(self) -> None:
        """
        The limit of the head does not apply to the stream.
        """
        source, wire = self.open()
        for _ in range(100):
            wire.send(chunk(b":" + b"a" * 2**14))
        self.assertIs(ReadyState.OPEN, source.state)

    def test_timeout(self) -> None:
        """
        The time-out applies to each step until the head, and cuts the connection.
        """
        for step in ("connecting", "waiting", "dribbling"):
            with self.subTest(step):
                source = self.source(connect_timeout=7, policy=lambda _: False)
                wire = None if step == "connecting" else self.accept()
                if wire is not None and step == "dribbling":
                    for number in range(6):
                        self.reactor.advance(1)
                        wire.send(b"H" if not number else HEAD[number : number + 1])
                    self.reactor.advance(1)
                else:
                    self.reactor.advance(7)
                self.turn()
                problem = self.failureResultOf(source.when_closed(), Disconnected).value
                self.assertEqual("no response within 7 s", str(problem))
                self.assertTrue(wire is None or not wire.is_connected)
                self.reactor.tcpClients.clear()

    def test_no_total_timeout(self) -> None:
        """
        The time-out does not apply to the stream.
        """
        source, wire = self.open(connect_timeout=7)
        for _ in range(1000):
            self.reactor.advance(100)
            wire.send(chunk(b":\n"))
        self.assertIs(ReadyState.OPEN, source.state)


class RedirectTests(AttemptCase):
    """
    Redirections, followed as browsers do.
    """

    def redirect(self, wire: Wire, location: str, status: str = "302 Found") -> Wire:
        """
        Redirect a connection, and return the one that follows.
        """
        wire.send(response(status, Location=location))
        self.turn()
        self.assertFalse(wire.is_connected, "the redirected connection is gone")
        return self.accept()

    def test_follows(self) -> None:
        """
        A redirection is followed and shown in ``Opened``; the next attempt asks the first URL
        again, even after a permanent one.
        """
        source = self.source(last_event_id="7")
        wire = self.redirect(self.accept(), "/other?q", "301 Moved Permanently")
        self.assertTrue(wire.request.startswith(b"GET /other?q HTTP/1.1\r\n"))
        self.assertEqual("7", wire.header("Last-Event-ID"))
        wire.send(HEAD)
        self.assertEqual("http://example.com/other?q", self.successResultOf(source.when_open()).url)
        wire.finish()
        self.reactor.advance(10)
        self.assertTrue(self.accept().request.startswith(b"GET /events?token=secret HTTP"))

    def test_method_and_body(self) -> None:
        """
        A redirection with 303 turns a POST into a GET; one with 307 keeps the POST.
        """
        self.source(method="POST", body=b"{}", headers={"Content-Type": "application/json"})
        wire = self.redirect(self.accept(), "/a", "307 Temporary Redirect")
        self.assertTrue(wire.request.startswith(b"POST /a "))
        self.assertTrue(wire.request.endswith(b"\r\n\r\n{}"))
        wire = self.redirect(wire, "/b", "303 See Other")
        self.assertTrue(wire.request.startswith(b"GET /b "))
        self.assertTrue(wire.request.endswith(b"\r\n\r\n"))
        self.assertIsNone(wire.header("Content-Type"))

    def test_credentials(self) -> None:
        """
        Another origin gets neither credentials nor cookies; the next attempt sends both again.
        """
        credentials = {"Authorization": "Bearer secret", "X": "1"}
        self.source(headers=credentials, cookies={"a": "1"})
        wire = self.redirect(self.accept(), "http://other.example/")
        self.assertEqual("other.example", wire.header("Host"))
        self.assertEqual("1", wire.header("X"))
        self.assertIsNone(wire.header("Authorization"))
        self.assertIsNone(wire.header("Cookie"))
        wire = self.redirect(wire, URL)
        self.assertIsNone(wire.header("Authorization"))
        self.assertEqual("a=1", wire.header("Cookie"))
        wire.reset()
        self.reactor.advance(10)
        self.assertEqual("Bearer secret", self.accept().header("Authorization"))

    def test_own_cookie_header(self) -> None:
        """
        A ``Cookie`` header that was given is a credential.
        """
        self.source(headers={"Cookie": "a=1"})
        wire = self.accept()
        self.assertEqual("a=1", wire.header("Cookie"))
        self.assertIsNone(self.redirect(wire, "http://other.example/").header("Cookie"))

    def test_circle(self) -> None:
        """
        A circle ends after 20 redirections; the error shows it without secrets.
        """
        source = self.source()
        wire = self.accept()
        for number in range(20):
            wire = self.redirect(wire, f"/{'ab'[number % 2]}?token=secret")
        wire.send(response("302 Found", Location="/a?token=secret"))
        self.turn()
        problem = self.failureResultOf(source.when_closed(), RedirectRefused).value
        self.assertEqual((302, "/a?token=secret"), (problem.status, problem.location))
        self.assertEqual("http://example.com/b", problem.url)
        self.assertEqual(
            "http://example.com/b redirects in a circle: "
            "http://example.com/a -> http://example.com/b -> http://example.com/a",
            str(problem),
        )

    def test_twenty(self) -> None:
        """
        20 redirections are followed.
        """
        source = self.source()
        wire = self.accept()
        for number in range(20):
            wire = self.redirect(wire, f"/{number}")
        wire.send(HEAD)
        self.assertIs(ReadyState.OPEN, source.state)

    def test_wrong_location(self) -> None:
        """
        A redirection to another scheme, or to an invalid URL, is refused.
        """
        for location in ("ftp://example.com/", "http://"):
            problem = self.failed(response("302 Found", Location=location))
            self.assertIsInstance(problem, RedirectRefused)
            self.assertEqual(location, problem.location)
            self.assertIn("http://example.com/events redirects to a location", str(problem))

    def test_no_location(self) -> None:
        """
        A redirection without a location is a response that is not an event stream.
        """
        problem = self.failed(response("302 Found", b"where?"))
        self.assertNotIsInstance(problem, RedirectRefused)
        self.assertEqual((302, b"where?"), (problem.status, problem.body))

    def test_endless_body(self) -> None:
        """
        The body of a redirection is not read.
        """
        self.source()
        wire = self.accept()
        wire.send(b"HTTP/1.1 302 Found\r\nLocation: /a\r\n\r\n" + b"x" * 1000)
        self.assertTrue(wire.is_aborted)
        self.accept(HEAD)

    def test_timeout(self) -> None:
        """
        The time-out applies to all redirections together.
        """
        source = self.source(connect_timeout=7, policy=lambda _: False)
        wire = self.accept()
        for _ in range(6):
            self.reactor.advance(1)
            wire = self.redirect(wire, "/again")
        self.reactor.advance(1)
        self.failureResultOf(source.when_closed(), Disconnected)

    def test_stay_away(self) -> None:
        """
        204 after a redirection ends the source quietly.
        """
        source = self.source()
        self.redirect(self.accept(), "/gone").send(b"HTTP/1.1 204 No Content\r\n\r\n")
        self.successResultOf(source.when_closed())
