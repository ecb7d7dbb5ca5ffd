"""
Asking the application.
"""

import gzip
from collections.abc import Callable
from typing import Any

from OpenSSL.SSL import Error as TLSError
from treq.client import HTTPClient
from treq.testing import RequestTraversalAgent
from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.error import ConnectionLost, ConnectionRefusedError
from twisted.internet.interfaces import IAddress
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web._newclient import ParseError, ResponseNeverReceived
from twisted.web.client import Agent
from twisted.web.iweb import IAgent
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request
from twisted.web.test.requesthelper import DummyChannel
from zope.interface import implementer

from ssetwist.errors import Refused
from ssetwist.hub import EVERYTHING, Matchers
from ssetwist.mercure.access._callback import MAX_ANSWER_BYTES, CallbackAuthorizer
from ssetwist.mercure.rights._rights import Action, Rights
from ssetwist.mercure.topics._limits import Limits
from tests.unit.mercure.fake_tokens import HUB, NOW

URL = "http://app.example/hub/authorize?key=s3cret"
JSON = b"application/json"
PEER = IPv4Address("TCP", "192.0.2.7", 50000)


def request(
    *headers: tuple[bytes, bytes], uri: bytes = b"/.well-known/mercure", peer: IAddress = PEER
) -> Request:
    """
    Make a request to the hub.
    """
    made = Request(DummyChannel(), False)
    made.method, made.uri, made.client = b"GET", uri, peer
    for name, value in headers:
        made.requestHeaders.addRawHeader(name, value)
    return made


class Application(Resource):
    """
    Answers as the test wants it.

    :ivar is_open: Whether the end of its answers never comes.
    """

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[Request] = []
        self.ended: list[object] = []
        self.code = 200
        self.headers: dict[bytes, bytes] = {}
        self.body = b""
        self.is_open = False

    def render(self, request: Request) -> Any:  # bytes or NOT_DONE_YET
        """
        Answer.
        """
        self.requests.append(request)
        request.notifyFinish().addBoth(self.ended.append)
        request.setResponseCode(self.code)
        for name, value in self.headers.items():
            request.setHeader(name, value)
        if not self.is_open:
            return self.body
        if self.body:
            request.write(self.body)
        return NOT_DONE_YET

    def got(self, name: str) -> list[str]:
        """
        Return the values of a header of the last request.
        """
        return list(self.requests[-1].requestHeaders.getRawHeaders(name, []))


@implementer(IAgent)
class Down:
    """
    A network that is down.
    """

    def __init__(self, problem: Exception) -> None:
        self._problem = problem

    def request(self, *_: object) -> "Deferred[Any]":
        """
        Fail.
        """
        return fail(self._problem)


@implementer(IAgent)
class Silent:
    """
    A network in which nothing happens.
    """

    cancelled = 0

    def request(self, *_: object) -> "Deferred[Any]":
        """
        Wait for ever.
        """
        return Deferred(self._cancel)

    def _cancel(self, _: object) -> None:
        self.cancelled += 1


class Case(SynchronousTestCase):
    """
    An application, and who asks it.
    """

    def setUp(self) -> None:
        self.application = Application()
        self.agent = RequestTraversalAgent(self.application)
        self.clock = Clock()
        self.clock.advance(NOW)
        self.by_url = self.made(self.agent)

    def tearDown(self) -> None:
        self.assertEqual([], self.clock.getDelayedCalls())

    def made(self, agent: Any, **options: Any) -> CallbackAuthorizer:
        """
        Make who asks.
        """
        return CallbackAuthorizer(URL, HTTPClient(agent), clock=self.clock, base_url=HUB, **options)

    def ask(
        self, *headers: tuple[bytes, bytes], action: Action = Action.SUBSCRIBE, **options: Any
    ) -> "Deferred[Rights]":
        """
        Ask, and let the bytes flow.
        """
        asking = self.by_url.authorize(request(*headers, **options), action)
        self.flush()
        return asking

    def flush(self) -> None:
        """
        Let the bytes flow.
        """
        for _ in range(5):
            self.agent.flush()

    def rights(self, action: Action = Action.SUBSCRIBE) -> Rights:
        """
        Return what is granted.
        """
        return self.successResultOf(self.ask(action=action))

    def refused(self, action: Action = Action.SUBSCRIBE) -> Refused:
        """
        Return why it is refused.
        """
        return self.refusal_of(self.ask(action=action))

    def refusal_of(self, asking: "Deferred[Rights]") -> Refused:
        """
        Return why what was asked is refused.
        """
        problem = self.failureResultOf(asking, Refused).value
        assert isinstance(problem, Refused)
        return problem

    def assert_no_answer(self, expected: str, refused: Refused) -> None:
        """
        Check that somebody was refused because there is no answer.
        """
        self.assertEqual(
            (503, 5.0, None, "It cannot be found out now whether this is allowed."),
            (refused.status, refused.retry_after, refused.error, refused.text),
        )
        self.assertEqual(f"http://app.example/hub/authorize was asked: {expected}", refused.reason)


