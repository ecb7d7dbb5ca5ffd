"""
Sources of JWK sets.
"""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from treq.client import HTTPClient
from treq.testing import RequestTraversalAgent
from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.error import ConnectionRefusedError
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.iweb import IAgent
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request
from zope.interface import implementer

from ssetwist.mercure.tokens._jwks import MAX_SET_BYTES, CannotFetch
from ssetwist.mercure.tokens._jwks_source import from_file, from_url, is_url, name_of_url
from tests.clock import Clock
from tests.unit.mercure.fake_tokens import scratch

URL = "https://issuer.example/keys?secret=1"


class Keys(Resource):
    """
    A server with an answer that the test chooses.
    """

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[Request] = []
        self.ended: list[object] = []
        self.code = 200
        self.body = b"{}"
        self.is_endless = False

    def render_GET(self, request: Request) -> Any:  # bytes or NOT_DONE_YET
        """
        Send the chosen answer.
        """
        self.requests.append(request)
        request.notifyFinish().addBoth(self.ended.append)
        request.setResponseCode(self.code)
        if not self.is_endless:
            return self.body
        request.write(self.body)
        request.write(b"more")
        return NOT_DONE_YET


@implementer(IAgent)
class Unreachable:
    """
    An HTTP client without a network.
    """

    def request(self, *_: object) -> "Deferred[Any]":
        """
        Fail at once.
        """
        return fail(ConnectionRefusedError("nobody is there"))


@implementer(IAgent)
class Silent:
    """
    An HTTP client that never gets an answer.
    """

    cancelled = 0

    def request(self, *_: object) -> "Deferred[Any]":
        """
        Wait until cancelled.
        """
        return Deferred(self._cancel)

    def _cancel(self, _: object) -> None:
        self.cancelled += 1


class URLTests(SynchronousTestCase):
    """
    Sets that are fetched over HTTP.
    """

    def setUp(self) -> None:
        self.keys = Keys()
        self.agent = RequestTraversalAgent(self.keys)
        self.clock = Clock()
        self.fetch = from_url(URL, HTTPClient(self.agent), self.clock)

    def fetched(self) -> "Deferred[bytes]":
        """
        Start to fetch, and let the bytes flow.
        """
        result = self.fetch()
        for _ in range(5):
            self.agent.flush()
        return result

    def problem(self) -> str:
        """
        Return the reason why fetching fails.
        """
        return str(self.failureResultOf(self.fetched(), CannotFetch).value)

    def test_body(self) -> None:
        """
        The body is read whatever its media type is.
        """
        self.keys.body = b"x" * MAX_SET_BYTES
        self.assertEqual(self.keys.body, self.successResultOf(self.fetched()))
        self.assertEqual(b"/keys?secret=1", self.keys.requests[0].uri)

    def test_other_status(self) -> None:
        """
        Any status but 200 is an error; a redirection is not followed.
        """
        for code in (204, 301, 404, 500):
            self.keys.code = code
            self.assertEqual(f"the server answered {code}; expected 200", self.problem())

    def test_endless_error(self) -> None:
        """
        The body of an error is not read, so it may be endless.
        """
        self.keys.code, self.keys.is_endless = 404, True
        self.assertEqual("the server answered 404; expected 200", self.problem())
        self.agent.flush()
        self.assertEqual(1, len(self.keys.ended))

    def test_too_large(self) -> None:
        """
        A body that is too large is cut off.
        """
        self.keys.body, self.keys.is_endless = b"x" * (MAX_SET_BYTES + 1), True
        self.assertEqual("it is larger than 1048576 bytes", self.problem())
        self.agent.flush()
        self.assertEqual(1, len(self.keys.ended))

    def test_cut_off(self) -> None:
        """
        A body that is cut off is an error.
        """
        self.keys.is_endless = True
        result = self.fetched()
        self.assertNoResult(result)
        transport = self.keys.requests[0].transport
        assert transport is not None
        transport.loseConnection()
        self.agent.flush()
        self.assertEqual("it was cut off", str(self.failureResultOf(result, CannotFetch).value))

    def test_cancel_body(self) -> None:
        """
        Cancelling during the body closes the connection.
        """
        self.keys.is_endless = True
        result = self.fetched()
        result.cancel()
        self.failureResultOf(result, CancelledError)
        self.agent.flush()
        self.assertEqual(1, len(self.keys.ended))

    def test_cancel_request(self) -> None:
        """
        Fetching may be cancelled before there is a response.
        """
        silent = Silent()
        result = from_url(URL, HTTPClient(silent), self.clock)()
        result.cancel()
        self.failureResultOf(result, CancelledError)
        self.assertEqual(1, silent.cancelled)

    def test_unreachable(self) -> None:
        """
        The error has the message of the network, but not the query of the URL.
        """
        self.fetch = from_url(URL, HTTPClient(Unreachable()), self.clock)
        problem = self.problem()
        self.assertIn("it cannot be fetched: ConnectionRefusedError: ", problem)
        self.assertIn("nobody is there", problem)
        self.assertNotIn("secret", problem)

    def test_nothing_left(self) -> None:
        """
        After fetching nothing is left in the clock.
        """
        self.successResultOf(self.fetched())
        self.assertEqual([], self.clock.getDelayedCalls())


