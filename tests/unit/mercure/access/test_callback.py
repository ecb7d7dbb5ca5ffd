"""
Asking the application.
"""

import gzip

from treq.client import HTTPClient
from twisted.internet.address import UNIXAddress

from ssetwist.hub import EVERYTHING, Matchers
from ssetwist.mercure.access._callback import MAX_ANSWER_BYTES, CallbackAuthorizer
from ssetwist.mercure.rights._rights import Action, Rights
from ssetwist.mercure.topics._limits import Limits
from tests.unit.mercure.access.case import JSON, PEER, Case
from tests.unit.mercure.fake_tokens import HUB, NOW


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
                "the answer makes no sense: it was cut off", self.refusal_of(asking)
            )
