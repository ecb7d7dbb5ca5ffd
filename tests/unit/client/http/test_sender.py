"""
Sending of one request.
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
    sending,
    through_agent,
)
from tests.clock import Clock
from tests.unit.client.case import FakeAgent, FakeResponse

URL = "https://example.com:8443/events"


class SendCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.agent = FakeAgent()

    def sent(self, send: RequestSender, **options: Any) -> Headers:
        """
        Send a request, and return the headers that were sent.
        """
        headers = Headers({"Accept-Encoding": ["identity"], **options.pop("headers", {})})
        request = Request(**{"method": "GET", "url": URL, **options}, headers=headers)
        self.result = send(request)
        return self.agent.requests[-1][2]

    def cookies(self, headers: Headers) -> list[str] | None:
        return headers.getRawHeaders("Cookie")


class AgentTests(SendCase):
    """
    Requests through an agent.
    """

    def test_request(self) -> None:
        """
        A request is sent whole; the body is written at once, and again with each request.
        """
        send = through_agent(self.agent, CookieJar())
        for _ in range(2):
            self.sent(send, method="POST", body=b"{}", headers={"X": ["1"]})
            method, url, headers, body = self.agent.requests[-1]
            self.assertEqual((b"POST", URL.encode(), b"{}"), (method, url, body))
            self.assertEqual(["1"], headers.getRawHeaders("X"))

    def test_no_body(self) -> None:
        """
        A request without a body differs from one with an empty body.
        """
        send = through_agent(self.agent, CookieJar())
        self.sent(send)
        self.sent(send, body=b"")
        self.assertEqual([None, b""], [request[3] for request in self.agent.requests])

    def test_named_cookies(self) -> None:
        """
        Cookies given as names and values are sent to the origin of the URL only.
        """
        send = through_agent(self.agent, jar_of({"a": "1", "b": "2"}, URL))
        self.assertEqual(["a=1; b=2"], self.cookies(self.sent(send)))
        for url in ("https://example.com/", "http://example.com:8443/", "https://other.example/"):
            self.assertIsNone(self.cookies(self.sent(send, url=url)), url)

    def test_cookies_are_kept(self) -> None:
        """
        A cookie from a server is sent with the next request, and is in the given jar.
        """
        jar = CookieJar()
        send = through_agent(self.agent, jar_of(jar, URL))
        self.sent(send)
        self.agent.answers[0].callback(FakeResponse(headers={"Set-Cookie": "server=3"}))
        self.assertEqual(["server=3"], self.cookies(self.sent(send)))
        self.assertEqual(["server"], [cookie.name for cookie in jar])

    def test_odd_cookies(self) -> None:
        """
        A cookie that Twisted cannot parse is dropped; the response and its other cookies stay.
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
        A server that sets new cookies at each request does not fill the memory.
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
        If a jar raises an exception, the connection of the response is cut.
        """

        class Broken(CookieJar):
            def extract_cookies(self, *_: object) -> None:
                raise KeyError

        self.sent(through_agent(self.agent, Broken()))
        response = FakeResponse()
        self.agent.answers[0].callback(response)
        self.failureResultOf(self.result, KeyError)
        self.assertEqual("abort", response.transport.calls[0])

    def test_wrong_cookies(self) -> None:
        """
        Values that cannot be cookies are refused.
        """
        for cookies in ({"a": "é"}, {"é": "a"}, {"a": "b\r\n"}):
            self.assertRaises(ValueError, jar_of, cookies, URL)
        for wrong in ("a=b", {"a": 1}):
            self.assertRaisesRegex(TypeError, "cookie.* must be ", jar_of, wrong, URL)

    def test_no_response(self) -> None:
        """
        An error of the agent is passed on.
        """
        self.sent(through_agent(self.agent, CookieJar()))
        self.agent.answers[0].errback(KeyError())
        self.failureResultOf(self.result, KeyError)

    def test_cancel(self) -> None:
        """
        Cancelling cancels the agent's request.
        """
        self.sent(through_agent(self.agent, CookieJar()))
        self.result.addErrback(lambda _: None).cancel()
        self.assertEqual(1, self.agent.cancelled)


class TreqTests(SendCase):
    """
    Requests through a treq client.
    """

    def setUp(self) -> None:
        super().setUp()
        self.client = HTTPClient(self.agent)

    def test_request(self) -> None:
        """
        A request is sent unchanged: treq does not add headers, follow redirects or keep the body.
        """
        send, _ = sending(Clock(), self.client, CookieJar())
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
        Given cookies are put into the client's jar; a server's changes to them stay, even for other
        requests of the client.
        """
        send, _ = sending(Clock(), self.client, jar_of({"a": "1"}, URL))
        self.assertEqual(["a=1"], self.cookies(self.sent(send)))
        self.agent.answers[0].callback(FakeResponse(headers={"Set-Cookie": "a=2; Path=/"}))
        self.assertEqual(["a=2"], self.cookies(self.sent(send)))
        self.client.get(URL).addErrback(lambda _: None)
        self.assertEqual(["a=2"], self.cookies(self.agent.requests[-1][2]))

    def test_body_cannot_stop(self) -> None:
        """
        A body is written at once, so pausing and stopping it do nothing.
        """
        for stop in (_Body.stopProducing, _Body.pauseProducing, _Body.resumeProducing):
            self.assertIsNone(stop(_Body(b"")))
