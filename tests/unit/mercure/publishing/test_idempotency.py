"""
Publications that may be requested again.
"""

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.errors import LogUnavailable, Refused
from ssetwist.mercure.publishing._idempotency import _MOST_OLD, Idempotency, idempotency_key
from tests.clock import Clock


class KeyTests(SynchronousTestCase):
    """
    Keys of publications.
    """

    def test_none(self) -> None:
        """
        The key of a request without the header is ``None``.
        """
        self.assertIsNone(idempotency_key(None))
        self.assertIsNone(idempotency_key([]))

    def test_as_it_is(self) -> None:
        """
        A key is used as it was sent, including quotes.
        """
        for value in (b'"8e03978e-40d5"', b"8e03978e-40d5", b"a b", b"k" * 255):
            self.assertEqual(value.decode(), idempotency_key([value]))

    def test_refused(self) -> None:
        """
        Two keys, an empty one, one of more than 255 bytes, or one that is not printable ASCII, are
        refused with 400.
        """
        for values in ([b"a", b"b"], [b""], [b"k" * 256], [b"\xc3\xa9"], [b"a\tb"]):
            refused = self.assertRaises(Refused, idempotency_key, values)
            self.assertEqual(400, refused.status)
            self.assertIn("Idempotency-Key", refused.text)


