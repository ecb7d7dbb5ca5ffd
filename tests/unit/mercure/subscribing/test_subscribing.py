"""
Subscriptions that fail, and bytes that arrive before the answer.
"""

from collections.abc import Callable
from dataclasses import replace

from twisted.internet.defer import Deferred, fail
from twisted.web.server import Request

from ssetwist import EndReason, Event, Hub, LogUnavailable, Refused
from ssetwist.clock import date_of
from ssetwist.hub import Matchers
from ssetwist.hub._turns import MAX_TURN
from ssetwist.matching._matchers import _compile
from ssetwist.mercure import ALL_TOPICS, Action, Limits, Rights
from tests.memory import Client
from tests.unit.mercure.case import ALICE, ByName, FullLog, ResourceCase, Slow, TickingClock


class WritesItself(ByName):
    """
    An application that mistakenly writes to some requests.

    :ivar is_wrong: True while it does so.
    """

    is_wrong = False

    def authorize(self, request: Request, action: Action) -> Deferred[Rights]:
        if self.is_wrong:
            request.write(b"hello")
        return super().authorize(request, action)


class LateLog(FullLog):
    """
    A log that finds an id when the test says so.

    :ivar sought: Functions that answer the calls of ``find``.
    """

    def __init__(self, *arguments: object, **named: object) -> None:
        super().__init__(*arguments, **named)  # type: ignore[arg-type]  # those of MemoryLog
        self.sought: list[Callable[[], object]] = []

    def find(self, id: str) -> Deferred[int | None]:
        later: Deferred[int | None] = Deferred()
        found = super().find(id)
        self.sought.append(lambda: found.chainDeferred(later))
        return later


class FailedOpenTests(ResourceCase):
    """
    Streams that fail to open.
    """

    def test_not_counted(self) -> None:
        """
        A stream that failed to open does not count as a stream of its token.
        """
        authorizer = self.authorizer = WritesItself({"alice": ALICE})
        self.make(replace(self.settings, max_per_token=1))
        authorizer.is_wrong = True
        for _ in range(3):
            self.ask()
        self.assertEqual(3, len(self.flushLoggedErrors(RuntimeError)))
        self.assertEqual(0, self.hub.subscriber_count)
        authorizer.is_wrong = False
        self.assertEqual([200, 429], [self.status(self.ask()) for _ in range(2)])

    def test_after_the_head(self) -> None:
        """
        A stream that fails after its head is cut, and counted once when it goes.
        """
        self.authorizer = ByName({"alice": ALICE})
        self.make(replace(self.settings, max_per_token=1))
        join = self.hub._live.join
        self.hub._live.join = None  # type: ignore[assignment]  # nothing else can fail there
        client = self.ask()
        self.clock.advance(0)
        self.assertFalse(client.transport.is_connected)
        self.assertEqual(1, len(self.flushLoggedErrors(TypeError)))
        self.assertEqual((0, True), (self.hub.subscriber_count, self.resource.is_idle))
        self.hub._live.join = join
        self.assertEqual([200, 429], [self.status(self.ask()) for _ in range(2)])


class LateCase(ResourceCase):
    """
    A hub whose log finds an id when the test says so.
    """

    def setUp(self) -> None:
        super().setUp()
        self.log = LateLog(self.clock, epoch="e")
        self.hub = Hub(clock=self.clock, log=self.log, flush_threads=1, heartbeat=0)
        self.make(self.settings)
        self.hub.publish("news", Event("a"))

    def find(self) -> None:
        """
        Let the log find all ids that it was asked for, in order.
        """
        while self.log.sought:
            self.log.sought.pop(0)()
        self.clock.advance(0)


class LimitMeanwhileTests(LateCase):
    """
    Limits that are met while a client waits for its answer.
    """

    def test_last_stream(self) -> None:
        """
        Of two clients that wait with one token, only one gets the last stream.
        """
        self.make(replace(self.settings, max_per_token=1))
        clients = [self.ask(Last_Event_ID="#e.1") for _ in range(2)]
        self.find()
        self.assertEqual([200, 429], [self.status(client) for client in clients])


