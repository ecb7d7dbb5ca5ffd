"""
Publishing of one update.
"""

from collections.abc import Iterator
from typing import Any

from treq.client import HTTPClient
from twisted.internet.address import IPv4Address
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectingCancelledError, ConnectionLost
from twisted.internet.testing import MemoryReactorClock
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss

from ssetwist.client import Publisher, Update
from ssetwist.errors import NotPublished
from ssetwist.eventstream import Event
from tests.unit.client.case import SourceCase, response
from tests.unit.client.fake_hub import Response
from tests.unit.client.mercure.case import LOST, REFUSED, URL, PublisherCase


class KeptTests(SourceCase):
    """
    The connections of a publisher.
    """

    def test_as_many_as_requests(self) -> None:
        """
        A publisher keeps a connection for each request that may be under way.
        """
        publisher = Publisher("http://hub.example/hub", reactor=self.reactor, in_flight=3)
        for _ in range(2):
            published = [publisher.publish("/a") for _ in range(4)]
            self.turn()
            waiting = list(self.reactor.tcpClients)
            self.reactor.tcpClients.clear()
            for one in waiting:
                self.reactor.tcpClients.append(one)
                self.accept()
            for wire in (*self.wires, self.wires[0]):
                wire.send(response("200 OK", b"urn:1"))
                self.turn()
            self.assertEqual(["urn:1"] * 4, [self.successResultOf(one) for one in published])
        self.assertEqual(3, len(self.wires))
        closed = publisher.close()
        self.turn()
        self.successResultOf(closed)


