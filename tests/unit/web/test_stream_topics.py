"""
Topics that a request for a stream asks for, and the view that an application gives it.
"""

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.error import ConnectionLost
from twisted.web.server import Request

from ssetwist.errors import HubClosed
from ssetwist.eventstream import Event
from ssetwist.hub import EndReason, Exact, Pattern
from ssetwist.web import EventStreamResource
from tests.memory import Client, SocketClient
from tests.unit.web.case import BROWSER, StreamCase


class TopicsTests(StreamCase):
    """
    Topics that a client is subscribed to, and the function that decides them.
    """

    def assert_hears_news(self, client: Client) -> None:
        self.publish("other", topic="other")
        self.publish("news")
        self.assertEqual(["news"], self.heard(client))

    async def coroutine(self, _: Request) -> str:
        return "news"

    def test_everything(self) -> None:
        """
        By default a client is subscribed to everything.
        """
        client = self.client()
        self.publish("other", topic="other")
        self.publish("news")
        self.assertEqual(["other", "news"], self.heard(client))

    def test_ways_to_say_it(self) -> None:
        """
        Topics are a value, or the result of a function, which may come later.
        """
        for topics in (
            "news",
            ["news", "weather"],
            Exact("news"),
            Pattern("/new*"),
            lambda request: "news",
            lambda request: {"news"},
            lambda request: succeed("news"),
            self.coroutine,
        ):
            self.use(self.make_hub(), topics=topics)
            self.assert_hears_news(self.client())

    def test_by_request(self) -> None:
        """
        The function for the topics is called with the request.
        """
        self.use(self.hub, topics=lambda request: request.args[b"topic"][0].decode())
        client = self.client(path="/?topic=weather")
        self.publish("rain", topic="weather")
        self.publish("news")
        self.assertEqual(["rain"], self.heard(client))

    def test_later(self) -> None:
        """
        Before the topics are known, the client gets no answer and is not subscribed.
        """
        asked: Deferred[str] = Deferred()
        self.use(self.hub, topics=lambda request: asked)
        client = self.client()
        self.publish("missed")
        self.assertEqual((b"", 0), (client.received, self.hub.subscriber_count))
        asked.callback("news")
        self.assert_hears_news(client)

    def test_bytes_meanwhile(self) -> None:
        """
        Bytes after the request cut the connection even while the topics are not known.
        """
        for size in (1, 40_000):
            asked: Deferred[str] = Deferred()
            self.use(self.hub, topics=lambda request, asked=asked: asked)
            client = self.client()
            client.send(b"x" * size)
            asked.callback("news")
            self.clock.advance(0)
            self.assertEqual((b"", 0), (client.received, self.hub.subscriber_count))
            self.assertTrue(client.transport.is_aborted)

    def test_application_is_told_first(self) -> None:
        """
        An application that hears of the client's end before the stream does may answer or cancel.
        """
        for act in (Deferred.cancel, lambda asked: asked.callback("news")):
            asked: Deferred[str] = Deferred()

            def topics(
                request: Request, asked: Deferred[str] = asked, act: Callable[..., object] = act
            ) -> Deferred[str]:
                gone = Deferred[None]().addErrback(lambda _: act(asked))
                request.notifications.insert(0, gone)  # as a resource above this one asks first
                return asked

            self.use(self.hub, topics=topics)
            self.client().close()
            self.assertEqual(([], 0), (self.flushLoggedErrors(), self.hub.subscriber_count))

    def test_later_with_a_cursor(self) -> None:
        """
        A client that comes back and has to wait for its topics misses nothing.
        """
        self.publish("1")
        asked: Deferred[str] = Deferred()
        self.use(self.hub, topics=lambda request: asked)
        client = self.client(headers={"Last-Event-ID": "#e.1"})
        self.publish("2")
        asked.callback("news")
        self.assertEqual(["2"], self.heard(client))

    def test_mistakes(self) -> None:
        """
        An argument that cannot be a hub, topics or a function is refused when the resource is made.
        """
        for arguments, options in (
            ((self.hub, b"t"), {}),
            ((self.hub, [1]), {}),
            ((self.hub, None), {}),
            (("t", self.hub), {}),
            ((self.hub,), {"grants": 1}),
            ((self.hub,), {"filter": "x"}),
            ((self.hub,), {"who": "x"}),
        ):
            self.assertRaises(TypeError, EventStreamResource, *arguments, **options)

    def test_who(self) -> None:
        """
        The application gives a subscriber a name, by which it can find the subscriber.
        """
        self.use(self.hub, who=lambda request: request.args[b"user"][0].decode())
        for user in ("ann", "bob"):
            self.client(path=f"/?user={user}")
        [bob] = [one for one in self.hub.subscribers if one.who == "bob"]
        self.assertIn("bob", repr(bob))
        bob.end()
        self.assertEqual(["ann"], [one.who for one in self.hub.subscribers])

    def test_refused(self) -> None:
        """
        ``None`` as topics gets 403, now or later, and does not subscribe.
        """
        for answer in (None, succeed(None)):
            self.use(self.hub, topics=lambda request, answer=answer: answer)
            client = self.client()
            self.assertTrue(client.head.startswith(b"1 403"))
            self.assertIn(b"You are not allowed to read this event stream", client.body)
            client.request()
            self.assertEqual(2, client.received.count(b"HTTP/1.1 403"), "the connection goes on")
        self.assertEqual(0, self.hub.subscriber_count)

    def test_raises(self) -> None:
        """
        A function for the topics that fails is logged and gets 500, now or later.
        """

        def topics(_: Request) -> str:
            raise ZeroDivisionError

        for one in (topics, lambda request: fail(ZeroDivisionError())):
            self.use(self.hub, topics=one)
            client = self.client()
            self.assertTrue(client.head.startswith(b"1 500"))
            self.assertNotIn(b"ZeroDivisionError", client.received)
            self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))
        self.assertEqual(0, self.hub.subscriber_count)

    def test_invalid(self) -> None:
        """
        Invalid topics get 400 with the reason, now or later.
        """
        for answer in ("x" * 16385, succeed(["x" * 16385])):
            self.use(self.hub, topics=lambda request, answer=answer: answer)
            client = self.client()
            self.assertTrue(client.head.startswith(b"1 400"))
            self.assertIn(b"longer than 16384 characters", client.body)
        self.assertEqual([], self.flushLoggedErrors())

    def test_invalid_pattern(self) -> None:
        """
        A function that fails to make a pattern gets 400, now or later.
        """

        async def later(_: Request) -> Pattern:
            return Pattern("((")

        for topics in (lambda request: Pattern("(("), later):
            self.use(self.hub, topics=topics)
            self.assertTrue(self.client().head.startswith(b"1 400"))
        self.assertEqual([], self.flushLoggedErrors())

    def test_client_leaves_meanwhile(self) -> None:
        """
        If the client goes before the topics are known, the function's Deferred is cancelled.
        """
        cancelled: list[object] = []
        asked: Deferred[str] = Deferred(cancelled.append)
        self.use(self.hub, topics=lambda request: asked)
        self.client().close(ConnectionLost())
        self.assertEqual([asked], cancelled)
        self.assertEqual(0, self.hub.subscriber_count)
        self.assertEqual([], self.clock.getDelayedCalls())
        self.assertEqual([], self.flushLoggedErrors())

    def test_decides_after_the_client_has_left(self) -> None:
        """
        If the function's Deferred fires after the client has gone, nothing happens.
        """
        for decide in (
            lambda asked: asked.callback("news"),
            lambda asked: asked.callback(None),
            lambda asked: asked.errback(ZeroDivisionError()),
        ):
            asked: Deferred[str | None] = Deferred(decide)
            self.use(self.hub, topics=lambda request, asked=asked: asked)
            client = self.client()
            client.close()
            self.assertTrue(asked.called)
            self.assertEqual((b"", 0), (client.received, self.hub.subscriber_count))
        self.assertEqual([], self.flushLoggedErrors())

    def test_full_meanwhile(self) -> None:
        """
        The limit on subscribers is checked when the topics are known.
        """
        asked: list[Deferred[str]] = [Deferred(), Deferred()]
        waiting = iter(asked)
        self.use(self.make_hub(max_subscribers=1), topics=lambda request: next(waiting))
        clients = [self.client(), self.client()]
        for one in asked:
            one.callback("news")
        self.assertTrue(clients[0].head.startswith(b"1 200"))
        self.assertTrue(clients[1].head.startswith(b"1 503"))

    def test_drained_meanwhile(self) -> None:
        """
        If the topics become known while the server stops, the client is told to come back.
        """
        asked: Deferred[str] = Deferred()
        self.use(self.hub, topics=lambda request: asked)
        client = self.client(headers=BROWSER)
        drained = self.site.drain(10)
        asked.callback("news")
        self.assertTrue(client.body.startswith(b"retry: "))
        self.assertTrue(client.is_complete or b"content-length" in client.head)
        self.clock.pump([0.1] * 3)
        self.successResultOf(drained)