class BytesMeanwhileTests(LateCase):
    """
    Clients that send something after their request, before it is answered.
    """

    def assert_is_cut(self, client: Client) -> None:
        """
        Check that the client got nothing, and was disconnected.
        """
        self.clock.advance(0)
        self.assertEqual((b"", True), (client.received, client.transport.is_aborted))
        self.assertEqual(0, self.hub.subscriber_count)

    def requests(self) -> list[Client]:
        """
        Send requests of each kind, and some bytes after them.
        """
        form = {"Content_Type": "application/x-www-form-urlencoded", "Last_Event_ID": "#e.1"}
        clients = [
            self.ask(Last_Event_ID="#e.1"),
            self.ask(method="HEAD", Last_Event_ID="#e.1"),
            self.ask("", method="QUERY", body=b"match=news", **form),
            self.ask(Last_Event_ID="#e.1", Sec_Fetch_Mode="cors"),
        ]
        for client in clients:
            client.send(b"GET / HTTP/1.1\r\n")
        return clients

    def test_while_authorizing(self) -> None:
        """
        A client that sends bytes while the authorizer decides is disconnected.
        """
        self.authorizer.is_slow = True
        clients = self.requests()
        self.assertEqual(len(clients), len(self.authorizer.asked))
        for asked in self.authorizer.asked:
            asked.callback(ALICE)
        self.find()
        for client in clients:
            self.assert_is_cut(client)

    def test_while_finding_the_event(self) -> None:
        """
        A client that sends bytes while the log looks for its event is disconnected.
        """
        clients = self.requests()
        self.assertEqual(len(clients), len(self.log.sought))
        self.find()
        for client in clients:
            self.assert_is_cut(client)

    def test_undecided(self) -> None:
        """
        A browser that sends bytes is disconnected, even if the authorizer cannot decide.
        """
        self.authorizer.is_slow = True
        client = self.ask(Sec_Fetch_Mode="cors")
        client.send(b"x")
        self.authorizer.asked[0].errback(Refused(503, "Ask later.", retry_after=5))
        self.assertTrue(client.transport.is_aborted)
        self.assertNotIn(b"retry: ", client.received)

    def test_no_bytes(self) -> None:
        """
        A client that sends nothing after its request gets its stream, after both waits.
        """
        self.authorizer.is_slow = True
        client = self.ask(Last_Event_ID="#e.0")
        self.authorizer.asked[0].callback(ALICE)
        self.assertEqual(b"", client.received)
        self.find()
        self.assertIn(b"data: a\n\n", client.body)


class StepsTests(ResourceCase):
    """
    Requests that take many steps.
    """

    #: Parameters with a hundred patterns that are not paths of segments.
    complex = "?" + "&".join(f"match_urlpattern=/{number}-(a|b)" for number in range(100))

    def setUp(self) -> None:
        super().setUp()
        self.clock = self.ticking = TickingClock()
        self.hub = Hub(clock=self.clock, log=self.log, flush_threads=1, heartbeat=0)
        self.make(self.settings)

    def assert_refused(self, status: int, said: bytes, path: str) -> None:
        """
        Check that a client is refused, and that nothing is held for it.
        """
        client = self.ask(path, "any")
        self.assertEqual((status, True), (self.status(client), said in client.body), client.body)
        self.assertTrue(self.resource.is_idle)

    def test_one_too_many(self) -> None:
        """
        Complex patterns are counted while they are compiled, so a client that asks for too many
        makes the hub compile one more than it may have.
        """
        _compile.cache_clear()
        self.assert_refused(400, b"At most 50 different complex patterns", self.complex)
        self.assertEqual(51, _compile.cache_info().misses)
        self.make(replace(self.settings, max_distinct_patterns=100))
        self.assert_refused(400, b"At most 5 different complex patterns", self.complex)
        self.assertEqual(51, _compile.cache_info().misses)

    def test_one_is_wrong(self) -> None:
        """
        A client whose last pattern is wrong holds nothing, not even those before.
        """
        good = "&".join(f"match_urlpattern=/{number}/:id" for number in range(59))
        self.assert_refused(
            400, b"match_urlpattern: ", f"?match_urlpattern=/(a)&{good}&match_urlpattern=/("
        )

    def test_not_templates(self) -> None:
        """
        Text with a brace that is not a URI template is a topic, and not a complex pattern.
        """
        topics = "&".join(f"topic=a%7B{number}" for number in range(100))
        self.assertEqual(200, self.status(self.ask(f"?{topics}", "any")))

    def test_no_patterns(self) -> None:
        """
        A client without patterns gets its stream at once, also when the time of a turn is over.
        """
        self.make(replace(self.settings, has_subscriptions=False))
        for path, is_answered in (("?match=news", True), ("?match_urlpattern=/:a", False)):
            self.hub.streams.turns.left = 0.0
            self.assertEqual(is_answered, bool(self.begin(path, "any").received), path)

    def test_leaves(self) -> None:
        """
        A client that leaves while its patterns are compiled holds nothing.
        """
        self.ticking.tick = MAX_TURN
        client = self.begin(self.complex, "any")
        self.ticking.tick = 0
        self.assertFalse(self.resource.is_idle)
        client.close()
        self.clock.advance(0)
        self.assertTrue(self.resource.is_idle)

    def test_bytes_meanwhile(self) -> None:
        """
        A browser that sends bytes while its patterns are compiled is disconnected, even if these
        are too many.
        """
        self.ask("?match_urlpattern=/(c)", "any")  # so that one of fifty is too many
        fifty = "&".join(self.complex.split("&")[:50])
        self.ticking.tick = MAX_TURN
        client = self.begin(fifty, "any", Sec_Fetch_Mode="cors")
        self.ticking.tick = 0
        client.send(b"x")
        self.clock.advance(0)
        self.assertEqual((True, b""), (client.transport.is_aborted, client.received))

    def test_payloads(self) -> None:
        """
        Other work is done while the payloads of a connection's subscriptions are found.
        """
        slow = Slow(self.clock)
        grants = Matchers(frozenset(), frozenset([slow]))
        self.authorizer.people["alice"] = replace(ALICE, payloads=((grants, 1),))
        client = self.begin("?match=news&match=/a")
        for expected in (["news"], ["news", "/a"]):
            self.assertEqual((expected, b""), (slow.asked, client.received))
            self.ticking.turn()
        self.assertEqual(200, self.status(client))


