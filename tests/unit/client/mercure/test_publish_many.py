"""
Many updates in one request.
"""

import json
from collections.abc import Iterator

from ssetwist.client import Update
from ssetwist.client.mercure._bulk import MAX_BATCH, MAX_LINES
from tests.unit.client.fake_hub import Response, SentRequest
from tests.unit.client.mercure.case import JSON_LINES, LOST, PublisherCase, answer_lines


class PublishManyTests(PublisherCase):
    """
    ``publish_many()``.
    """

    def test_lines(self) -> None:
        """
        Updates are sent as lines of one request; each has its own answer, in order.
        """
        self.hub.answers = [answer_lines]
        updates = [Update("/a", data) for data in ("x", "400", "z")]
        results = self.successResultOf(self.publisher().publish_many(updates))
        self.assertEqual(["x", "z"], [results[0], results[2]])
        self.assertEqual((400, "no", 2), (results[1].status, results[1].text, results[1].line))
        (sent,) = self.hub.requests
        self.assertEqual(b"".join(update.line() for update in updates), sent.body)
        self.assertEqual("application/x-ndjson", sent.header("Content-Type"))

    def test_batches(self) -> None:
        """
        A request has limits to its lines and bytes, except for one large line; requests are sent
        one after the other.
        """
        self.hub.answers = [answer_lines] * 2
        updates = [Update("/a", "x")] * (MAX_LINES + 1)
        results = self.results(self.publisher().publish_many(updates))
        self.assertEqual(["x"] * (MAX_LINES + 1), results)
        self.assertEqual([1000, 1], [sent.body.count(b"\n") for sent in self.hub.requests])

        self.hub.requests.clear()
        self.hub.answers = [answer_lines] * 3
        large = Update("/a", "y" * MAX_BATCH)
        self.successResultOf(
            self.publisher().publish_many([Update("/a", "x"), large, Update("/a", "z")])
        )
        self.assertEqual([1, 1, 1], [sent.body.count(b"\n") for sent in self.hub.requests])

    def test_none(self) -> None:
        """
        Without updates nothing is sent.
        """
        self.assertEqual([], self.results(self.publisher().publish_many([])))
        self.assertEqual([], self.hub.requests)

    def test_lines_again(self) -> None:
        """
        Lines that the hub could not take are sent again, with their numbers and the same key, and
        without the other lines.
        """
        taken = []

        def take(sent: SentRequest) -> Response:
            taken.append(sent.body)
            return answer_lines(sent) if len(taken) == 1 else Response(200, b'{"id":"late"}\n')

        self.hub.answers = [take, take]
        published = self.publisher().publish_many(
            [Update("/a", data) for data in ("x", "503", "z")]
        )
        self.assertNoResult(published)
        self.clock.advance(2.25)
        self.assertEqual(["x", "late", "z"], self.results(published))
        self.assertEqual(b"\n" + Update("/a", "503").line() + b"\n", taken[1])
        self.assertEqual(1, len({sent.header("Idempotency-Key") for sent in self.hub.requests}))

    def test_slow_hub(self) -> None:
        """
        Lines that a slow hub takes a few at a time are repeated until it has taken all, however
        often that is.
        """

        def take_one(sent: SentRequest) -> Response:
            lines = [line for line in sent.body.split(b"\n") if line]
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
        Lines that the hub still refuses after the last attempt fail with its last answer.
        """
        self.hub.answers = [answer_lines] * 3
        published = self.publisher(attempts=2).publish_many(
            [Update("/a", "x"), Update("/a", "503")]
        )
        self.clock.pump([2.25, 2.5, 3])
        self.assertEqual(["x", 503], self.results(published))

    def test_answered_before(self) -> None:
        """
        The answers to some lines stay, whatever happens to the repeated lines.  These lines do not
        get a new key, and later updates are not sent.
        """
        for answer in (Response(401), Response(400), Response(413), Response(415), LOST):
            with self.subTest(answer=answer):
                self.hub.requests.clear()
                self.hub.answers = [answer_lines, answer]
                updates = [Update("/a", data) for data in ("x", "503", "403")]
                updates += [Update("/a", "z")] * MAX_LINES
                status = None if answer is LOST else answer.code
                publisher = self.publisher(knows_keys=False)
                published = publisher.publish_many(updates)
                self.clock.advance(2.25)
                expected = ["x", status, 403] + ["z"] * (MAX_LINES - 3) + [status] * 3
                self.assertEqual(expected, self.results(published))
                self.assertEqual(2, len(self.hub.requests))

    def test_maybe_published(self) -> None:
        """
        Updates that may have been published are not sent again under another key.
        """
        for status in (400, 413, 415):
            with self.subTest(status=status):
                self.hub.requests.clear()
                self.hub.answers = [LOST, Response(status)]
                published = self.publisher().publish_many([Update("/a", "x"), Update("/a", "y")])
                self.clock.advance(0.25)
                results = self.successResultOf(published)
                self.assertEqual([True] * 2, [one.is_uncertain for one in results])
                self.assertEqual(2, len(self.hub.requests))

    def test_all_refused(self) -> None:
        """
        If the hub refuses a whole request, all later updates are refused and not sent; earlier ones
        stay published.
        """
        self.hub.answers = [answer_lines, Response(401, b"who are you")]
        updates = [Update("/a", "x")] * (3 * MAX_LINES)
        results = self.results(self.publisher().publish_many(updates))
        self.assertEqual(["x"] * MAX_LINES + [401] * (2 * MAX_LINES), results)
        self.assertEqual(2, len(self.hub.requests))

    def test_too_much(self) -> None:
        """
        A hub that refuses a large request gets smaller ones.
        """

        def take_two(sent: SentRequest) -> Response:
            if b"large" in sent.body or sent.body.count(b"\n") > 2:
                return Response(413, b"too much")
            return answer_lines(sent)

        self.hub.answers = [take_two] * 20
        updates = [Update("/a", data) for data in ("a", "b", "c", "large", "e")]
        published = self.publisher().publish_many(updates)
        results = self.successResultOf(published)
        self.assertEqual(["a", "b", "c", "e"], results[:3] + results[4:])
        self.assertEqual(
            (413, "too much", 1), (results[3].status, results[3].text, results[3].line)
        )

    def test_hub_without_lines(self) -> None:
        """
        A hub that does not read lines gets forms from then on; the publisher assumes that this hub
        does not know keys.
        """
        for refusal in (Response(400, b'Missing "topic"'), Response(415)):
            with self.subTest(status=refusal.code):
                publisher = self.publisher()
                self.hub.requests.clear()
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
                self.assertEqual(6, len(self.hub.requests))

    def test_wrong_retry_after(self) -> None:
        """
        If a hub asks for a wait of an impossible length, the publisher waits as by default.
        """
        for asked in ("NaN", "Infinity", "-5", "null"):
            with self.subTest(asked=asked):
                line = f'{{"error":"x","status":503,"retry_after":{asked}}}\n'.encode()
                self.hub.answers = [Response(200, line, JSON_LINES), answer_lines]
                published = self.publisher().publish_many([Update("/a", "x")])
                self.clock.advance(61)
                self.assertEqual(["x"], self.results(published))

    def test_updates_from_an_iterator(self) -> None:
        """
        Updates may come from an iterator; an exception that it raises is passed on.
        """

        def updates() -> Iterator[Update]:
            yield from [Update("/a", "x")] * MAX_LINES
            yield Update("/a", "y")
            raise LookupError

        self.hub.answers = [answer_lines] * 2
        self.failureResultOf(self.publisher().publish_many(updates()), LookupError)
        self.assertEqual(1, len(self.hub.requests))

    def test_longest_wait(self) -> None:
        """
        The publisher waits for the longest time that a line asks for.
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
        A refused form does not stop later forms, but a refused token does.
        """
        publisher = self.publisher()
        self.hub.answers = [Response(415), Response(403), Response(413), Response(200, b"1")]
        updates = [Update("/a", data) for data in "xyz"]
        first, second, third = self.successResultOf(publisher.publish_many(updates))
        self.assertEqual([(403, 1), (413, 2)], [(one.status, one.line) for one in (first, second)])
        self.assertEqual("1", third)
        self.hub.answers = [Response(401)]
        results = self.successResultOf(publisher.publish_many(updates))
        self.assertEqual([(401, None)] * 3, [(one.status, one.line) for one in results])

    def test_unreadable_answer(self) -> None:
        """
        An answer without a valid line for each update makes all of them uncertain.
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