class PublishTests(PublisherCase):
    """
    ``publish()`` and the options of a publisher.
    """

    def test_published(self) -> None:
        """
        An update is sent as a form, with the token in a header, and the answer is its id.
        """
        self.hub.answers = [Response(200, b"urn:1")]
        publisher = self.publisher(token="a.b.c")
        published = publisher.publish("/a", Event("x", type="t"), private=True)
        self.assertEqual("urn:1", self.successResultOf(published))
        (sent,) = self.hub.requests
        self.assertEqual((b"POST", URL.encode()), (sent.method, sent.url))
        self.assertEqual(b"topic=%2Fa&data=x&private=on&type=t", sent.body)
        self.assertEqual("Bearer a.b.c", sent.header("Authorization"))
        self.assertEqual("application/x-www-form-urlencoded", sent.header("Content-Type"))

    def test_room_again(self) -> None:
        """
        A publication that is over makes room for another one, whatever its end was.
        """
        publisher = self.publisher(in_flight=1, max_waiting=1)
        for _ in range(3):
            self.hub.answers = [Deferred()]
            both = [publisher.publish("/a") for _ in range(2)]
            full = self.failureResultOf(publisher.publish("/a"), NotPublished)
            self.assertIn("too many publications", full.getErrorMessage())
            for one in both:
                one.cancel()
                self.failureResultOf(one, CancelledError)

    def test_through_treq(self) -> None:
        """
        A publisher may use a treq client.
        """
        self.hub.answers = [Response(200, b"urn:1")]
        publisher = self.publisher(client=HTTPClient(self.hub))
        self.assertEqual("urn:1", self.successResultOf(publisher.publish("/a", "x")))
        self.assertEqual(b"topic=%2Fa&data=x", self.hub.requests[0].body)
        self.assertEqual(
            ["identity"], self.hub.requests[0].headers.getRawHeaders("Accept-Encoding")
        )

    def test_refused(self) -> None:
        """
        A refusal by the hub fails at once, with the status and the hub's words, shortened to one
        line.
        """
        self.hub.answers = [Response(403, b"not\x1b[31m you\n" + b"x" * 999)]
        problem = self.failureResultOf(self.publisher().publish("/a"), NotPublished).value
        self.assertEqual(403, problem.status)
        self.assertEqual(f"403 not [31m you {'x' * 287}", str(problem))
        self.assertFalse(problem.is_uncertain)
        self.assertIsNone(problem.line)

    def test_redirected(self) -> None:
        """
        A redirect is not followed, so another server gets neither the update nor the token.
        """
        self.hub.answers = [Response(307, b"", {"Location": "https://other.example/"})]
        problem = self.failureResultOf(self.publisher().publish("/a"), NotPublished).value
        self.assertEqual(307, problem.status)
        self.assertEqual(1, len(self.hub.requests))

    def test_again(self) -> None:
        """
        A request is sent again after a lost answer, 429 and 5xx, with the same key and after the
        time that the hub asks for; each publication has another key.
        """
        self.hub.answers = [
            REFUSED,
            LOST,
            Response(429, b"", {"Retry-After": "7"}),
            Response(502),
            Response(200, b"1"),
            Response(200, b"2"),
        ]
        publisher = self.publisher()
        published = publisher.publish("/a")
        for seconds in (0.25, 0.5, 7 + 1.0, 2.0):
            self.assertNoResult(published)
            self.clock.advance(seconds - 0.01)
            self.assertNoResult(published)
            self.clock.advance(0.01)
        self.assertEqual("1", self.successResultOf(published))
        self.assertEqual([0.25, 0.5, 8.0, 2.0], [one.delay for one in self.interruptions])
        keys = {sent.header("Idempotency-Key") for sent in self.hub.requests}
        self.assertEqual(1, len(keys))
        self.assertEqual("2", self.successResultOf(publisher.publish("/a")))
        self.assertNotIn(self.hub.requests[-1].header("Idempotency-Key"), keys)

    def test_key(self) -> None:
        """
        The caller may give the key.
        """
        self.hub.answers = [Response(200, b"1")]
        self.successResultOf(self.publisher().publish("/a", key="mine"))
        self.assertEqual("mine", self.hub.requests[0].header("Idempotency-Key"))

    def test_enough(self) -> None:
        """
        After the last attempt the publication fails, and is uncertain if any attempt was.
        """
        for first, is_uncertain in ((REFUSED, False), (LOST, True), (Response(500), True)):
            with self.subTest(first=first):
                self.hub.answers = [first, REFUSED]
                published = self.publisher(attempts=2).publish("/a")
                self.clock.advance(1)
                problem = self.failureResultOf(published, NotPublished).value
                self.assertEqual(is_uncertain, problem.is_uncertain)
                self.assertIn("nobody is there", str(problem))

    def test_stays_uncertain(self) -> None:
        """
        After an attempt that may have published the update, later failures are also uncertain.
        """
        self.hub.answers = [REFUSED, LOST, REFUSED, Response(200, b"1")]
        published = self.publisher().publish("/a")
        self.clock.pump([0.25, 0.5, 1.0])
        self.assertEqual("1", self.successResultOf(published))
        uncertain = [one.problem.is_uncertain for one in self.interruptions]
        self.assertEqual([False, True, True], uncertain)

    def test_without_keys(self) -> None:
        """
        A request to a hub that does not know keys is not repeated if it may have been published.
        """
        publisher = self.publisher(knows_keys=False)
        for answer in (LOST, Response(500), Response(502)):
            with self.subTest(answer=answer):
                self.hub.answers = [answer]
                problem = self.failureResultOf(publisher.publish("/a"), NotPublished).value
                self.assertTrue(problem.is_uncertain)
        for answer in (REFUSED, Response(429), Response(503)):
            with self.subTest(answer=answer):
                self.hub.answers = [answer, Response(200, b"1")]
                published = publisher.publish("/a")
                self.clock.advance(1)
                self.assertEqual("1", self.successResultOf(published))

    def test_silence(self) -> None:
        """
        A hub that does not answer in time has not confirmed the update.
        """
        published = self.publisher(attempts=1, timeout=5).publish("/a")
        self.clock.advance(5)
        problem = self.failureResultOf(published, NotPublished).value
        self.assertEqual("there was no answer within 5 s", str(problem))
        self.assertTrue(problem.is_uncertain)

    def test_silence_before_sending(self) -> None:
        """
        An update is certainly not published if a connection was never made.
        """
        address = IPv4Address("TCP", "127.0.0.1", 1)
        self.hub.answers = [Deferred(lambda one: one.errback(ConnectingCancelledError(address)))]
        published = self.publisher(attempts=1, timeout=5).publish("/a")
        self.clock.advance(5)
        problem = self.failureResultOf(published, NotPublished).value
        self.assertFalse(problem.is_uncertain)

    def test_bad_answers(self) -> None:
        """
        An answer that is too large, breaks off or never ends does not count; its connection is cut.
        """
        for answer, text in (
            (Response(200, b"x" * 70_000, end=None), "larger than 65536 bytes"),
            (Response(200, b"x", end=ConnectionLost()), "it was cut off"),
            (Response(200, b"x", end=None), "within 30 s"),
        ):
            with self.subTest(text=text):
                self.hub.answers = [answer]
                published = self.publisher(attempts=1).publish("/a")
                self.clock.advance(30)
                problem = self.failureResultOf(published, NotPublished).value
                self.assertIn(text, str(problem))
                self.assertEqual(answer.end is None, answer.transport.is_aborted)

    def test_cancelled(self) -> None:
        """
        Cancelling ends a publication while its request is under way, while it waits for its turn,
        and while it waits for the next attempt.
        """
        publisher = self.publisher(in_flight=1)
        under_way, waiting = publisher.publish("/a"), publisher.publish("/b")
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        under_way.cancel()
        self.failureResultOf(under_way, CancelledError)
        self.assertTrue(self.hub.silent[0].called)
        self.hub.answers = [REFUSED]
        again = publisher.publish("/c")
        again.cancel()
        self.failureResultOf(again, CancelledError)
        self.assertEqual(2, len(self.hub.requests))

    def test_turns(self) -> None:
        """
        Requests under way and waiting publications have limits; each publication beyond them fails.
        """
        publisher = self.publisher(in_flight=2, max_waiting=1)
        waiting = [publisher.publish("/a", str(number)) for number in range(3)]
        self.assertEqual(2, len(self.hub.requests))
        problem = self.failureResultOf(publisher.publish("/a"), NotPublished).value
        self.assertFalse(problem.is_uncertain)
        self.hub.silent[0].callback(Response(200, b"1"))
        self.assertEqual("1", self.successResultOf(waiting[0]))
        self.assertEqual(3, len(self.hub.requests))
        self.successResultOf(publisher.close())
        for one in waiting[1:]:
            self.failureResultOf(one, NotPublished)

    def test_closed(self) -> None:
        """
        Closing ends publications under way, which may have been published; later ones fail at once.
        """
        published = []

        async def use() -> None:
            async with self.publisher() as publisher:
                published.append(publisher.publish("/a"))
            published.append(publisher.publish("/a"))

        self.successResultOf(Deferred.fromCoroutine(use()))
        for one, is_uncertain in zip(published, (True, False), strict=True):
            problem = self.failureResultOf(one, NotPublished).value
            self.assertEqual(is_uncertain, problem.is_uncertain)
            self.assertEqual("the publisher has been closed", str(problem))

    def test_hook_that_fails(self) -> None:
        """
        An exception from a hook is logged, and changes nothing.
        """
        self.hub.answers = [REFUSED, Response(200, b"1")]
        publisher = Publisher(
            URL, reactor=self.clock, client=self.hub, on_interruption=lambda _: 1 / 0
        )
        published = publisher.publish("/a")
        self.clock.advance(1)
        self.assertEqual("1", self.successResultOf(published))
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))

    def test_without_a_hook(self) -> None:
        """
        The hook is optional.
        """
        self.hub.answers = [REFUSED, Response(200, b"1")]
        published = Publisher(URL, reactor=self.clock, client=self.hub).publish("/a")
        self.clock.advance(1)
        self.assertEqual("1", self.successResultOf(published))

    def test_own_connections(self) -> None:
        """
        A publisher's own connections are closed with it.
        """
        self.successResultOf(Publisher(URL, reactor=MemoryReactorClock()).close())

    def test_token_of_each_attempt(self) -> None:
        """
        A token's function is called for each attempt, because a token may expire between two.
        """
        self.hub.answers = [Response(503), Response(200, b"1")]
        tokens = iter(["one", "two"])
        published = self.publisher(token=lambda: next(tokens)).publish("/a")
        self.clock.advance(60)
        self.assertEqual("1", self.successResultOf(published))
        self.assertEqual(
            ["Bearer one", "Bearer two"],
            [sent.header("Authorization") for sent in self.hub.requests],
        )

    def test_empty_answer(self) -> None:
        """
        An answer without a body is whole, even if it does not have a length: that of a hub that
        does not give ids.
        """
        for end in (ResponseDone(), PotentialDataLoss()):  # with a length of 0, or without
            self.hub.answers = [Response(200, b"", end=end)]
            self.assertEqual("", self.successResultOf(self.publisher().publish("/a")))

    def test_token_function_hangs(self) -> None:
        """
        A token's function that does not answer within the time-out is cancelled; this counts as an
        attempt that has sent nothing.
        """
        cancelled: list[object] = []
        for wait in (lambda: Deferred(cancelled.append), Deferred):
            answers: Iterator[Any] = iter([wait, lambda: "one"])
            publisher = self.publisher(
                token=lambda answers=answers: next(answers)(), timeout=5.0, knows_keys=False
            )
            self.hub.answers = [Response(200, b"1")]
            published = publisher.publish("/a")
            self.clock.advance(4.9)
            self.assertEqual([], self.interruptions)
            self.clock.advance(0.1)
            (interruption,) = self.interruptions
            self.assertIn("function for the token has not answered within 5 s", str(interruption))
            self.clock.advance(1.0)
            self.assertEqual("1", self.successResultOf(published))
            self.interruptions.clear()
        self.assertEqual(1, len(cancelled))
        self.assertEqual(2, len(self.hub.requests))

    def test_token_function_never_answers(self) -> None:
        """
        A token's function that never answers fails one publication, and many; closing ends it.
        """
        publisher = self.publisher(token=Deferred, timeout=5.0, attempts=1)
        published, many = publisher.publish("/a"), publisher.publish_many([Update("/a")] * 2)
        self.clock.advance(5.0)
        problem = self.failureResultOf(published, NotPublished).value
        self.assertFalse(problem.is_uncertain)
        self.assertEqual([None, None], self.results(many))
        published = publisher.publish("/a")
        self.successResultOf(publisher.close())
        self.failureResultOf(published, NotPublished)
        self.assertEqual([], self.hub.requests)

    def test_token_function_fails(self) -> None:
        """
        An exception from the token's function is passed on.
        """

        def no_token() -> str:
            raise LookupError("no token")

        self.failureResultOf(self.publisher(token=no_token).publish("/a"), LookupError)

    def test_wrong_arguments(self) -> None:
        """
        Wrong arguments are refused at once.
        """
        for url in ("ftp://hub.example/", "hub", "https://me:secret@hub.example/"):
            with self.subTest(url=url):
                problem = self.assertRaises(ValueError, Publisher, url, reactor=self.clock)
                self.assertNotIn("secret", str(problem))
        for options in ({"in_flight": 0}, {"attempts": 0}, {"timeout": 0}, {"token": " "}):
            with self.subTest(options=options):
                self.assertRaises(ValueError, self.publisher, **options)
        self.assertRaises(ValueError, self.publisher().publish, [])
        for options in ({"backoff": 1}, {"token": b"a"}):
            with self.subTest(options=options):
                self.assertRaises(TypeError, self.publisher, **options)
        self.assertRaises(TypeError, Publisher, URL, reactor=self.clock, client="hub")
        many = self.publisher().publish_many([("/a", "x")])
        problem = self.failureResultOf(many, TypeError).value
        self.assertEqual("each must be an Update, not tuple", str(problem))

    def test_web_page(self) -> None:
        """
        An error does not quote a web page, because the URL is probably not that of a hub.
        """
        self.hub.answers = [Response(405, b"<h1>No</h1>", {"Content-Type": "text/html"})]
        problem = self.failureResultOf(self.publisher().publish("/a"), NotPublished).value
        self.assertEqual("405 a web page; this is probably not the URL of a hub", str(problem))
