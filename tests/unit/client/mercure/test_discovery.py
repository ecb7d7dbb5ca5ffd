"""
Discovery of a resource's hub.
"""

import json
from itertools import product
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionRefusedError
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.client import Discovery, FoundHub, discover, hub_metadata
from ssetwist.client.mercure._discovery import MAX_RESOURCE
from ssetwist.errors import Disconnected, NoHub
from ssetwist.mercure.discovery import link, metadata, metadata_url
from tests.clock import Clock
from tests.unit.client.case import SourceCase, response
from tests.unit.client.fake_hub import FakeHub, Response

URL = "https://example.com/books/1"
HUB = "https://hub.example/.well-known/mercure"


class DiscoveryTests(SynchronousTestCase):
    """
    ``Link`` headers of a resource.
    """

    def test_found(self) -> None:
        """
        The hub and the topic are found; their URLs may be relative.
        """
        found = Discovery.of(URL, ['</m>; rel="mercure"', '</books/1.json>; rel="self"'], b"it")
        self.assertEqual(FoundHub("https://example.com/m"), found.hub)
        self.assertEqual("https://example.com/books/1.json", found.topic)
        self.assertEqual(b"it", found.body)

    def test_links_of_our_resources(self) -> None:
        """
        The links of our own resources are read, with the newest event and the types.
        """
        said = link(HUB, last_event_id='#a"1', type="book", content_type="application/json")
        found = Discovery.of(URL, [said])
        self.assertEqual((FoundHub(HUB, '#a"1', "book", "application/json"),), found.hubs)
        self.assertEqual(URL, found.topic)

    def test_other_links(self) -> None:
        """
        Links about other resources, with other relations or without a URL of HTTP do not count.
        """
        found = Discovery.of(
            URL,
            [
                f'<{HUB}>; rel="mercure"; anchor="/books/2"',
                '<ftp://x/>; rel="mercure", <https://[>; rel="mercure", </a>; rel="next"',
                f'<{HUB}?2>; rel="mercure"; anchor="{URL}"',
                '</first>; rel="self", </second>; rel="self"',
            ],
        )
        self.assertEqual((FoundHub(f"{HUB}?2"),), found.hubs)
        self.assertEqual("https://example.com/first", found.topic)


