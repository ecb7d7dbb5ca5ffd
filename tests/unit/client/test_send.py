"""
How one request is sent.
"""

from http.cookiejar import CookieJar
from typing import Any

from treq.client import HTTPClient, _BufferedResponse
from treq.cookies import scoped_cookie
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from ssetwist.client._request import Request
from ssetwist.client._response import unwrapped
from ssetwist.client._send import Send, _Body, jar_of, through_agent, through_treq

from .case import FakeAgent, FakeResponse

URL = "https://example.com:8443/events"


class SendCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.agent = FakeAgent()

    def sent(self, send: Send, **options: Any) -> Headers:
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
        All of the request is sent, and the body as it is.
        """
        send = through_treq(self.client, CookieJar(), None)
        headers = self.sent(send, method="QUERY", body=b"{}", headers={"X": ["1"]})
        method, url, _, body = self.agent.requests[0]
        self.assertEqual((b"QUERY", URL.encode(), b"{}"), (method, url, body))
        self.assertEqual(["1"], headers.getRawHeaders("X"))

    def test_encoding(self) -> None:
        """
        treq asks for gzip, unasked.  It is not let.
        """
        headers = self.sent(through_treq(self.client, CookieJar(), None))
        self.assertEqual(["identity"], headers.getRawHeaders("Accept-Encoding"))

    def test_redirect(self) -> None:
        """
        treq follows no redirection, and keeps no body.
        """
        self.sent(through_treq(self.client, CookieJar(), None))
        response = FakeResponse(code=302, headers={"Location": "/other"})
        self.agent.answers[0].callback(response)
        result = self.successResultOf(self.result)
        self.assertEqual((response, []), unwrapped(result))
        self.assertNotIsInstance(result.original, _BufferedResponse)

    def test_cookies(self) -> None:
        """
        The cookies given become the client's with the first request; what a server then changes
        stays changed.
        """
        jar = jar_of({"a": "1"}, URL)
        send = through_treq(self.client, jar, None)
        self.assertEqual(["a=1"], self.cookies(self.sent(send)))
        self.client._cookiejar.set_cookie(scoped_cookie(URL, "a", "2"))
        self.assertEqual(["a=2"], self.cookies(self.sent(send)))

    def test_body_cannot_stop(self) -> None:
        """
        A body is written at once, so that there is nothing to pause or to stop.
        """
        for stop in (_Body.stopProducing, _Body.pauseProducing, _Body.resumeProducing):
            self.assertIsNone(stop(_Body(b"")))
