"""
What is known of a response before its body, and of what treq puts around it.
"""

from http.cookiejar import CookieJar

from treq.client import _BufferedResponse
from treq.response import _Response
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import GzipDecoder

from ssetwist.client.http._abort import discard
from ssetwist.client.http._response import headers_of, unwrapped
from tests.unit.client.case import FakeResponse, PoliteTransport


class HeadersTests(SynchronousTestCase):
    """
    How headers are shown.
    """

    def test_headers(self) -> None:
        """
        By names in lower case, several values joined, in UTF-8 or else Latin-1.
        """
        response = FakeResponse(headers={"X-One": "1", "X-Two": "é"})
        response.headers.addRawHeader("x-one", "2")
        response.headers.addRawHeader(b"X-Latin", b"\xe9")
        self.assertEqual(
            {"content-type": "text/event-stream", "x-one": "1, 2", "x-two": "é", "x-latin": "é"},
            headers_of(response),
        )


class UnwrappedTests(SynchronousTestCase):
    """
    The response itself.
    """

    def test_plain(self) -> None:
        """
        Around a response of an Agent there is nothing.
        """
        response = FakeResponse(headers={"Content-Encoding": "GZIP, br,"})
        self.assertEqual((response, ["gzip", "br"]), unwrapped(response))

    def test_treq(self) -> None:
        """
        What treq puts around is taken off: its decoder, of which one knows the coding then, its
        buffer, and its convenience.
        """
        response = FakeResponse()
        around = _Response(_BufferedResponse(GzipDecoder(response)), CookieJar())
        self.assertEqual((response, ["gzip"]), unwrapped(around))

    def test_discard(self) -> None:
        """
        A response that nobody wants is cut, whatever is around it.
        """
        response = FakeResponse()
        discard(GzipDecoder(response))
        self.assertEqual("abort", response.transport.calls[0])
        polite = FakeResponse(PoliteTransport())
        discard(polite)
        self.assertEqual("lose", polite.transport.calls[0])
