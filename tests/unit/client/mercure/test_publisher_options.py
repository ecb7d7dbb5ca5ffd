"""
Options of a publisher, each with a value that is not the default.
"""

from collections.abc import Callable
from inspect import signature

from ssetwist.client import Backoff, Interruption, Publisher
from ssetwist.errors import NotPublished
from tests.clock import TwoClocks
from tests.unit.client.fake_hub import FakeHub, Response
from tests.unit.client.mercure.case import LOST, REFUSED, URL, PublisherCase


class OptionsTests(PublisherCase):
    """
    The way of each option to the requests.
    """

    def made(self, *answers: object, **options: object) -> Publisher:
        """
        Make a publisher with these options and no others, beside a jitter of 1.
        """
        self.hub.answers = list(answers)
        given = {"client": self.hub, "jitter": lambda: 1.0, **options}
        return Publisher(URL, reactor=self.clock, **given)  # type: ignore[arg-type]

    def requests_after(self, seconds: float) -> int:
        """
        Return the number of requests that the hub has got after some more time.
        """
        self.clock.advance(seconds)
        return len(self.hub.requests)

    def takes_token(self) -> None:
        self.made(Response(200, b"1"), token="abc").publish("/a")
        self.assertEqual("Bearer abc", self.hub.requests[0].header("Authorization"))

    def takes_client(self) -> None:
        other = FakeHub([Response(200, b"2")])
        self.assertEqual("2", self.successResultOf(self.made(client=other).publish("/a")))

    def takes_timeout(self) -> None:
        published = self.made(timeout=4.0, attempts=1).publish("/a")
        self.clock.advance(3.9)
        self.assertNoResult(published)
        self.clock.advance(0.1)
        self.failureResultOf(published, NotPublished)

    def takes_in_flight(self) -> None:
        publisher = self.made(in_flight=2)
        for _ in range(3):
            publisher.publish("/a").addErrback(lambda _: None)
        self.assertEqual(2, len(self.hub.requests))
        self.successResultOf(publisher.close())

    def takes_max_waiting(self) -> None:
        publisher = self.made(in_flight=2, max_waiting=3)
        waiting = [publisher.publish("/a") for _ in range(5)]
        problem = self.failureResultOf(publisher.publish("/a"), NotPublished).value
        self.assertIn("too many publications", str(problem))
        for one in waiting:
            self.assertNoResult(one)
            one.addErrback(lambda _: None)
        self.successResultOf(publisher.close())

    def takes_attempts(self) -> None:
        published = self.made(*[REFUSED] * 9, attempts=2).publish("/a")
        self.assertEqual(2, self.requests_after(0.5))
        self.failureResultOf(published, NotPublished)

    def takes_backoff(self) -> None:
        backoff = Backoff(first=3.0, ceiling=4.0)
        published = self.made(REFUSED, REFUSED, Response(200, b"1"), backoff=backoff).publish("/a")
        found = [self.requests_after(seconds) for seconds in (2.9, 0.1, 3.9, 0.1)]
        self.assertEqual([1, 2, 2, 3], found)
        self.successResultOf(published)

    def takes_knows_keys(self) -> None:
        published = self.made(LOST, Response(200, b"1"), knows_keys=False).publish("/a")
        self.assertTrue(self.failureResultOf(published, NotPublished).value.is_uncertain)

    def takes_on_interruption(self) -> None:
        heard: list[Interruption] = []
        self.made(REFUSED, Response(200), on_interruption=heard.append).publish("/a")
        self.assertEqual([(1, 0.5)], [(one.failures, one.delay) for one in heard])
        self.clock.advance(0.5)

    def takes_jitter(self) -> None:
        self.made(REFUSED, Response(200), jitter=lambda: 0.25).publish("/a")
        self.assertEqual([1, 2], [self.requests_after(0.124), self.requests_after(0.002)])

    def test_closed(self) -> None:
        """
        When a publisher is closed, only publications that were under way may have happened.
        """
        publisher = self.made(in_flight=1)
        published = [publisher.publish("/a") for _ in range(3)]
        self.successResultOf(publisher.close())
        problems = [self.failureResultOf(one, NotPublished).value for one in published]
        self.assertEqual([True, False, False], [one.is_uncertain for one in problems])
        later = self.failureResultOf(publisher.publish("/a"), NotPublished).value
        self.assertFalse(later.is_uncertain)

    def test_date(self) -> None:
        """
        If the hub names a date to try again, the delay is the time until then by the time of day.
        """
        self.clock = TwoClocks(784111740.0)
        later = Response(503, b"", {"Retry-After": "Sun, 06 Nov 1994 08:49:37 GMT"})  # 784111777
        self.made(later, Response(200, b"1"), jitter=lambda: 0.0).publish("/a")
        self.assertEqual([1, 2], [self.requests_after(36.9), self.requests_after(0.1)])

    def test_each(self) -> None:
        """
        Each option has its effect.
        """
        names = set(signature(Publisher).parameters) - {"hub_url", "reactor"}
        for name in sorted(names):
            self.hub.requests.clear()
            with self.subTest(option=name):
                takes: Callable[[], None] = getattr(self, f"takes_{name}")
                takes()