class ViewTests(StreamCase):
    """
    Private events, and filters.
    """

    def hear(self, **options: object) -> list[str]:
        """
        Return the events that a client gets, which are the same live and in a replay.
        """
        self.use(self.make_hub(), **options)
        client = self.client()
        self.publish("open")
        self.publish("secret", private=True)
        again = self.client(headers={"Last-Event-ID": "#e.0"})
        self.assertEqual(self.heard(client), self.heard(again))
        return self.heard(client)

    def test_private(self) -> None:
        """
        A client that asks for everything, without a grant, gets no private events.
        """
        self.assertEqual(["open"], self.hear())

    def test_grants(self) -> None:
        """
        A private event reaches clients with a grant for its topic; all clients may have the grant,
        or a function decides.
        """
        self.assertEqual(["open", "secret"], self.hear(grants="news"))
        self.assertEqual(["open", "secret"], self.hear(grants=lambda request: ["news"]))
        self.assertEqual(["open"], self.hear(grants=lambda request: ()))
        self.assertEqual(["open"], self.hear(grants="other"))
        for grants in ("news", lambda request: "news"):
            heard = self.hear(topics=lambda request: "news", grants=grants)
            self.assertEqual(["open", "secret"], heard)

    def test_grants_by_request(self) -> None:
        """
        The function for the grants is called with the request, and a grant need not be for a topic
        that the client asks for.
        """
        self.use(
            self.hub,
            topics="news",
            grants=lambda request: "user" if request.getUser() == b"me" else (),
        )
        me = self.client(headers={"Authorization": "Basic bWU6"})
        other = self.client()
        self.hub.publish(["news", "user"], Event("mine"), private=True)
        self.clock.advance(0)
        self.assertEqual((["mine"], []), (self.heard(me), self.heard(other)))

    def test_filter(self) -> None:
        """
        A filter is made for each request; an event for which it returns false is not sent.
        """

        def without(request: Request) -> Callable[[tuple[str, ...], Event], bool]:
            word = request.args[b"without"][0].decode()
            return lambda topics, event: word not in event.data and topics == ("news",)

        self.use(self.hub, filter=without)
        client = self.client(path="/?without=rain")
        self.publish("rain", "sun")
        self.publish("other", topic="other")
        self.assertEqual(["sun"], self.heard(client))

    def test_no_filter(self) -> None:
        """
        A client without a filter gets everything.
        """
        self.assertEqual(["open"], self.hear(filter=lambda request: None))

    def test_filter_raises(self) -> None:
        """
        An event for which a filter raises is not sent, and other clients get it.
        """

        def fail(*_: object) -> bool:
            raise ZeroDivisionError

        self.use(self.hub, filter=lambda request: fail if request.args else None)
        client, other = self.client(path="/?a=1"), self.client()
        self.publish("1")
        self.assertEqual(([], ["1"]), (self.heard(client), self.heard(other)))
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))

    def test_cannot_be_made(self) -> None:
        """
        If the function for grants or filter fails, the client gets 500, even after a wait, and is
        not subscribed.
        """

        def fail(_: Request) -> None:
            raise ZeroDivisionError

        for options in ({"grants": fail}, {"filter": fail}):
            for topics in ("news", lambda request: succeed("news")):
                self.use(self.hub, topics=topics, **options)
                self.assertTrue(self.client().head.startswith(b"1 500"))
                self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))
        self.assertEqual(0, self.hub.subscriber_count)

    def test_cannot_begin(self) -> None:
        """
        If a stream has begun and cannot be subscribed, now or later, it is cut, so that its client
        comes back; the error is logged once.
        """

        def close_hub(_: Request) -> None:
            self.hub.close()

        for make_client in (Client, SocketClient):
            for make_topics in (lambda: "news", lambda: succeed("news"), Deferred):
                topics: Any = make_topics()
                is_later = isinstance(topics, Deferred) and not topics.called
                ends: list[EndReason] = []
                self.use(
                    self.make_hub(),
                    topics=(lambda _, topics=topics: topics),
                    who=close_hub,
                    on_end=lambda _, reason, ends=ends: ends.append(reason),
                )
                client = make_client(self.site, self.clock)
                client.request()
                if is_later:
                    topics.callback("news")
                self.clock.advance(0)
                self.assertFalse(client.transport.is_connected)
                self.assertNotIn(b"Processing Failed", client.received)
                self.assertEqual(1, len(self.flushLoggedErrors(HubClosed)))
                self.assertEqual(([], True), (ends, self.hub.is_idle))
                self.assertEqual(0, len(self.hub.streams))

    def test_application_cancels(self) -> None:
        """
        If the application is the one that cancels, now or later, the client gets 500, and the
        error is logged.
        """

        def cancel(_: Request) -> None:
            raise CancelledError

        for topics in (lambda _: fail(CancelledError()), lambda _: succeed("news")):
            self.use(self.hub, topics=topics, who=cancel)
            self.assertTrue(self.client().head.startswith(b"1 500"))
            self.assertEqual(1, len(self.flushLoggedErrors(CancelledError)))

    def test_fails_when_the_client_goes(self) -> None:
        """
        If a function for the view or the name fails while the client goes, that is logged.
        """
        clients: list[Client] = []
        for name in ("grants", "filter", "who"):
            for problem in (ZeroDivisionError, CancelledError):
                asked: Deferred[str] = Deferred()

                def go_and_fail(_: Request, problem: type[Exception] = problem) -> None:
                    clients[-1].transport.lose(ConnectionLost())
                    raise problem

                self.use(self.hub, topics=lambda _, asked=asked: asked, **{name: go_and_fail})
                clients.append(self.client())
                asked.callback("news")
                self.assertEqual(1, len(self.flushLoggedErrors(problem)), (name, problem))
        self.assertEqual(({b""}, 0), ({one.received for one in clients}, self.hub.subscriber_count))

    def test_never(self) -> None:
        """
        If the function does not answer in time, a browser is told to come back and others get 503.
        """
        cancelled: list[object] = []
        self.use(self.hub, topics=lambda request: Deferred(cancelled.append), topics_timeout=3.0)
        clients = self.client(), self.client(headers=BROWSER)
        self.clock.advance(2.9)
        self.assertEqual([b"", b""], [client.received for client in clients])
        self.clock.advance(0.1)
        self.assertEqual(2, len(cancelled))
        self.assertTrue(clients[0].head.startswith(b"1 503"))
        self.assertRegex(clients[1].body, rb"^retry: \d+\n$")
        for value in (0, -1, float("inf"), float("nan")):
            self.assertRaises(ValueError, self.use, self.hub, topics_timeout=value)
