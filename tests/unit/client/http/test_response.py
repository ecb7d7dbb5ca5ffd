"""
The head of a response, and treq's wrappers of responses.
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
    Headers as they are shown.
    """

    def test_headers(self) -> None:
        """
        Headers have names in lower case, joined values, and are read as UTF-8 or else Latin-1.
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
    The response inside its wrappers.
    """

    def test_plain(self) -> None:
        """
        A response of an agent is returned as it is.
        """
        response = FakeResponse(headers={"Content-Encoding": "GZIP, br,"})
        self.assertEqual((response, ["gzip", "br"]), unwrapped(response))

    def test_treq(self) -> None:
        """
        treq's decoder, its buffer and its methods are removed; the coding of the decoder is
        reported.
        """
        response = FakeResponse()
        around = _Response(_BufferedResponse(GzipDecoder(response)), CookieJar())
        self.assertEqual((response, ["gzip"]), unwrapped(around))

    def test_discard(self) -> None:
        """
        A discarded response is cut, whatever its wrappers.
        """
        response = FakeResponse()
        discard(GzipDecoder(response))
        self.assertEqual("abort", response.transport.calls[0])
        polite = FakeResponse(PoliteTransport())
        discard(polite)
        self.assertEqual("lose", polite.transport.calls[0])