class QuestionTests(Case):
    """
    What the application sees.
    """

    def test_request(self) -> None:
        """
        It is sent a GET that says what was sent to the hub, all of it.
        """
        self.ask(uri=b"/hub?match=%2Fa&authorization=t0ken", action=Action.SUBSCRIBE)
        asked = self.application.requests[0]
        self.assertEqual((b"GET", b"/hub/authorize?key=s3cret"), (asked.method, asked.uri))
        self.assertEqual(["GET"], self.application.got("X-Original-Method"))
        self.assertEqual(
            ["/hub?match=%2Fa&authorization=t0ken"], self.application.got("X-Original-URI")
        )
        self.assertEqual(["application/json"], self.application.got("Accept"))

    def test_action(self) -> None:
        """
        It is told what is asked for.
        """
        for action in Action:
            self.assertTrue(self.by_url.can_allow(action))
            self.ask(action=action)
            self.assertEqual([action.value], self.application.got("X-Ssetwist-Action"))

    def test_headers(self) -> None:
        """
        What says who asks is handed on as it came.
        """
        for name in (
            "Authorization", "Cookie", "Origin", "Referer", "User-Agent", "Accept-Language",
        ):  # fmt: skip
            self.ask((name.encode(), "what it säys".encode()))
            self.assertEqual(["what it säys"], self.application.got(name))
            self.ask()
            self.assertEqual([], self.application.got(name))

    def test_no_other_headers(self) -> None:
        """
        Nothing else is handed on, nor what a client says in the name of the hub.
        """
        self.ask(
            (b"Connection", b"upgrade, cookie"),
            (b"Upgrade", b"websocket"),
            (b"TE", b"trailers"),
            (b"Transfer-Encoding", b"chunked"),
            (b"Content-Length", b"5"),
            (b"Host", b"other.example"),
            (b"Last-Event-ID", b"1"),
            (b"X-Original-URI", b"/other"),
            (b"X-Original-Method", b"POST"),
            (b"X-Ssetwist-Action", b"publish"),
            (b"Cookie", b"a=1"),
        )
        self.assertEqual(
            {
                b"Accept", b"Accept-Encoding", b"Connection", b"Cookie", b"Host",
                b"X-Forwarded-For", b"X-Original-Method", b"X-Original-Uri", b"X-Ssetwist-Action",
            },
            {
                name.title()
                for name, _ in self.application.requests[0].requestHeaders.getAllRawHeaders()
            },
        )  # fmt: skip
        for name, expected in (
            ("Host", "app.example"),
            ("Connection", "close"),
            ("X-Original-URI", "/.well-known/mercure"),
            ("X-Original-Method", "GET"),
            ("X-Ssetwist-Action", "subscribe"),
        ):
            self.assertEqual([expected], self.application.got(name))

    def test_cookies_of_http2(self) -> None:
        """
        Cookies that came in pieces are put together.
        """
        self.ask((b"Cookie", b"a=1"), (b"Cookie", b"b=2; c=3"))
        self.assertEqual(["a=1; b=2; c=3"], self.application.got("Cookie"))

    def test_cookies_of_others(self) -> None:
        """
        A cookie that the application sets when it is asked about somebody is shown to it for
        nobody else.
        """
        self.application.headers[b"Set-Cookie"] = b"session=ann; Path=/"
        self.ask((b"Cookie", b"session=old"))
        for headers, expected in (((), []), (((b"Cookie", b"a=1"),), ["a=1"])):
            self.successResultOf(self.ask(*headers))
            self.assertEqual(expected, self.application.got("Cookie"))

    def test_forwarded_for(self) -> None:
        """
        The last address is the one that the hub has seen; what the client says is before it.
        """
        for values, peer, expected in (
            ((), PEER, ["192.0.2.7"]),
            ((b"198.51.100.1",), PEER, ["198.51.100.1, 192.0.2.7"]),
            ((b"a, b", b"", b"c"), PEER, ["a, b, c, 192.0.2.7"]),
            ((b"198.51.100.1",), UNIXAddress("/run/hub"), ["198.51.100.1"]),
            ((), UNIXAddress("/run/hub"), []),
        ):
            self.ask(*((b"X-Forwarded-For", value) for value in values), peer=peer)
            self.assertEqual(expected, self.application.got("X-Forwarded-For"))

    def test_each_time(self) -> None:
        """
        No answer is kept.
        """
        self.assertEqual(Rights(), self.rights())
        self.application.code = 403
        self.assertEqual(403, self.refused().status)

    def test_bad_url(self) -> None:
        """
        A URL that cannot be asked is refused at once.
        """
        for url in ("", "app.example", "ftp://app.example/", "http://me:s3cret@app.example/"):
            error = self.assertRaises(
                ValueError,
                CallbackAuthorizer,
                url,
                HTTPClient(self.agent),
                clock=self.clock,
                base_url=HUB,
            )
            self.assertNotIn("s3cret", str(error))


