"""
Finding the hub of a resource.
"""

import json
from itertools import product
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.client import Discovery, FoundHub, discover, hub_metadata
from ssetwist.client.mercure._discovery import MAX_RESOURCE
from ssetwist.errors import Disconnected, NoHub
from ssetwist.mercure.discovery import link, metadata, metadata_url
from tests.unit.client.case import SourceCase, response
from tests.unit.client.fake_hub import FakeHub, Response

URL = "https://example.com/books/1"
HUB = "https://hub.example/.well-known/mercure"


class DiscoveryTests(SynchronousTestCase):
    """
    What the headers of a response say.
    """

    def test_found(self) -> None:
        """
        The hub and the topic; both may be relative.
        """
        found = Discovery.of(URL, ['</m>; rel="mercure"', '</books/1.json>; rel="self"'], b"it")
        self.assertEqual(FoundHub("https://example.com/m"), found.hub)
        self.assertEqual("https://example.com/books/1.json", found.topic)
        self.assertEqual(b"it", found.body)

    def test_as_resources_of_ours_say_it(self) -> None:
        """
        Where the resource says so, which event it has in it, and what the events are.
        """
        said = link(HUB, last_event_id='#a"1', type="book", content_type="application/json")
        found = Discovery.of(URL, [said])
        self.assertEqual((FoundHub(HUB, '#a"1', "book", "application/json"),), found.hubs)
        self.assertEqual(URL, found.topic)

    def test_not_about_it(self) -> None:
        """
        Links about other resources do not count, nor do others, nor what is no URL of HTTP.
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
    Fetching a resource.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.hub = FakeHub()

    def tearDown(self) -> None:
        self.assertEqual([], self.clock.getDelayedCalls())

    def discover(self, *answers: Any, **options: Any) -> "Deferred[Discovery]":
        """
        Discover, where a server answers this.
        """
        self.hub.answers = list(answers)
        return discover(URL, reactor=self.clock, client=self.hub, **options)

    def test_found(self) -> None:
        """
        The resource is fetched once, and comes with where its hub is.
        """
        answer = Response(200, b"it", {"Link": f'<{HUB}>; rel="mercure"'})
        found = self.successResultOf(
            self.discover(answer, headers={"Accept": "text/plain"}, token="abc")
        )
        self.assertEqual(Discovery(URL, (FoundHub(HUB),), b"it"), found)
        (asked,) = self.hub.asked
        self.assertEqual((b"GET", URL.encode()), (asked.method, asked.url))
        self.assertEqual("text/plain", asked.header("Accept"))
        self.assertEqual("Bearer abc", asked.header("Authorization"))

    def test_redirected(self) -> None:
        """
        Redirects are followed; what they lead to is the resource, and another origin gets no token.
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
        self.assertIsNone(self.hub.asked[1].header("Authorization"))

    def test_trusted(self) -> None:
        """
        A hub of an origin that is not trusted is passed over.
        """
        links = {"Link": f'<https://evil.example/>; rel="mercure", <{HUB}>; rel="mercure"'}
        found = self.successResultOf(
            self.discover(Response(200, b"", links), trusted=["https://hub.example"])
        )
        self.assertEqual((FoundHub(HUB),), found.hubs)
        other = self.discover(Response(200, b"", links), trusted=["https://example.com"])
        problem = self.failureResultOf(other, NoHub).value
        self.assertIn("trusted", str(problem))

    def test_none(self) -> None:
        """
        Without a hub, or without the resource, that is told, with the status.
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
        A network that is down, a server that is silent, and a resource without an end are told.
        """
        for answers in (
            [ConnectionRefusedError()],
            [],
            [Response(200, b"x" * (MAX_RESOURCE + 1))],
        ):
            found = self.discover(*answers)
            self.clock.advance(30)
            self.failureResultOf(found, Disconnected)

    def test_cancelled(self) -> None:
        """
        Cancelling ends it.
        """
        found = self.discover()
        found.cancel()
        self.failureResultOf(found, CancelledError)
        self.assertTrue(self.hub.silent[0].called)

    def test_wrong(self) -> None:
        """
        What makes no sense is refused at once.
        """
        self.assertRaises(ValueError, discover, "ftp://x/", reactor=self.clock)
        self.assertRaises(ValueError, discover, URL, reactor=self.clock, token="a b")
        self.assertRaises(ValueError, discover, URL, reactor=self.clock, trusted=["x"])


class MetadataTests(SynchronousTestCase):
    """
    What a hub says of itself.
    """

    def metadata(self, answer: Any) -> "Deferred[Any]":
        """
        Ask for it.
        """
        self.hub = FakeHub([answer])
        return hub_metadata(HUB, reactor=Clock(), client=self.hub)

    def test_said(self) -> None:
        """
        It is asked for where hubs have it.
        """
        document = metadata(HUB, cookie="c")
        answer = Response(200, json.dumps(document).encode())
        self.assertEqual(document, self.successResultOf(self.metadata(answer)))
        self.assertEqual(metadata_url(HUB).encode(), self.hub.asked[0].url)

    def test_nothing(self) -> None:
        """
        A hub of 0.x says nothing; what is there may be any page.
        """
        for answer in (Response(404), Response(200, b"<html>"), Response(200, b"[]")):
            self.assertIsNone(self.successResultOf(self.metadata(answer)))

    def test_of_another(self) -> None:
        """
        What is said of another hub is not believed.
        """
        answer = Response(200, b'{"resource":"https://evil.example/"}')
        self.failureResultOf(self.metadata(answer), NoHub)

    def test_at_the_root(self) -> None:
        """
        The path of a hub at the root is empty.
        """
        hub = FakeHub([Response(404)])
        self.successResultOf(hub_metadata("https://hub.example/", reactor=Clock(), client=hub))
        self.assertEqual(
            b"https://hub.example/.well-known/oauth-protected-resource", hub.asked[0].url
        )


class OwnConnectionsTests(SourceCase):
    """
    Questions over connections that nobody else uses.
    """

    def test_closed(self) -> None:
        """
        The connection is closed as soon as there is an answer, whatever it is, and not kept for a
        second question, which nobody will ask.
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
