"""
Publishing to a hub.
"""

import json
from collections.abc import Iterator
from typing import Any

from treq.client import HTTPClient
from twisted.internet.address import IPv4Address
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectingCancelledError, ConnectionLost, ConnectionRefusedError
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web._newclient import ResponseNeverReceived

from ssetwist.client import Interruption, Publisher, Update
from ssetwist.client.mercure._batches import MAX_BATCH, MAX_LINES
from ssetwist.errors import NotPublished
from ssetwist.eventstream import Event
from tests.unit.client.fake_hub import Asked, FakeHub, Response

URL = "https://hub.example/.well-known/mercure"

REFUSED = ConnectionRefusedError("nobody is there")
LOST = ResponseNeverReceived([])

JSON_LINES = {"Content-Type": "application/x-ndjson"}


def answer_lines(asked: Asked) -> Response:
    """
    Answer each line with its data for an id, or, if that is a number, with that status.
    """
    answers = []
    for number, line in enumerate(asked.body.split(b"\n"), 1):
        if not line:
            continue
        data = json.loads(line)["data"]
        if data.isdigit():
            answers.append({"error": "no", "status": int(data), "line": number, "retry_after": 2})
        else:
            answers.append({"id": data[:10]})
    body = b"".join(json.dumps(answer).encode() + b"\n" for answer in answers)
    return Response(200, body, JSON_LINES)