class ExpiryTests(ResourceCase):
    """
    Streams with rights that expire.
    """

    def test_reason(self) -> None:
        """
        A stream ends a second before its rights expire, and the reason says so.
        """
        now = date_of(self.clock)()
        self.authorizer.people["alice"] = replace(ALICE, expires=now + 60)
        client = self.ask()
        (subscriber,) = self.hub.subscribers
        self.clock.advance(58.9)
        self.assertIsNone(subscriber.end_reason)
        self.clock.advance(0.1)
        self.assertIs(EndReason.TOKEN_EXPIRED, subscriber.end_reason)
        self.assertTrue(client.is_complete)

    def test_leaves_before(self) -> None:
        """
        Of a client that leaves before, nothing is left, also not the timer for its end.
        """
        now = date_of(self.clock)()
        self.authorizer.people["alice"] = replace(ALICE, expires=now + 60)
        client = self.ask()
        self.assertFalse(self.resource.is_idle)
        client.close()
        self.clock.advance(0)
        self.assertTrue(self.resource.is_idle)
        self.assertEqual([], self.clock.getDelayedCalls())


class ViewTests(ResourceCase):
    """
    The view that a subscriber has.
    """

    def test_topics_of_the_application(self) -> None:
        """
        Topics that the application chose take the place of those that the client asks for.
        """
        self.authorizer.people["alice"] = replace(ALICE, topics=Matchers.of(["/a"]))
        client = self.ask("?match=news")
        for topic in ("news", "/a"):
            self.hub.publish(topic, Event(topic))
        self.clock.advance(0)
        self.assertNotIn(b"data: news\n", client.body)
        self.assertIn(b"data: /a\n", client.body)

    def test_announcements(self) -> None:
        """
        Only a subscriber of a hub with subscriptions may be told of announcements that were
        forgotten, and only if it asks for their topics and was granted some of them.
        """
        for has_subscriptions in (True, False):
            self.make(replace(self.settings, has_subscriptions=has_subscriptions))
            for path, name, may_ask in (
                ("?match=*", "alice", has_subscriptions),
                ("?match=/subscriptions", "alice", False),
                ("?match=news", "alice", False),
                ("?match=*", "bob", False),
            ):
                self.authorizer.people["alice"] = replace(ALICE, subscribe=ALL_TOPICS)
                client = self.ask(path, name)
                (subscriber,) = self.hub.subscribers
                found = (subscriber.view.may_ask_for_announcements, subscriber.view.shows_ephemeral)
                self.assertEqual((may_ask, False), found, (path, name))
                client.close()


class UnavailableTests(ResourceCase):
    """
    A log that does not say now if it knows an id.
    """

    def test_retry_after(self) -> None:
        """
        The client is told when to try again, as the log says.
        """
        self.log.find = lambda id: fail(  # type: ignore[method-assign]
            LogUnavailable("the disk is full", retry_after=2.5)
        )
        client = self.ask("?match=news&last_event_id=x")
        self.assertEqual(503, self.status(client))
        self.assertIn(b"\r\nretry-after: 3", client.head)
        self.assertEqual(b"The event log gives nothing now; try again later.\n", client.body)


class LimitsTests(ResourceCase):
    """
    The limits of the settings on one request.
    """

    def test_matchers(self) -> None:
        """
        As many matchers, and of such a length, are taken as the settings say.
        """
        self.make(replace(self.settings, limits=Limits(max_matchers=2, max_pattern=10)))
        for path, status in (
            ("?match=a&match=b", 200),
            ("?match=a&match=b&match=c", 400),
            ("?match=0123456789", 200),
            ("?match=0123456789x", 400),
            ("?topic=0123456789x", 400),
        ):
            self.assertEqual(status, self.status(self.ask(path)), path)


class QueryTests(ResourceCase):
    """
    Subscriptions with a body.
    """

    def test_size(self) -> None:
        """
        A body may be as large as the settings say.
        """
        form = {"Content_Type": "application/x-www-form-urlencoded"}
        self.make(replace(self.settings, max_body=50))
        for size, status in ((50, 200), (51, 413)):
            body = b"match=news&x=".ljust(size, b"x")
            client = self.ask("", method="QUERY", body=body, **form)
            self.assertEqual(status, self.status(client))


class NotAnnouncedTests(ResourceCase):
    """
    Streams whose beginning cannot be announced.
    """

    def test_ends(self) -> None:
        """
        The stream ends at its date all the same.
        """
        self.authorizer.people["alice"] = replace(ALICE, expires=date_of(self.clock)() + 60)
        self.resource.active.begin = None  # type: ignore[assignment,method-assign]  # it fails
        self.ask()
        self.assertEqual(1, len(self.flushLoggedErrors(TypeError)))
        self.assertEqual(1, self.hub.subscriber_count)
        self.clock.advance(60)
        self.assertEqual((0, True), (self.hub.subscriber_count, self.resource.is_idle))
