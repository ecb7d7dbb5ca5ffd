"""
How one request is sent.
"""

from http.cookiejar import CookieJar
from typing import Any

from treq.client import HTTPClient
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from ssetwist.client.http._request import Request
from ssetwist.client.http._sender import (
    MAX_COOKIES,
    RequestSender,
    _Body,
    jar_of,
    through_agent,
    through_treq,
)
from tests.unit.client.case import FakeAgent, FakeResponse

URL = "https://example.com:8443/events"


class SendCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.agent = FakeAgent()

    def sent(self, send: RequestSender, **options: Any) -> Headers:
        """
        Send a request, and return the headers that have left.
        """
        headers = Headers({"Accept-Encoding": ["identity"], **options.pop("headers", {})})
        request = Request(**{"method": "GET", "url": URL, **options}, headers=headers)
        self.result = send(request)
        return self.agent.requests[-1][2]

    def cookies(self, headers: Headers) -> list[str] | None:
        return headers.getRawHeaders("Cookie")


class AgentTests(SendCase):
    """
    Through an agent.
    """

    def test_request(self) -> None:
        """
        All of the request is sent; a body at once, and again with each request.
        """
        send = through_agent(self.agent, CookieJar())
        for _ in range(2):
            self.sent(send, method="POST", body=b"{}", headers={"X": ["1"]})
            method, url, headers, body = self.agent.requests[-1]
            self.assertEqual((b"POST", URL.encode(), b"{}"), (method, url, body))
            self.assertEqual(["1"], headers.getRawHeaders("X"))

    def test_no_body(self) -> None:
        """
        No body is none, and an empty one is a body.
        """
        send = through_agent(self.agent, CookieJar())
        self.sent(send)
        self.sent(send, body=b"")
        self.assertEqual([None, b""], [request[3] for request in self.agent.requests])

    def test_named_cookies(self) -> None:
        """
        Names and values are for the origin only.
        """
        send = through_agent(self.agent, jar_of({"a": "1", "b": "2"}, URL))
        self.assertEqual(["a=1; b=2"], self.cookies(self.sent(send)))
        for url in ("https://example.com/", "http://example.com:8443/", "https://other.example/"):
            self.assertIsNone(self.cookies(self.sent(send, url=url)), url)

    def test_cookies_are_kept(self) -> None:
        """
        What a server sets is sent the next time, and is in the jar that was given.
        """
        jar = CookieJar()
        send = through_agent(self.agent, jar_of(jar, URL))
        self.sent(send)
        self.agent.answers[0].callback(FakeResponse(headers={"Set-Cookie": "server=3"}))
        self.assertEqual(["server=3"], self.cookies(self.sent(send)))
        self.assertEqual(["server"], [cookie.name for cookie in jar])

    def test_odd_cookies(self) -> None:
        """
        A cookie that Twisted cannot read is lost, and not the response; others are kept.
        """
        send = through_agent(self.agent, CookieJar())
        self.sent(send)
        response = FakeResponse(headers={"Set-Cookie": "a=1"})
        response.headers.addRawHeader(b"Set-Cookie", "b=é".encode())
        self.agent.answers[0].callback(response)
        self.assertIs(response, self.successResultOf(self.result))
        self.assertEqual(["a=1"], self.cookies(self.sent(send)))

    def test_cookies_without_end(self) -> None:
        """
        A server that sets other cookies each time does not fill the memory.
        """
        jar = CookieJar()
        send = through_agent(self.agent, jar)
        for number in range(12):
            self.sent(send)
            response = FakeResponse()
            for which in range(100):
                response.headers.addRawHeader("Set-Cookie", f"c{number}.{which}=x")
            self.agent.answers[number].callback(response)
            self.assertIs(response, self.successResultOf(self.result))
        self.assertEqual(MAX_COOKIES, len(jar))

    def test_broken_jar(self) -> None:
        """
        If a jar breaks, the response whose cookies it does not take is cut.
        """

        class Broken(CookieJar):
            def extract_cookies(self, *_: object) -> None:
                raise KeyError

        self.sent(through_agent(self.agent, Broken()))
        response = FakeResponse()
        self.agent.answers[0].callback(response)
        self.failureResultOf(self.result, KeyError)
        self.assertEqual("abort", response.transport.calls[0])

    def test_no_cookies(self) -> None:
        """
        What can be no cookie is refused.
        """
        for cookies in ({"a": "é"}, {"é": "a"}, {"a": "b\r\n"}):
            self.assertRaises(ValueError, jar_of, cookies, URL)
        for wrong in ("a=b", {"a": 1}):
            self.assertRaisesRegex(TypeError, "cookie.* must be ", jar_of, wrong, URL)

    def test_no_response(self) -> None:
        """
        A failure stays what it is.
        """
        self.sent(through_agent(self.agent, CookieJar()))
        self.agent.answers[0].errback(KeyError())
        self.failureResultOf(self.result, KeyError)

    def test_cancel(self) -> None:
        """
        Cancelling cancels the request.
        """
        self.sent(through_agent(self.agent, CookieJar()))
        self.result.addErrback(lambda _: None).cancel()
        self.assertEqual(1, self.agent.cancelled)


class TreqTests(SendCase):
    """
    Through a client of treq.
    """

    def setUp(self) -> None:
        super().setUp()
        self.client = HTTPClient(self.agent)

    def test_request(self) -> None:
        """
        All of the request is sent as it is: treq adds nothing, follows nothing and keeps nothing.
        """
        send = through_treq(self.client, CookieJar())
        headers = self.sent(send, method="QUERY", body=b"{}", headers={"X": ["1"]})
        method, url, _, body = self.agent.requests[0]
        self.assertEqual((b"QUERY", URL.encode(), b"{}"), (method, url, body))
        self.assertEqual(
            {b"X", b"Accept-Encoding"}, {name for name, _ in headers.getAllRawHeaders()}
        )
        self.assertEqual(["identity"], headers.getRawHeaders("Accept-Encoding"))
        response = FakeResponse(code=302, headers={"Location": "/other"})
        self.agent.answers[0].callback(response)
        self.assertIs(response, self.successResultOf(self.result))

    def test_cookies(self) -> None:
        """
        The cookies given become the client's; what a server then changes stays changed, and is
        there for whatever else the client asks.
        """
        send = through_treq(self.client, jar_of({"a": "1"}, URL))
        self.assertEqual(["a=1"], self.cookies(self.sent(send)))
        self.agent.answers[0].callback(FakeResponse(headers={"Set-Cookie": "a=2; Path=/"}))
        self.assertEqual(["a=2"], self.cookies(self.sent(send)))
        self.client.get(URL).addErrback(lambda _: None)
        self.assertEqual(["a=2"], self.cookies(self.agent.requests[-1][2]))

    def test_body_cannot_stop(self) -> None:
        """
        A body is written at once, so that there is nothing to pause or to stop.
        """
        for stop in (_Body.stopProducing, _Body.pauseProducing, _Body.resumeProducing):
            self.assertIsNone(stop(_Body(b"")))