class IdempotencyTests(SynchronousTestCase):
    """
    Publications that happen once for each key.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.published: list[Deferred[str]] = []
        self.once = Idempotency[str](self.clock, ttl=60, max_entries=3).once

    def publish(self) -> Deferred[str]:
        """
        Publish to a log that takes its time.
        """
        self.published.append(Deferred())
        return self.published[-1]

    def publish_at_once(self) -> Deferred[str]:
        """
        Publish to a log that answers at once.
        """
        self.published.append(succeed(f"#e.{len(self.published) + 1}"))
        return succeed(f"#e.{len(self.published)}")

    def refused(self, asked: "Deferred[str]") -> Refused:
        """
        Return the refusal that a Deferred fails with.
        """
        refused = self.failureResultOf(asked, Refused).value
        assert isinstance(refused, Refused)
        return refused

    def test_again(self) -> None:
        """
        A repeated request gets the same answer, and publishes nothing.
        """
        for _ in range(3):
            asked = self.once("k", b"body", self.publish_at_once)
            self.assertEqual("#e.1", self.successResultOf(asked))
        self.assertEqual(1, len(self.published))

    def test_other_key(self) -> None:
        """
        The same body under another key, or from another publisher, is another publication.
        """
        answers = [
            self.successResultOf(self.once(key, b"body", self.publish_at_once))
            for key in (("alice", "k"), ("alice", "l"), ("bob", "k"))
        ]
        self.assertEqual(["#e.1", "#e.2", "#e.3"], answers)

    def test_under_way(self) -> None:
        """
        A request that is repeated before the answer is there waits for the same answer.
        """
        first, second = (self.once("k", b"body", self.publish) for _ in range(2))
        self.assertNoResult(first)
        self.assertNoResult(second)
        self.published[0].callback("#e.1")
        self.assertEqual("#e.1", self.successResultOf(first))
        self.assertEqual("#e.1", self.successResultOf(second))
        self.assertEqual(1, len(self.published))

    def test_other_body(self) -> None:
        """
        Another body under the same key gets 422, before and after the first has been answered.
        """
        self.once("k", b"body", self.publish)
        self.assertEqual(422, self.refused(self.once("k", b"other", self.publish)).status)
        self.published[0].callback("#e.1")
        self.assertEqual(422, self.refused(self.once("k", b"other", self.publish)).status)
        self.assertEqual(1, len(self.published))

    def test_failed(self) -> None:
        """
        A failure reaches all requests that wait, and the key may then be used again.
        """
        asked = [self.once("k", b"body", self.publish) for _ in range(2)]
        self.published[0].errback(LogUnavailable("the disk is full", retry_after=5))
        for one in asked:
            self.failureResultOf(one, LogUnavailable)
        again = self.once("k", b"other", self.publish_at_once)
        self.assertEqual("#e.2", self.successResultOf(again))

    def test_raised(self) -> None:
        """
        If publishing raises an error at once, the Deferred fails, and the key may then be used
        again.
        """

        def publish() -> Deferred[str]:
            raise ValueError("not an event")

        self.failureResultOf(self.once("k", b"body", publish), ValueError)
        self.assertEqual(
            "#e.1", self.successResultOf(self.once("k", b"body", self.publish_at_once))
        )

    def test_cancelled(self) -> None:
        """
        A publication goes on after its request is cancelled, and a repeated request gets its
        answer.
        """
        asked = self.once("k", b"body", self.publish)
        asked.cancel()
        self.failureResultOf(asked, CancelledError)
        self.published[0].callback("#e.1")
        self.assertEqual(
            "#e.1", self.successResultOf(self.once("k", b"body", self.publish_at_once))
        )

    def test_failure_without_requests(self) -> None:
        """
        A failure is logged if no request waits for it any more.
        """
        self.once("k", b"body", self.publish).addErrback(lambda _: None).cancel()
        self.published[0].errback(LogUnavailable("the disk is full", retry_after=5))
        self.assertEqual(1, len(self.flushLoggedErrors(LogUnavailable)))

    def test_cancelled_by_a_callback(self) -> None:
        """
        The callback of one request may cancel another that waits, and may repeat the request.
        """
        asked = [self.once("k", b"body", self.publish) for _ in range(3)]
        again: list[Deferred[str]] = []

        def told(id: str) -> str:
            asked[1].cancel()
            again.append(self.once("k", b"body", self.publish))
            return id

        asked[0].addCallback(told)
        self.published[0].callback("#e.1")
        self.assertEqual("#e.1", self.successResultOf(asked[0]))
        self.failureResultOf(asked[1], CancelledError)
        self.assertEqual("#e.1", self.successResultOf(asked[2]))
        self.assertEqual("#e.1", self.successResultOf(again[0]))

    def test_repeated_while_publishing(self) -> None:
        """
        A request that is repeated by the publication itself gets the answer of that publication.
        """
        inner: list[Deferred[str]] = []

        def publish() -> Deferred[str]:
            inner.append(self.once("k", b"body", self.publish))
            return succeed("#e.1")

        self.assertEqual("#e.1", self.successResultOf(self.once("k", b"body", publish)))
        self.assertEqual("#e.1", self.successResultOf(inner[0]))
        self.assertEqual([], self.published)

    def test_too_old(self) -> None:
        """
        An answer is forgotten when its time is over, and not before; the time begins with the
        answer.
        """
        asked = self.once("k", b"body", self.publish)
        self.clock.advance(100)
        self.published[0].callback("#e.1")
        self.successResultOf(asked)
        self.clock.advance(59)
        self.assertEqual("#e.1", self.successResultOf(self.once("k", b"body", self.publish)))
        self.clock.advance(1)
        self.assertNoResult(self.once("k", b"body", self.publish))

    def test_burst(self) -> None:
        """
        Answers to a burst that are old are forgotten by several requests, a part by each; none of
        them is given any more.
        """
        many = 3 * _MOST_OLD
        idempotency = Idempotency[str](self.clock, ttl=60, max_entries=many)
        for number in range(many):
            idempotency.once(number, b"body", self.publish_at_once)
        self.clock.advance(60)
        last = many - 1
        for left in (2 * _MOST_OLD, _MOST_OLD, 1):
            asked = idempotency.once(last, b"body", self.publish_at_once)
            self.assertEqual(f"#e.{many + 1}", self.successResultOf(asked))
            self.assertEqual(left, len(idempotency))

    def test_too_many(self) -> None:
        """
        If there are too many answers, the oldest one is forgotten.
        """
        for key in "abcd":
            self.successResultOf(self.once(key, b"body", self.publish_at_once))
        for key in "bcd":
            self.assertEqual(422, self.refused(self.once(key, b"other", self.publish)).status)
        self.assertEqual(4, len(self.published))
        self.assertEqual(
            "#e.5", self.successResultOf(self.once("a", b"body", self.publish_at_once))
        )

    def test_too_many_under_way(self) -> None:
        """
        If too many publications are under way, a new one gets 503, and a repeated request waits.
        """
        asked = {key: self.once(key, b"body", self.publish) for key in "abc"}
        refused = self.refused(self.once("d", b"body", self.publish))
        self.assertEqual((503, 1.0), (refused.status, refused.retry_after))
        again = self.once("a", b"body", self.publish)
        self.published[0].callback("#e.1")
        self.assertEqual("#e.1", self.successResultOf(asked["a"]))
        self.assertEqual("#e.1", self.successResultOf(again))
        self.assertNoResult(self.once("d", b"body", self.publish))

    def test_options(self) -> None:
        """
        A limit that would keep nothing is refused, and the error names it.
        """
        for name in ("ttl", "max_entries"):
            for value in (0, -1, float("nan"), float("inf")):
                error = self.assertRaises(ValueError, Idempotency, self.clock, **{name: value})
                self.assertIn(name, str(error))

    @given(
        st.lists(
            st.one_of(
                st.tuples(st.just("ask"), st.integers(0, 9)),
                st.tuples(st.just("end"), st.integers(0, 1)),
                st.tuples(st.just("wait"), st.integers(0, 70)),
            ),
            max_size=40,
        )
    )
    def test_bounded(self, moves: list[tuple[str, int]]) -> None:
        """
        The number of keys never exceeds the limit, an answer is never given after its time, and no
        request waits for a publication that is over.
        """
        clock = Clock()
        idempotency = Idempotency[float](clock, ttl=60, max_entries=3)
        under_way: list[Deferred[float]] = []
        asked: list[Deferred[float]] = []

        def publish() -> Deferred[float]:
            under_way.append(Deferred())
            return under_way[-1]

        def check(answered_at: float) -> None:
            self.assertLess(clock.seconds() - answered_at, 60)

        def forgive(failure: Failure) -> None:
            failure.trap(Refused, LogUnavailable)

        for move, value in moves:
            if move == "ask":
                asked.append(idempotency.once(value, b"", publish).addCallbacks(check, forgive))
            elif move == "wait":
                clock.advance(value)
            elif under_way and value:
                under_way.pop(0).callback(clock.seconds())
            elif under_way:
                under_way.pop(0).errback(LogUnavailable("full", retry_after=1))
            self.assertLessEqual(len(idempotency), 3)
            self.assertLessEqual(len(under_way), 3)
        while under_way:
            under_way.pop().callback(clock.seconds())
        for one in asked:
            self.assertIsNone(self.successResultOf(one))
