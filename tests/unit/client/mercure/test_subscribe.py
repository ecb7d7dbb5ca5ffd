"""
Subscriptions to a Mercure hub.
"""

from typing import Any

from twisted.internet.error import ConnectionLost
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.client import EARLIEST, EventSource, Loss, Opened, subscribe
from ssetwist.client.mercure._subscribe import loss_at_opening, loss_in, subscription_url
from ssetwist.eventstream import Event
from tests.clock import Clock
from tests.unit.client.fake_hub import FakeHub, Response

URL = "https://hub.example/.well-known/mercure"

STREAM = {"Content-Type": "text/event-stream"}

GAP = b'event: gap\nid: #e.9\ndata: {"asked":"%s","oldest":"#e.9","newest":"#e.10"}\n\n'


class SubscriptionUrlTests(SynchronousTestCase):
    """
    URLs of subscriptions.
    """

    def test_dialects(self) -> None:
        """
        Topics and patterns are in the query; each dialect has its own names for them.
        """
        for legacy, expected in (
            (False, "match=%2Fa&match=b%20c%26&match_urlpattern=%2F%3Ax"),
            (True, "topic=%2Fa&topic=b%20c%26&topic=%2F%3Ax"),
        ):
            url = subscription_url(URL, ["/a", "b c&"], "/:x", legacy=legacy)
            self.assertEqual(f"{URL}?{expected}", url)

    def test_with_a_query(self) -> None:
        """
        The query of the hub's URL stays, and its fragment is dropped.
        """
        self.assertEqual(f"{URL}?a=b&match=%2A", subscription_url(f"{URL}?a=b#c", "*"))

    def test_wrong_arguments(self) -> None:
        """
        Topics or patterns, and a valid URL, are required.
        """
        self.assertRaises(ValueError, subscription_url, URL, [])
        self.assertRaises(ValueError, subscription_url, "hub", "a")
        self.assertRaises(ValueError, subscription_url, URL, ["a", ""])
        self.assertRaises(ValueError, subscription_url, URL, "a", [""])
        for wrong in (None, [1], b"a"):
            with self.subTest(wrong=wrong):
                self.assertRaisesRegex(TypeError, "must be .* not ", subscription_url, URL, wrong)


class LossTests(SynchronousTestCase):
    """
    A hub's reports of missed events.
    """

    def test_at_opening(self) -> None:
        """
        The requested event ID is compared with the headers of both dialects.
        """
        new, old = "mercure-last-event-id", "last-event-id"
        cases: list[tuple[str, dict[str, str], Loss | None]] = [
            ("", {}, None),
            ("", {new: EARLIEST}, None),
            ("1", {new: "1"}, None),
            ("1", {old: "1"}, None),
            ("1", {new: EARLIEST}, Loss("1", EARLIEST)),
            ("1", {old: "0"}, Loss("1", "0")),
            ("1", {old: "0", new: "5"}, Loss("1", "5")),
            ("1", {old: "1", new: "5"}, None),
            ("1", {}, Loss("1", "")),
            (EARLIEST, {new: EARLIEST}, None),
            (EARLIEST, {}, None),
        ]
        for asked, headers, expected in cases:
            with self.subTest(asked=asked, headers=headers):
                self.assertEqual(expected, loss_at_opening(Opened(URL, headers, asked)))

    def test_in_an_event(self) -> None:
        """
        Our hub reports a gap by an event; other events of the same type are not a report.
        """
        data = '{"asked":"#e.1","oldest":"#e.5","newest":"#e.9"}'
        self.assertEqual(Loss("#e.1", "#e.4"), loss_in(Event(data, type="gap", id="#e.4")))
        for event in (
            Event(data),
            Event("mind", type="gap"),
            Event("[]", type="gap"),
            Event('{"asked":1}', type="gap"),
            Event("[" * 5000, type="gap"),
        ):
            self.assertIsNone(loss_in(event))

    def test_words(self) -> None:
        """
        A loss can be shown as text.
        """
        self.assertIn("goes on after 2", str(Loss("1", "2")))
        self.assertIn("does not say", str(Loss("1", "")))