class DiscoverTests(SynchronousTestCase):
    """
    ``discover()``.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.hub = FakeHub()

    def tearDown(self) -> None:
        self.assertEqual([], self.clock.getDelayedCalls())

    def discover(self, *answers: Any, **options: Any) -> "Deferred[Discovery]":
        """
        Call ``discover()`` of a server with the given answers.
        """
        self.hub.answers = list(answers)
        return discover(URL, reactor=self.clock, client=self.hub, **options)

    def test_found(self) -> None:
        """
        The resource is fetched once, and returned with its hub.
        """
        answer = Response(200, b"it", {"Link": f'<{HUB}>; rel="mercure"'})
        found = self.successResultOf(
            self.discover(answer, headers={"Accept": "text/plain"}, token="abc")
        )
        self.assertEqual(Discovery(URL, (FoundHub(HUB),), b"it"), found)
        (sent,) = self.hub.requests
        self.assertEqual((b"GET", URL.encode()), (sent.method, sent.url))
        self.assertEqual("text/plain", sent.header("Accept"))
        self.assertEqual("Bearer abc", sent.header("Authorization"))

    def test_redirected(self) -> None:
        """
        Redirects are followed to the resource, and another origin does not get the token.
        """
        found = self.successResultOf(
            self.discover(
                Response(302, b"", {"Location": "https://other.example/b"}),
                Response(200, b"", {"Link": '</m>; rel="mercure"'}),
                token="abc",
            )
        )
        self.assertEqual("https://other.example/b", found.topic)
        self.assertEqual("https://other.example/m", found.hub.url)
        self.assertIsNone(self.hub.requests[1].header("Authorization"))

    def test_trusted(self) -> None:
        """
        A hub of an origin that is not trusted is skipped.
        """
        links = {"Link": f'<https://evil.example/>; rel="mercure", <{HUB}>; rel="mercure"'}
        found = self.successResultOf(
            self.discover(Response(200, b"", links), trusted=["https://hub.example"])
        )
        self.assertEqual((FoundHub(HUB),), found.hubs)
        other = self.discover(Response(200, b"", links), trusted=["https://example.com"])
        problem = self.failureResultOf(other, NoHub).value
        self.assertIn("trusted", str(problem))

    def test_no_hub(self) -> None:
        """
        A resource without a hub, or a failed request, raises ``NoHub`` with the status.
        """
        for answer, status in (
            (Response(200), 200),
            (Response(404, b"", {"Link": f'<{HUB}>; rel="mercure"'}), 404),
            (Response(302, b"", {"Location": "ftp://x/"}), 302),
        ):
            with self.subTest(status=status):
                problem = self.failureResultOf(self.discover(answer), NoHub).value
                self.assertEqual(status, problem.status)

    def test_no_answer(self) -> None:
        """
        A refused connection, a silent server and an endless resource raise ``Disconnected``.
        """
        for answers in (
            [ConnectionRefusedError()],
            [],
            [Response(200, b"x" * (MAX_RESOURCE + 1))],
        ):
            found = self.discover(*answers)
            self.clock.advance(30)
            self.failureResultOf(found, Disconnected)

    def test_time(self) -> None:
        """
        The resource must be there within the time that was given.
        """
        found = self.discover(timeout=4.0)
        self.clock.advance(3.9)
        self.assertNoResult(found)
        self.clock.advance(0.1)
        self.failureResultOf(found, Disconnected)

    def test_status(self) -> None:
        """
        The error of a resource without a hub, or without one that is trusted, has its status.
        """
        for answer, options, status in (
            (Response(404), {}, 404),
            (Response(201), {}, 201),
            (Response(200, b"", {"Link": f'<{HUB}>; rel="mercure"'}), {"trusted": []}, 200),
        ):
            problem = self.failureResultOf(self.discover(answer, **options), NoHub).value
            self.assertEqual(status, problem.status)

    def test_given_headers(self) -> None:
        """
        The headers of the caller are sent with the token, which no other header replaces.
        """
        headers = {"X-One": "1", "Authorization": "Basic a"}
        self.discover(Response(404), token="abc", headers=headers).addErrback(lambda _: None)
        [sent] = self.hub.requests
        self.assertEqual(("1", "Bearer abc"), (sent.header("X-One"), sent.header("Authorization")))

    def test_cancelled(self) -> None:
        """
        Cancelling ends the request.
        """
        found = self.discover()
        found.cancel()
        self.failureResultOf(found, CancelledError)
        self.assertTrue(self.hub.silent[0].called)

    def test_token_function_hangs(self) -> None:
        """
        A token's function that does not answer within the time-out is cancelled.
        """
        cancelled: list[object] = []
        found = self.discover(token=lambda: Deferred(cancelled.append), timeout=3.0)
        self.clock.advance(2.9)
        self.assertNoResult(found)
        self.clock.advance(0.1)
        problem = self.failureResultOf(found, Disconnected).value
        self.assertIn("the token has not answered within 3 s", str(problem))
        self.assertEqual((1, []), (len(cancelled), self.hub.requests))

    def test_wrong_arguments(self) -> None:
        """
        Wrong arguments are refused at once.
        """
        self.assertRaises(ValueError, discover, "ftp://x/", reactor=self.clock)
        self.assertRaises(ValueError, discover, URL, reactor=self.clock, token="a b")
        self.assertRaises(ValueError, discover, URL, reactor=self.clock, trusted=["x"])


class MetadataTests(SynchronousTestCase):
    """
    The metadata of a hub.
    """

    def metadata(self, answer: Any) -> "Deferred[Any]":
        """
        Ask for the metadata of a hub with the given answer.
        """
        self.hub = FakeHub([answer])
        return hub_metadata(HUB, reactor=Clock(), client=self.hub)

    def test_published(self) -> None:
        """
        The metadata is fetched from the URL where hubs publish it.
        """
        document = metadata(HUB, cookie="c")
        answer = Response(200, json.dumps(document).encode())
        self.assertEqual(document, self.successResultOf(self.metadata(answer)))
        self.assertEqual(metadata_url(HUB).encode(), self.hub.requests[0].url)

    def test_not_published(self) -> None:
        """
        A hub of 0.x does not publish metadata; any other page counts as missing.
        """
        for answer in (Response(404), Response(200, b"<html>"), Response(200, b"[]")):
            self.assertIsNone(self.successResultOf(self.metadata(answer)))

    def test_other_hub(self) -> None:
        """
        Metadata of another hub is refused.
        """
        answer = Response(200, b'{"resource":"https://evil.example/"}')
        self.failureResultOf(self.metadata(answer), NoHub)

    def test_at_the_root(self) -> None:
        """
        A hub at the root path has its metadata at the well-known path alone.
        """
        hub = FakeHub([Response(404)])
        self.successResultOf(hub_metadata("https://hub.example/", reactor=Clock(), client=hub))
        self.assertEqual(
            b"https://hub.example/.well-known/oauth-protected-resource", hub.requests[0].url
        )


class OwnConnectionsTests(SourceCase):
    """
    Requests over a connection of their own.
    """

    def test_closed(self) -> None:
        """
        The connection is closed as soon as any answer has come; it is not kept for another request.
        """
        url = "http://127.0.0.1/hub"
        for ask, status in product((hub_metadata, discover), ("200 OK", "404 Not Found")):
            with self.subTest(ask=ask.__name__, status=status):
                asked = ask(url, reactor=self.reactor)
                self.turn()
                wire = self.accept(response(status, b"a page"))
                self.turn()
                self.assertFalse(wire.is_connected)
                asked.addErrback(lambda problem: problem.trap(NoHub))
                self.successResultOf(asked)
