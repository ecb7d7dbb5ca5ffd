"""
Asking the application what a request may do.
"""

import gzip
import json

from treq.client import HTTPClient
from twisted.internet.address import UNIXAddress

from ssetwist.hub import EVERYTHING, Matchers
from ssetwist.hub._turns import MAX_TURN
from ssetwist.mercure.access._callback import MAX_ANSWER_BYTES, CallbackAuthorizer
from ssetwist.mercure.rights._rights import Action, Rights
from ssetwist.mercure.topics._limits import Limits
from tests.clock import TwoClocks
from tests.unit.mercure.access.case import JSON, PEER, Case
from tests.unit.mercure.case import TickingClock
from tests.unit.mercure.fake_tokens import HUB, NOW


class QuestionTests(Case):
    """
    Requests that the application gets.
    """

    def test_request(self) -> None:
        """
        The application gets a GET with the method and the whole URI of the request.
        """
        self.ask(uri=b"/hub?match=%2Fa&authorization=t0ken", action=Action.SUBSCRIBE)
        asked = self.application.requests[0]
        self.assertEqual((b"GET", b"/hub/authorize?key=s3cret"), (asked.method, asked.uri))
        self.assertEqual(["GET"], self.application.got("X-Original-Method"))
        self.assertEqual(
            ["/hub?match=%2Fa&authorization=t0ken"], self.application.got("X-Original-URI")
        )
        self.assertEqual(["application/json"], self.application.got("Accept"))

    def test_many_patterns(self) -> None:
        """
        The patterns of an answer are compiled in as many turns as that takes.
        """
        self.clock = clock = TickingClock()
        clock.advance(NOW)
        self.by_url = self.made(self.agent)
        topics = [{"match": f"/{number}/*", "match_type": "urlpattern"} for number in range(9)]
        self.application.headers[b"Content-Type"] = JSON
        self.application.body = json.dumps({"subscribe": topics}).encode()
        clock.tick = MAX_TURN
        asking = self.ask()
        self.assertLess(8, clock.turns_until(asking))
        self.assertTrue(self.successResultOf(asking).subscribe)

    def test_action(self) -> None:
        """
        The application gets the action.
        """
        for action in Action:
            self.assertTrue(self.by_url.can_allow(action))
            self.ask(action=action)
            self.assertEqual([action.value], self.application.got("X-Ssetwist-Action"))

    def test_headers(self) -> None:
        """
        Headers that identify the client are forwarded unchanged.
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
        Other headers are not forwarded, and neither are headers of a client that look like the
        hub's own.
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
        Cookies in several header fields are joined.
        """
        self.ask((b"Cookie", b"a=1"), (b"Cookie", b"b=2; c=3"))
        self.assertEqual(["a=1; b=2; c=3"], self.application.got("Cookie"))

    def test_cookies_of_other_clients(self) -> None:
        """
        A cookie that the application sets in an answer about one client is not sent with
        questions about others.
        """
        self.application.headers[b"Set-Cookie"] = b"session=ann; Path=/"
        self.ask((b"Cookie", b"session=old"))
        for headers, expected in (((), []), (((b"Cookie", b"a=1"),), ["a=1"])):
            self.successResultOf(self.ask(*headers))
            self.assertEqual(expected, self.application.got("Cookie"))

    def test_forwarded_for(self) -> None:
        """
        The last address is the client's, as the hub sees it; before it come the addresses that the
        client has sent.
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
        Each request is asked about anew.
        """
        self.assertEqual(Rights(), self.rights())
        self.application.code = 403
        self.assertEqual(403, self.refused().status)

    def test_bad_url(self) -> None:
        """
        An invalid URL is refused at once, and not repeated.
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
    The meaning of an application's answer.
    """

    def test_allowed(self) -> None:
        """
        Each status of 2xx allows the action.
        """
        for code in (200, 201, 202, 204, 299):
            self.application.code = code
            self.assertEqual(Rights(), self.rights())
            self.assertEqual(Rights(publish=Matchers.of(EVERYTHING)), self.rights(Action.PUBLISH))

    def test_empty_json(self) -> None:
        """
        An empty body that should be JSON is invalid, except with 204, which never has a body.
        """
        self.application.headers[b"Content-Type"] = JSON
        self.assertIn("it is not JSON", self.refused(Action.PUBLISH).reason)
        self.application.code = 204
        self.assertEqual(Rights(), self.rights())

    def test_decision(self) -> None:
        """
        A body names the rights, and when they end.
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
        An answer may be compressed.
        """
        self.application.headers = {b"Content-Type": JSON, b"Content-Encoding": b"gzip"}
        self.application.body = gzip.compress(b'{"identity": "ann"}')
        self.assertEqual("ann", self.rights().identity)

    def test_broken_compression(self) -> None:
        """
        An answer that cannot be decompressed allows nothing.
        """
        self.application.headers = {b"Content-Type": JSON, b"Content-Encoding": b"gzip"}
        for body in (b"no gzip at all", gzip.compress(b"{}")[:-12]):
            self.application.body = body
            self.assertEqual(503, self.refused().status)

    def test_compression_that_breaks(self) -> None:
        """
        An answer that breaks off while it is decompressed allows nothing.
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
        An invalid answer allows nothing; the log tells the reason.
        """
        for media_type, body, expected in (
            (b"text/html", b"<p>Hello", "it is text/html; expected application/json"),
            (JSON, b"{", "it is not JSON: Expecting property name enclosed in double quotes"),
            (JSON, b'{"publish": ["/a", 5]}', "publish[1] is not a string, or empty"),
        ):
            self.application.headers[b"Content-Type"] = media_type
            self.application.body = body
            for action in Action:
                refused = self.refused(action)
                self.assertIn(f"invalid answer: {expected}", refused.reason)
                self.assertEqual((503, 5.0), (refused.status, refused.retry_after))

    def test_expires_by_the_date(self) -> None:
        """
        Rights end some seconds after the answer, at a date by the time of day.
        """
        self.clock = TwoClocks(5000.0)
        self.clock.step(1000.0)
        self.by_url = self.made(self.agent)
        self.application.headers[b"Content-Type"] = JSON
        self.application.body = b'{"expires_in": 60}'
        self.assertEqual(6060.0, self.rights().expires)

    def test_limits(self) -> None:
        """
        The hub's limits also apply to patterns in an answer.
        """
        self.by_url = self.made(self.agent, limits=Limits(max_pattern=5))
        self.application.headers[b"Content-Type"] = JSON
        self.application.body = b'{"topics": ["/12345"]}'
        self.assert_no_answer("invalid answer: topics[0] has more than 5 bytes", self.refused())

    def test_unauthorized(self) -> None:
        """
        With 401 the client gets a challenge, but nothing of the application's body.
        """
        self.application.code = 401
        self.application.body = b"who are you?"
        refused = self.refused()
        self.assertEqual(
            (401, "", None, "Authentication is required."),
            (refused.status, refused.error, refused.retry_after, refused.text),
        )
        self.assertEqual(
            "http://app.example/hub/authorize does not know the client (401)", refused.reason
        )

    def test_forbidden(self) -> None:
        """
        With 403 the client does not get a challenge, because a token would not help.
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
        Any other status allows nothing; a redirection is not followed.
        """
        self.application.headers[b"Location"] = b"http://app.example/login"
        self.application.body = b'{"publish": ["*"]}'
        for code in (300, 302, 307, 400, 404, 429, 500, 502, 503):
            self.application.code = code
            self.assert_no_answer(f"status {code}; expected 2xx, 401 or 403", self.refused())
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
        A larger answer is invalid, and the connection is closed.
        """
        self.application.headers[b"Content-Type"] = JSON
        self.application.body = b"{}".ljust(MAX_ANSWER_BYTES + 1)
        self.application.is_open = True
        self.assert_no_answer("invalid answer: it is larger than 65536 bytes", self.refused())
        self.flush()
        self.assertEqual(1, len(self.application.ended))

    def test_large_refusal(self) -> None:
        """
        A refusal may have a body of any size.
        """
        self.application.body = b"x" * MAX_ANSWER_BYTES * 2
        for code in (401, 403):
            self.application.code = code
            self.assertEqual(code, self.refused().status)

    def test_cut_off(self) -> None:
        """
        An answer that is cut off allows nothing, even if the received part would be a valid answer.
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
            self.assert_no_answer("invalid answer: it was cut off", self.refusal_of(asking))