class PublisherCase(SynchronousTestCase):
    """
    A publisher and a hub.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.hub = FakeHub()
        self.interruptions: list[Interruption] = []

    def tearDown(self) -> None:
        self.assertEqual([], self.clock.getDelayedCalls())

    def publisher(self, **options: Any) -> Publisher:
        """
        Make one whose chance is always a half.
        """
        options.setdefault("client", self.hub)
        return Publisher(
            URL,
            reactor=self.clock,
            jitter=lambda: 0.5,
            on_interruption=self.interruptions.append,
            **options,
        )

    def results(self, waiting: "Deferred[list[str | NotPublished]]") -> list[Any]:
        """
        Return what became of many: ids, and statuses of those refused.
        """
        results = self.successResultOf(waiting)
        return [one if isinstance(one, str) else one.status for one in results]


class PublishTests(PublisherCase):
    """
    Publishing one update.
    """

    def test_published(self) -> None:
        """
        An update is sent as a form, with the token in its header, and what is answered is its id.
        """
        self.hub.answers = [Response(200, b"urn:1")]
        publisher = self.publisher(token="a.b.c")
        published = publisher.publish("/a", Event("x", type="t"), private=True)
        self.assertEqual("urn:1", self.successResultOf(published))
        (asked,) = self.hub.asked
        self.assertEqual((b"POST", URL.encode()), (asked.method, asked.url))
        self.assertEqual(b"topic=%2Fa&data=x&private=on&type=t", asked.body)
        self.assertEqual("Bearer a.b.c", asked.header("Authorization"))
        self.assertEqual("application/x-www-form-urlencoded", asked.header("Content-Type"))

    def test_through_treq(self) -> None:
        """
        A client of treq does as well as an agent.
        """
        self.hub.answers = [Response(200, b"urn:1")]
        publisher = self.publisher(client=HTTPClient(self.hub))
        self.assertEqual("urn:1", self.successResultOf(publisher.publish("/a", "x")))
        self.assertEqual(b"topic=%2Fa&data=x", self.hub.asked[0].body)
        self.assertEqual(["identity"], self.hub.asked[0].headers.getRawHeaders("Accept-Encoding"))

    def test_refused(self) -> None:
        """
        What the hub refuses fails at once, with the status and its words; they are shown on one
        line, and cut.
        """
        self.hub.answers = [Response(403, b"not\x1b[31m you\n" + b"x" * 999)]
        problem = self.failureResultOf(self.publisher().publish("/a"), NotPublished).value
        self.assertEqual(403, problem.status)
        self.assertEqual(f"403 not [31m you {'x' * 287}", str(problem))
        self.assertFalse(problem.is_uncertain)
        self.assertIsNone(problem.line)

    def test_redirected(self) -> None:
        """
        An update goes to nobody else, and neither does the token.
        """
        self.hub.answers = [Response(307, b"", {"Location": "https://other.example/"})]
        problem = self.failureResultOf(self.publisher().publish("/a"), NotPublished).value
        self.assertEqual(307, problem.status)
        self.assertEqual(1, len(self.hub.asked))

    def test_again(self) -> None:
        """
        A request that had no answer is sent again, and so after 429 and 5xx, with the same key and
        after as long as the hub says; each key is another one.
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
        keys = {asked.header("Idempotency-Key") for asked in self.hub.asked}
        self.assertEqual(1, len(keys))
        self.assertEqual("2", self.successResultOf(publisher.publish("/a")))
        self.assertNotIn(self.hub.asked[-1].header("Idempotency-Key"), keys)

    def test_key(self) -> None:
        """
        A key may be given.
        """
        self.hub.answers = [Response(200, b"1")]
        self.successResultOf(self.publisher().publish("/a", key="mine"))
        self.assertEqual("mine", self.hub.asked[0].header("Idempotency-Key"))

    def test_enough(self) -> None:
        """
        After so many attempts it fails, and tells whether one may have come to something.
        """
        for first, is_uncertain in ((REFUSED, False), (LOST, True), (Response(500), True)):
            with self.subTest(first=first):
                self.hub.answers = [first, REFUSED]
                published = self.publisher(attempts=2).publish("/a")
                self.clock.advance(1)
                problem = self.failureResultOf(published, NotPublished).value
                self.assertEqual(is_uncertain, problem.is_uncertain)
                self.assertIn("nobody is there", str(problem))

    def test_without_keys(self) -> None:
        """
        A hub that knows no keys is not asked again if it may have published.
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
        A hub that does not answer in time has not answered.
        """
        published = self.publisher(attempts=1, timeout=5).publish("/a")
        self.clock.advance(5)
        problem = self.failureResultOf(published, NotPublished).value
        self.assertEqual("there was no answer within 5 s", str(problem))
        self.assertTrue(problem.is_uncertain)

    def test_silence_before_sending(self) -> None:
        """
        Who never got a connection has certainly not published.
        """
        address = IPv4Address("TCP", "127.0.0.1", 1)
        self.hub.answers = [Deferred(lambda one: one.errback(ConnectingCancelledError(address)))]
        published = self.publisher(attempts=1, timeout=5).publish("/a")
        self.clock.advance(5)
        problem = self.failureResultOf(published, NotPublished).value
        self.assertFalse(problem.is_uncertain)

    def test_bad_answers(self) -> None:
        """
        An answer that is too large, breaks or never ends is none; the connection is cut.
        """
        for answer, text in (
            (Response(200, b"x" * 70_000, end=None), "larger than 65536 bytes"),
            (Response(200, b"x", end=ConnectionLost()), "its end did not come"),
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
        Cancelling ends it wherever it is: while it is asked, and while it waits for its turn, or
        for the next attempt.
        """
        publisher = self.publisher(in_flight=1)
        asked, waiting = publisher.publish("/a"), publisher.publish("/b")
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        asked.cancel()
        self.failureResultOf(asked, CancelledError)
        self.assertTrue(self.hub.silent[0].called)
        self.hub.answers = [REFUSED]
        again = publisher.publish("/c")
        again.cancel()
        self.failureResultOf(again, CancelledError)
        self.assertEqual(2, len(self.hub.asked))

    def test_turns(self) -> None:
        """
        So many are on their way at a time, so many wait, and what is more fails.
        """
        publisher = self.publisher(in_flight=2, max_waiting=1)
        waiting = [publisher.publish("/a", str(number)) for number in range(3)]
        self.assertEqual(2, len(self.hub.asked))
        problem = self.failureResultOf(publisher.publish("/a"), NotPublished).value
        self.assertFalse(problem.is_uncertain)
        self.hub.silent[0].callback(Response(200, b"1"))
        self.assertEqual("1", self.successResultOf(waiting[0]))
        self.assertEqual(3, len(self.hub.asked))
        self.successResultOf(publisher.close())
        for one in waiting[1:]:
            self.failureResultOf(one, NotPublished)

    def test_closed(self) -> None:
        """
        Closing ends what is under way, which may have been published; nothing is after that.
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
        What a hook raises is logged, and changes nothing.
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
        Nobody need want to know.
        """
        self.hub.answers = [REFUSED, Response(200, b"1")]
        published = Publisher(URL, reactor=self.clock, client=self.hub).publish("/a")
        self.clock.advance(1)
        self.assertEqual("1", self.successResultOf(published))

    def test_own_connections(self) -> None:
        """
        Its own connections are closed with it.
        """
        self.successResultOf(Publisher(URL, reactor=MemoryReactorClock()).close())

    def test_token_that_cannot_be_had(self) -> None:
        """
        If who is asked for a token fails, that is told.
        """

        def no_token() -> str:
            raise LookupError("no token")

        self.failureResultOf(self.publisher(token=no_token).publish("/a"), LookupError)

    def test_wrong(self) -> None:
        """
        What makes no sense is refused when it is said.
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

    def test_page(self) -> None:
        """
        A page to look at is not told word by word: who asked has the wrong URL.
        """
        self.hub.answers = [Response(405, b"<h1>No</h1>", {"Content-Type": "text/html"})]
        problem = self.failureResultOf(self.publisher().publish("/a"), NotPublished).value
        self.assertEqual("405 a page to look at; this is hardly the URL of a hub", str(problem))


class PublishManyTests(PublisherCase):
    """
    Publishing many updates.
    """

    def test_lines(self) -> None:
        """
        They go together, a line each; each has its own answer, in order.
        """
        self.hub.answers = [answer_lines]
        updates = [Update("/a", data) for data in ("x", "400", "z")]
        results = self.successResultOf(self.publisher().publish_many(updates))
        self.assertEqual(["x", "z"], [results[0], results[2]])
        self.assertEqual((400, "no", 2), (results[1].status, results[1].text, results[1].line))
        (asked,) = self.hub.asked
        self.assertEqual(b"".join(update.line() for update in updates), asked.body)
        self.assertEqual("application/x-ndjson", asked.header("Content-Type"))

    def test_batches(self) -> None:
        """
        A request has at most so many lines, and so many bytes unless one line has more; they are
        sent one after the other.
        """
        self.hub.answers = [answer_lines] * 2
        updates = [Update("/a", "x")] * (MAX_LINES + 1)
        results = self.results(self.publisher().publish_many(updates))
        self.assertEqual(["x"] * (MAX_LINES + 1), results)
        self.assertEqual([1000, 1], [asked.body.count(b"\n") for asked in self.hub.asked])

        self.hub.asked.clear()
        self.hub.answers = [answer_lines] * 3
        large = Update("/a", "y" * MAX_BATCH)
        self.successResultOf(
            self.publisher().publish_many([Update("/a", "x"), large, Update("/a", "z")])
        )
        self.assertEqual([1, 1, 1], [asked.body.count(b"\n") for asked in self.hub.asked])

    def test_none(self) -> None:
        """
        Nothing is no request.
        """
        self.assertEqual([], self.results(self.publisher().publish_many([])))
        self.assertEqual([], self.hub.asked)

    def test_lines_again(self) -> None:
        """
        Lines that the hub could not take are sent again, in their places and with the same key, and
        no others.
        """
        taken = []

        def take(asked: Asked) -> Response:
            taken.append(asked.body)
            return answer_lines(asked) if len(taken) == 1 else Response(200, b'{"id":"late"}\n')

        self.hub.answers = [take, take]
        published = self.publisher().publish_many(
            [Update("/a", data) for data in ("x", "503", "z")]
        )
        self.assertNoResult(published)
        self.clock.advance(2.25)
        self.assertEqual(["x", "late", "z"], self.results(published))
        self.assertEqual(b"\n" + Update("/a", "503").line() + b"\n", taken[1])
        self.assertEqual(1, len({asked.header("Idempotency-Key") for asked in self.hub.asked}))

    def test_slow_hub(self) -> None:
        """
        A hub that takes some each time is asked until it has all, however often that is.
        """

        def take_one(asked: Asked) -> Response:
            lines = [line for line in asked.body.split(b"\n") if line]
            first, *rest = (json.loads(line)["data"] for line in lines)
            slow = b'{"error":"slow","status":429,"retry_after":0.5}\n'
            return Response(200, b'{"id":"%s"}\n' % first.encode() + slow * len(rest), JSON_LINES)

        self.hub.answers = [take_one] * 10
        published = self.publisher(attempts=2).publish_many(
            [Update("/a", f"n{number}") for number in range(10)]
        )
        self.clock.pump([0.75] * 10)
        self.assertEqual([f"n{number}" for number in range(10)], self.results(published))

    def test_lines_enough(self) -> None:
        """
        When nothing is taken any more in so many attempts, that is what became of them.
        """
        self.hub.answers = [answer_lines] * 3
        published = self.publisher(attempts=2).publish_many(
            [Update("/a", "x"), Update("/a", "503")]
        )
        self.clock.pump([2.25, 2.5, 3])
        self.assertEqual(["x", 503], self.results(published))

    def test_answered_before(self) -> None:
        """
        What was published stays so, whatever becomes of the lines that are sent again; it is not
        published under another key, and what comes behind is not sent.
        """
        for answer in (Response(401), Response(400), Response(413), Response(415), LOST):
            with self.subTest(answer=answer):
                self.hub.asked.clear()
                self.hub.answers = [answer_lines, answer]
                updates = [Update("/a", data) for data in ("x", "503", "403")]
                updates += [Update("/a", "z")] * MAX_LINES
                status = None if answer is LOST else answer.code
                publisher = self.publisher(knows_keys=False)
                published = publisher.publish_many(updates)
                self.clock.advance(2.25)
                expected = ["x", status, 403] + ["z"] * (MAX_LINES - 3) + [status] * 3
                self.assertEqual(expected, self.results(published))
                self.assertEqual(2, len(self.hub.asked))

    def test_maybe_published(self) -> None:
        """
        What may have been published is not published again under another key.
        """
        for status in (400, 413, 415):
            with self.subTest(status=status):
                self.hub.asked.clear()
                self.hub.answers = [LOST, Response(status)]
                published = self.publisher().publish_many([Update("/a", "x"), Update("/a", "y")])
                self.clock.advance(0.25)
                results = self.successResultOf(published)
                self.assertEqual([True] * 2, [one.is_uncertain for one in results])
                self.assertEqual(2, len(self.hub.asked))

    def test_all_refused(self) -> None:
        """
        When all of a request is refused, so are all behind it, which are not sent; what was before
        is published.
        """
        self.hub.answers = [answer_lines, Response(401, b"who are you")]
        updates = [Update("/a", "x")] * (3 * MAX_LINES)
        results = self.results(self.publisher().publish_many(updates))
        self.assertEqual(["x"] * MAX_LINES + [401] * (2 * MAX_LINES), results)
        self.assertEqual(2, len(self.hub.asked))

    def test_too_much(self) -> None:
        """
        A hub that takes less at a time gets less at a time.
        """

        def take_two(asked: Asked) -> Response:
            if b"large" in asked.body or asked.body.count(b"\n") > 2:
                return Response(413, b"too much")
            return answer_lines(asked)

        self.hub.answers = [take_two] * 20
        updates = [Update("/a", data) for data in ("a", "b", "c", "large", "e")]
        published = self.publisher().publish_many(updates)
        self.assertEqual(["a", "b", "c", 413, "e"], self.results(published))

    def test_forms_alone(self) -> None:
        """
        A hub that knows no lines gets forms, from then on; and is not trusted to know keys.
        """
        for refusal in (Response(400, b'Missing "topic"'), Response(415)):
            with self.subTest(status=refusal.code):
                publisher = self.publisher()
                self.hub.asked.clear()
                self.hub.answers = [
                    refusal,
                    Response(200, b"1"),
                    Response(400, b"wrong"),
                    Response(200, b"3"),
                    Response(200, b"4"),
                    LOST,
                ]
                updates = [Update("/a", data) for data in "abc"]
                self.assertEqual(["1", 400, "3"], self.results(publisher.publish_many(updates)))
                rest = self.results(publisher.publish_many(updates))
                self.assertEqual(["4", None, None], rest)
                self.assertEqual(6, len(self.hub.asked))

    def test_no_such_time(self) -> None:
        """
        A hub that wants it to wait for no time, or for ever, is asked when the publisher likes.
        """
        for asked in ("NaN", "Infinity", "-5", "null"):
            with self.subTest(asked=asked):
                line = f'{{"error":"x","status":503,"retry_after":{asked}}}\n'.encode()
                self.hub.answers = [Response(200, line, JSON_LINES), answer_lines]
                published = self.publisher().publish_many([Update("/a", "x")])
                self.clock.advance(61)
                self.assertEqual(["x"], self.results(published))

    def test_draws(self) -> None:
        """
        Updates may be made one by one; if that fails, so does it.
        """

        def updates() -> Iterator[Update]:
            yield from [Update("/a", "x")] * MAX_LINES
            yield Update("/a", "y")
            raise LookupError

        self.hub.answers = [answer_lines] * 2
        self.failureResultOf(self.publisher().publish_many(updates()), LookupError)
        self.assertEqual(1, len(self.hub.asked))

    def test_longest_wait(self) -> None:
        """
        It waits as long as any of the lines is to.
        """
        line = '{"error":"x","status":429,"retry_after":%d}\n'
        body = "".join(line % seconds for seconds in (3, 9, 1)).encode()
        self.hub.answers = [Response(200, body, JSON_LINES), answer_lines]
        published = self.publisher().publish_many([Update("/a", data) for data in "xyz"])
        self.clock.advance(9.2)
        self.assertNoResult(published)
        self.clock.advance(0.05)
        self.assertEqual(["x", "y", "z"], self.results(published))

    def test_forms_that_are_refused(self) -> None:
        """
        Where forms are sent one by one, that one may not be published concerns no other; that
        nothing may be does.
        """
        publisher = self.publisher()
        self.hub.answers = [Response(415), Response(403), Response(413), Response(200, b"1")]
        updates = [Update("/a", data) for data in "xyz"]
        self.assertEqual([403, 413, "1"], self.results(publisher.publish_many(updates)))
        self.hub.answers = [Response(401)]
        self.assertEqual([401] * 3, self.results(publisher.publish_many(updates)))

    def test_makes_no_sense(self) -> None:
        """
        An answer that does not answer each line says nothing of any.
        """
        for body in (
            b"",
            b'{"id":"1"}\n',
            b'{"id":"1"}\n{"id":"2"}\n{"id":"3"}\n',
            b"no JSON\n\n",
            b"[]\n[]\n",
            b'{"error":"x"}\n{"id":"1"}\n',
            b'1\n"error"\n',
            b"[" * 5000 + b"\n1\n",
            b'{"error":"x","status":"y"}\n{"id":"1"}\n',
            b'{"error":"x","status":1e999}\n{"id":"1"}\n',
            b'{"id":null}\n{"id":"1"}\n',
        ):
            with self.subTest(body=body[:40]):
                self.hub.answers = [Response(200, body, JSON_LINES)]
                updates = [Update("/a", data) for data in "xy"]
                results = self.successResultOf(self.publisher().publish_many(updates))
                self.assertEqual([True, True], [one.is_uncertain for one in results])