class FileTests(SynchronousTestCase):
    """
    Sets in files.
    """

    def test_file(self) -> None:
        """
        A file is read anew each time.
        """
        path = scratch(self)
        fetch = from_file(str(path))
        self.assertIn("No such file", str(self.failureResultOf(fetch(), CannotFetch).value))
        path.write_bytes(b"x" * MAX_SET_BYTES)
        self.assertEqual(MAX_SET_BYTES, len(self.successResultOf(fetch())))
        path.write_bytes(b"x" * (MAX_SET_BYTES + 1))
        self.assertIn("larger", str(self.failureResultOf(fetch(), CannotFetch).value))


class NameTests(SynchronousTestCase):
    """
    URLs of sets, and their names in the log.
    """

    def test_is_url(self) -> None:
        """
        A text is a URL if it begins with http:// or https://, in any case.
        """
        for source in ("https://a", "HTTP://a", "https://"):
            self.assertTrue(is_url(source))
        for source in ("file:/a", "/a", "a", "ftp://a", "env:A"):
            self.assertFalse(is_url(source))

    def test_name(self) -> None:
        """
        The name in the log lacks the query, which may have a secret.
        """
        self.assertEqual("https://issuer.example/keys", name_of_url(URL))
        self.assertEqual("http://[::1]:8080/k", name_of_url("http://[::1]:8080/k#f"))

    def test_refused(self) -> None:
        """
        A URL without a host, with a password, or with a mistake that a browser would correct is
        refused, and the error does not repeat it.
        """
        for url in ("https://", "https://:80", "https://[", "https://a:x", "https://a:99999"):
            error = self.assertRaises(ValueError, name_of_url, url)
            self.assertIn("it is not a URL", str(error))
        wrong = (
            "https://a b",
            "https://a\n",
            "https://ä",
            "https:\\\\a",
            "https://a\\b",
            "https:a",
        )
        for url in (*wrong, "ftp://a", "/a", ""):
            error = self.assertRaises(ValueError, name_of_url, url)
            self.assertIn("it must be a URL", str(error))
        error = self.assertRaises(ValueError, name_of_url, "https://me:s3cret@a/")
        self.assertIn("a name or a password", str(error))
        self.assertNotIn("s3cret", str(error))

    @given(st.text(st.sampled_from("ahtps:/@[]%?#.0123456789 \n")) | st.text(st.characters()))
    def test_any_text(self, text: str) -> None:
        """
        Any text is a URL or refused.
        """
        try:
            name_of_url(f"https://{text}")
        except ValueError:
            return
        self.assertTrue(text.isascii())