class SubscribeTests(SynchronousTestCase):
    """
    ``subscribe()``.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.hub = FakeHub()
        self.losses: list[Loss] = []

    def subscribe(self, *answers: Any, **options: Any) -> EventSource:
        """
        Subscribe to a hub with the given answers.
        """
        self.hub.answers = list(answers)
        source = subscribe(
            URL,
            "/a",
            reactor=self.clock,
            client=self.hub,
            on_loss=self.losses.append,
            jitter=lambda: 0.0,
            **options,
        )
        self.addCleanup(self.close, source)
        self.clock.advance(0)
        return source

    def close(self, source: EventSource) -> None:
        """
        Close the source, and check that no timer is left.
        """
        source.close()
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_subscribed(self) -> None:
        """
        The topic is in the URL and the token in a header; the hub's events come.
        """
        opened: list[Opened] = []
        source = self.subscribe(
            Response(200, b"data: x\n\n", STREAM, end=None), token="abc", on_open=opened.append
        )
        self.assertEqual(Event("x"), self.successResultOf(source.next()))
        (sent,) = self.hub.requests
        self.assertEqual(f"{URL}?match=%2Fa".encode(), sent.url)
        self.assertEqual("Bearer abc", sent.header("Authorization"))
        self.assertIsNone(sent.header("Last-Event-ID"))
        self.assertEqual(1, len(opened))
        self.assertEqual([], self.losses)

    def test_legacy(self) -> None:
        """
        A hub of 0.x is asked in its dialect.
        """
        self.subscribe(Response(200, b"", STREAM, end=None), legacy=True)
        self.assertEqual([f"{URL}?topic=%2Fa".encode()], [sent.url for sent in self.hub.requests])

    def test_fresh_token(self) -> None:
        """
        A token's function is called before each attempt.
        """
        tokens = iter(["one", "two"])
        self.subscribe(
            Response(200, b"", STREAM, end=ConnectionLost()),
            Response(200, b"", STREAM, end=None),
            token=lambda: next(tokens),
        )
        self.clock.advance(1)
        self.assertEqual(
            ["Bearer one", "Bearer two"],
            [sent.header("Authorization") for sent in self.hub.requests],
        )

    def test_since(self) -> None:
        """
        A subscription may begin after an event; if it cannot, that is reported once, before the
        first event.
        """
        source = self.subscribe(
            Response(
                200,
                GAP % b"#old.1" + b"data: x\n\n",
                {**STREAM, "Mercure-Last-Event-ID": EARLIEST},
                end=None,
            ),
            since="#old.1",
        )
        self.assertEqual("#old.1", self.hub.requests[0].header("Last-Event-ID"))
        self.assertEqual([Loss("#old.1", EARLIEST)], self.losses)
        gap = self.successResultOf(source.next())
        assert gap is not None
        self.assertEqual("gap", gap.type)

    def test_opened_before_a_loss(self) -> None:
        """
        ``on_open`` is called before the loss at the beginning of its stream is reported.
        """
        called: list[str] = []
        self.hub.answers = [Response(200, b"", {**STREAM, "Last-Event-ID": EARLIEST}, end=None)]
        source = subscribe(
            f"{URL}?a=1",
            "/a",
            reactor=self.clock,
            client=self.hub,
            since="1",
            on_open=lambda _: called.append("open"),
            on_loss=lambda _: called.append("loss"),
        )
        self.addCleanup(self.close, source)
        self.clock.advance(0)
        self.assertEqual(["open", "loss"], called)
        self.assertEqual(f"{URL}?a=1&match=%2Fa".encode(), self.hub.requests[0].url)

    def test_lost_on_the_way(self) -> None:
        """
        A loss is reported during a stream, and between two streams.
        """
        self.subscribe(
            Response(200, b"id: 1\ndata: x\n\n" + GAP % b"#e.1", STREAM, end=ConnectionLost()),
            Response(200, b"", {**STREAM, "Last-Event-ID": EARLIEST}, end=None),
        )
        self.assertEqual("#e.9", self.hub.requests[1].header("Last-Event-ID"))
        self.assertEqual([Loss("#e.1", "#e.9"), Loss("#e.9", EARLIEST)], self.losses)

    def test_closed_in_a_hook(self) -> None:
        """
        A hook may close the source; then no event follows.
        """
        heard: list[Event] = []
        for headers in (STREAM, {**STREAM, "Mercure-Last-Event-ID": EARLIEST}):
            self.hub.answers = [Response(200, GAP % b"1" + b"data: x\n\n", headers, end=None)]
            source = subscribe(
                URL,
                "/a",
                reactor=self.clock,
                client=self.hub,
                since="1",
                on_loss=lambda _: source.close(),  # noqa: B023  # called in this round only
            )
            done = source.for_each(heard.append)
            self.clock.advance(0)
            self.successResultOf(done)
            self.assertEqual([], heard)
            self.assertEqual([], self.clock.getDelayedCalls())

    def test_hooks_that_fail(self) -> None:
        """
        An exception from a hook is logged, and changes nothing.
        """
        answer = Response(200, GAP % b"2", {**STREAM, "Last-Event-ID": EARLIEST}, end=None)
        self.hub.answers = [answer]
        source = subscribe(
            URL,
            "/a",
            reactor=self.clock,
            client=self.hub,
            since="1",
            on_open=lambda _: 1 / 0,
            on_loss=lambda _: 1 / 0,
        )
        self.clock.advance(0)
        self.assertIsNotNone(self.successResultOf(source.next()))
        self.assertEqual(3, len(self.flushLoggedErrors(ZeroDivisionError)))
        source.close()

    def test_wrong_arguments(self) -> None:
        """
        Wrong arguments are refused at once.
        """
        for options in ({"token": " "}, {"since": "a\nb"}):
            with self.subTest(options=options):
                self.assertRaises(ValueError, subscribe, URL, "a", reactor=self.clock, **options)
        self.assertRaises(
            TypeError,
            subscribe,
            URL,
            "a",
            reactor=self.clock,
            token="a",
            fresh_headers=dict,
        )
        # The message names the wrong option, and not the missing topic.
        for name in ("topic", "last_event_id"):
            self.assertRaisesRegex(
                TypeError, name, subscribe, URL, reactor=self.clock, **{name: "a"}
            )
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_without_hooks(self) -> None:
        """
        The hooks are optional.
        """
        source = subscribe(URL, "/a", reactor=self.clock, client=self.hub)
        self.hub.answers = [Response(200, GAP % b"1", STREAM, end=None)]
        self.clock.advance(0)
        self.successResultOf(source.next())
        source.close()