class AnswerTests(Case):
    """
    What its answer means.
    """

    def test_allowed(self) -> None:
        """
        Every status of 2xx allows what was asked for.
        """
        for code in (200, 201, 202, 204, 299):
            self.application.code = code
            self.assertEqual(Rights(), self.rights())
            self.assertEqual(Rights(publish=Matchers.of(EVERYTHING)), self.rights(Action.PUBLISH))

    def test_empty_json(self) -> None:
        """
        An answer that should be JSON and is empty is none, but for 204, which never has a body.
        """
        self.application.headers[b"Content-Type"] = JSON
        self.assertIn("it is no JSON", self.refused(Action.PUBLISH).reason)
        self.application.code = 204
        self.assertEqual(Rights(), self.rights())

    def test_decision(self) -> None:
        """
        A body says what exactly is granted, and until when.
        """
        self.application.headers[b"Content-Type"] = b"application/json; charset=utf-8"
        self.application.body = (
            b'{"subscribe": [{"match": "/a/*", "match_type": "urlpattern"}], "expires_in": 60}'
        )
        for action in Action:
            rights = self.rights(action)
            self.assertTrue(rights.subscribe.match(("https://hub.example/a/1",)))
            self.assertEqual((NOW + 60, None), (rights.expires, rights.publish))

    def test_compressed(self) -> None:
        """
        It may be compressed.
        """
        self.application.headers = {b"Content-Type": JSON, b"Content-Encoding": b"gzip"}
        self.application.body = gzip.compress(b'{"identity": "ann"}')
        self.assertEqual("ann", self.rights().identity)

    def test_broken_compression(self) -> None:
        """
        What cannot be decompressed is no answer.
        """
        self.application.headers = {b"Content-Type": JSON, b"Content-Encoding": b"gzip"}
        for body in (b"no gzip at all", gzip.compress(b"{}")[:-12]):
            self.application.body = body
            self.assertEqual(503, self.refused().status)

    def test_compression_that_breaks(self) -> None:
        """
        That may turn out in the midst of it.
        """
        self.application.headers = {b"Content-Type": JSON, b"Content-Encoding": b"gzip"}
        whole = gzip.compress(b'{"identity": "ann"}')
        self.application.is_open, self.application.body = True, whole[:15]
        asking = self.ask()
        self.application.requests[0].write(b"no gzip any more")
        self.flush()
        self.clock.advance(5)
        self.assertEqual(503, self.refusal_of(asking).status)
        self.assertEqual(1, len(self.application.ended))

    def test_invalid(self) -> None:
        """
        An answer that makes no sense is the application's fault, and allows nothing.
        """
        for media_type, body, expected in (
            (b"text/html", b"<p>Hello", "it is text/html; expected application/json"),
            (JSON, b"{", "it is no JSON: Expecting property name enclosed in double quotes"),
            (JSON, b'{"publish": ["/a", 5]}', "publish[1] is no text, or empty"),
        ):
            self.application.headers[b"Content-Type"] = media_type
            self.application.body = body
            for action in Action:
                refused = self.refused(action)
                self.assertIn(f"the answer makes no sense: {expected}", refused.reason)
                self.assertEqual((503, 5.0), (refused.status, refused.retry_after))

    def test_limits(self) -> None:
        """
        The hub's limits are for its patterns, too.
        """
        self.by_url = self.made(self.agent, limits=Limits(max_pattern=5))
        self.application.headers[b"Content-Type"] = JSON
        self.application.body = b'{"topics": ["/12345"]}'
        self.assert_no_answer(
            "the answer makes no sense: topics[0] has more than 5 bytes", self.refused()
        )

    def test_unauthorized(self) -> None:
        """
        401: the client is challenged, and told nothing else.
        """
        self.application.code = 401
        self.application.body = b"who are you?"
        refused = self.refused()
        self.assertEqual(
            (401, "", None, "It is not known who asks."),
            (refused.status, refused.error, refused.retry_after, refused.text),
        )
        self.assertEqual(
            "http://app.example/hub/authorize does not know who it is (401)", refused.reason
        )

    def test_forbidden(self) -> None:
        """
        403: there is no challenge, because it would not help.
        """
        self.application.code = 403
        refused = self.refused()
        self.assertEqual(
            (403, None, None, "This is not allowed."),
            (refused.status, refused.error, refused.retry_after, refused.text),
        )
        self.assertEqual("http://app.example/hub/authorize does not allow it (403)", refused.reason)

    def test_other_status(self) -> None:
        """
        Any other status is no answer; a redirection leads nowhere.
        """
        self.application.headers[b"Location"] = b"http://app.example/login"
        self.application.body = b'{"publish": ["*"]}'
        for code in (300, 302, 307, 400, 404, 429, 500, 502, 503):
            self.application.code = code
            self.assert_no_answer(f"it answered {code}; expected 2xx, 401 or 403", self.refused())
        self.assertEqual(9, len(self.application.requests))

    def test_largest(self) -> None:
        """
        An answer may have 64 KiB.
        """
        self.application.headers[b"Content-Type"] = JSON
        self.application.body = b"{}".ljust(MAX_ANSWER_BYTES)
        self.assertEqual(Rights(), self.rights())

    def test_too_large(self) -> None:
        """
        One that has more is none; what comes after that is not listened to.
        """
        self.application.headers[b"Content-Type"] = JSON
        self.application.body = b"{}".ljust(MAX_ANSWER_BYTES + 1)
        self.application.is_open = True
        self.assert_no_answer(
            "the answer makes no sense: it is larger than 65536 bytes", self.refused()
        )
        self.flush()
        self.assertEqual(1, len(self.application.ended))

    def test_large_refusal(self) -> None:
        """
        A refusal is one, however much is said about it.
        """
        self.application.body = b"x" * MAX_ANSWER_BYTES * 2
        for code in (401, 403):
            self.application.code = code
            self.assertEqual(code, self.refused().status)

    def test_cut_off(self) -> None:
        """
        An answer that is cut off allows nothing, though what has come of it would.
        """
        self.application.headers[b"Content-Type"] = JSON
        for length, body in ((None, b"{}"), (b"100", b"{}"), (b"100", b" ")):
            self.application.body, self.application.is_open = body, True
            if length is not None:
                self.application.headers[b"Content-Length"] = length
            asking = self.ask()
            self.assertNoResult(asking)
            self.application.requests[-1].transport.loseConnection()
            self.flush()
            self.assert_no_answer(
                "the answer makes no sense: its end did not come", self.refusal_of(asking)
            )


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
            "the answer makes no sense: its end did not come",
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
