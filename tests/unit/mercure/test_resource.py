"""
The hub at its URL, over a real Site and memory transports: how requests begin and end, and that
nothing is left.
"""

import json
from collections.abc import Sequence
from dataclasses import replace

from twisted.internet.defer import fail
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.web.pages import notFound
from twisted.web.resource import Resource

from ssetwist import Event, Refused
from ssetwist.hub import EndReason, Matchers
from ssetwist.mercure import (
    ALL_TOPICS,
    DEFAULT_MAX_BODY,
    Action,
    MercureResource,
    MercureSettings,
    Rights,
)
from ssetwist.web import Site
from tests.memory import Client
from tests.unit.mercure.case import ALICE, ResourceCase, Slow


class LargeBodyTests(ResourceCase):
    """
    Bodies under a Site with default limits.
    """

    def make(self, settings: MercureSettings) -> None:
        """
        Serve the hub beside another resource.
        """
        self.resource = MercureResource(self.hub, self.authorizer, settings)
        root = Resource()
        root.putChild(b"hub", self.resource)
        root.putChild(b"other", notFound())
        self.site = Site(root, streams=self.hub.streams)

    def post(self, path: str, body: bytes, media_type: str, *, is_chunked: bool) -> int:
        """
        Send a body, and return the status of the answer.
        """
        client = Client(self.site, self.clock)
        self.clients.append(client)
        framing = {"Transfer-Encoding": "chunked"} if is_chunked else {"Content-Length": len(body)}
        client.request(
            path,
            method="POST",
            headers={"X-Name": "alice", "Content-Type": media_type} | framing,
        )
        step = 0x1000
        for start in range(0, len(body), step):
            piece = body[start : start + step]
            client.send(b"%x\r\n%b\r\n" % (len(piece), piece) if is_chunked else piece)
        if is_chunked:
            client.send(b"0\r\n\r\n")
        self.clock.advance(0)
        return self.status(client)

    def test_limit_of_the_settings(self) -> None:
        """
        The hub takes bodies up to the limit in its settings, chunked or not, and no larger ones.
        """
        self.make(replace(self.settings, max_body=100_000))
        line = b'{"topic": "news", "data": "%b"}'
        for media_type, frame in (
            ("application/x-www-form-urlencoded", b"topic=news&data=%b"),
            ("application/json", line),
            ("application/x-ndjson", b"%b\n%b" % (line % b"first", line)),
        ):
            room = 100_000 - len(frame % b"")
            for is_chunked in (False, True):
                for size, status in ((room, 200), (room + 1, 413)):
                    body = frame % (b"x" * size)
                    told = self.post("/hub?", body, media_type, is_chunked=is_chunked)
                    self.assertEqual(status, told, (media_type, is_chunked, size))
        self.assertEqual(8, self.log.head)

    def test_default(self) -> None:
        """
        The default limit is 1 MiB.
        """
        form = "application/x-www-form-urlencoded"
        for is_chunked in (False, True):
            body = b"topic=news&data=".ljust(DEFAULT_MAX_BODY, b"x")
            self.assertEqual(200, self.post("/hub", body, form, is_chunked=is_chunked))
            self.assertEqual(413, self.post("/hub", body + b"x", form, is_chunked=is_chunked))

    def test_other_resources(self) -> None:
        """
        Other resources of the Site keep its default limit.
        """
        for is_chunked in (False, True):
            for size, status in ((0x10000, 404), (0x10001, 413)):
                told = self.post("/other", b"x" * size, "text/plain", is_chunked=is_chunked)
                self.assertEqual(status, told)

    def test_limit_of_the_site(self) -> None:
        """
        If the Site has a limit of its own, it also applies to the hub.
        """
        self.site.max_body = 1000
        self.assertEqual(413, self.post("/hub", b"x" * 1001, "text/plain", is_chunked=False))


class WrongAuthorizerTests(ResourceCase):
    """
    Objects that are not authorizers.
    """

    def test_refused(self) -> None:
        """
        An object without an authorizer's methods is refused when the resource is made.
        """
        error = self.assertRaises(TypeError, MercureResource, self.hub, object())
        self.assertIn("must be an Authorizer", str(error))


class StreamTests(ResourceCase):
    """
    The life of a stream.
    """

    def test_private_updates(self) -> None:
        """
        A subscriber gets public updates, and private ones that its rights include.
        """
        alice, bob = self.ask(), self.ask(name="bob")
        self.publish(b"topic=news&data=all")
        self.publish(b"topic=news&data=few&private")
        self.assertIn(b"data: all\n\n", alice.body)
        self.assertIn(b"data: few\n\n", alice.body)
        self.assertIn(b"data: all\n\n", bob.body)
        self.assertNotIn(b"few", bob.body)

    def test_body_is_freed(self) -> None:
        """
        The body of a request for a stream is freed while the stream lasts.
        """
        self.site.max_body = 40_000
        room = self.site.body_room.free
        body = b"match=news&x=" + b"x" * 30_000
        form = {"Content_Type": "application/x-www-form-urlencoded"}
        stream = self.ask("", method="QUERY", body=body, **form)
        self.assertEqual(200, self.status(stream))
        self.assertEqual(1, self.hub.subscriber_count)
        self.assertEqual(room, self.site.body_room.free)

    def test_no_events_without_id(self) -> None:
        """
        An event without an id is not an update, and is not streamed (E5).
        """
        client = self.ask("?match=*", name="any")
        self.hub.publish("tick", Event("tick"), ephemeral=True)
        self.hub.publish("news", Event("news"))
        self.clock.advance(0)
        self.assertNotIn(b"tick", client.body)
        self.assertIn(b"data: news\n\n", client.body)

    def test_expires(self) -> None:
        """
        A stream ends properly one second before its rights do; the log tells the reason.
        """
        self.authorizer.people["alice"] = replace(ALICE, expires=1060.0)
        client = self.ask()
        (subscriber,) = self.hub.subscribers
        ended = subscriber.when_ended()
        self.clock.advance(58.9)
        self.assertNoResult(ended)
        self.clock.pump([0.2, 0])
        self.assertEqual(EndReason.TOKEN_EXPIRED, self.successResultOf(ended))
        self.assertTrue(client.is_complete)

    def test_expires_at_once(self) -> None:
        """
        If the rights of a stream end in less than a second, the stream ends at once.
        """
        self.authorizer.people["alice"] = replace(ALICE, expires=1000.5)
        client = self.ask()
        self.clock.pump([0, 0])
        self.assertEqual((), self.hub.subscribers)
        self.assertTrue(client.is_complete)

    def test_leaving_stops_the_timer(self) -> None:
        """
        The timer for the end of a client's rights stops when the client leaves.
        """
        self.authorizer.people["alice"] = replace(ALICE, expires=5000.0)
        self.ask().close()
        self.assertEqual(
            [], [call for call in self.clock.getDelayedCalls() if call.getTime() > 4000]
        )

    def test_leaving_while_authorizing(self) -> None:
        """
        If a client leaves while the authorizer is asked, the question is cancelled, and nothing is
        published or subscribed.
        """
        self.authorizer.is_slow = True
        for method in ("GET", "POST"):
            client = self.ask(method=method, body=b"topic=news" if method == "POST" else b"")
            client.close()
        self.assertEqual(2, self.authorizer.cancelled)
        self.assertEqual(0, self.log.head)

    def test_late_authorizer(self) -> None:
        """
        A request is answered when the authorizer decides, which may take time.
        """
        self.authorizer.is_slow = True
        first, second, third = self.ask(), self.ask(), self.ask("", method="POST", body=b"topic=/a")
        self.assertEqual([b""] * 3, [client.received for client in (first, second, third)])
        asked, self.authorizer.asked = self.authorizer.asked, []
        asked[0].callback(ALICE)
        asked[1].errback(Refused(403, "No."))
        asked[2].callback(ALICE)
        self.clock.advance(0)
        self.assertEqual([200, 403, 200], [self.status(one) for one in (first, second, third)])
        self.assertEqual(1, self.hub.subscriber_count)

    def test_broken_authorizer(self) -> None:
        """
        An unexpected error of the authorizer gives 503, for that request only.
        """
        self.authorizer.is_slow = True
        client = self.ask()
        self.authorizer.asked[0].errback(ZeroDivisionError("oops"))
        self.clock.advance(0)
        self.assertEqual(503, self.status(client))
        self.assertNotIn(b"oops", client.body)
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))

    def test_authorizer_is_down(self) -> None:
        """
        If the authorizer cannot decide now, a browser is told to come back, others get 503.
        """
        self.authorizer.is_slow = True
        browser, other = self.ask(Sec_Fetch_Mode="cors"), self.ask()
        for asked in self.authorizer.asked:
            asked.errback(Refused(503, "Ask later.", retry_after=5))
        self.clock.advance(0)
        self.assertEqual([200, 503], [self.status(browser), self.status(other)])
        self.assertRegex(browser.body, rb"^retry: \d+\n$")
        self.assertIn(b"\r\nretry-after: 5", other.head)

    def test_topics_of_the_application(self) -> None:
        """
        If the application chooses topics, they replace those that the client asks for.
        """
        self.authorizer.people["alice"] = replace(ALICE, topics=Matchers.of("/a"))
        client = self.ask("?match=news")
        self.hub.publish("news", Event("wished"))
        self.hub.publish("/a", Event("given"))
        self.clock.advance(0)
        self.assertNotIn(b"wished", client.body)
        self.assertIn(b"given", client.body)

    def test_ended_for_good(self) -> None:
        """
        A client that comes back after an end for good gets 204.
        """
        self.ask()
        self.hub.subscribers[0].end(for_good=True)
        self.assertEqual(204, self.status(self.ask(Last_Event_ID="#end")))

    def test_nothing_left_of_many(self) -> None:
        """
        After many streams with different ends, the resource holds nothing.
        """
        for number in range(30):
            self.authorizer.people["alice"] = replace(ALICE, expires=2000.0 + number)
            client = self.ask(f"?match=news&match=/{number}")
            if number % 3 == 0:
                client.close()
            elif number % 3 == 1:
                self.hub.subscribers[0].end()
            self.clock.advance(0)


class LimitTests(ResourceCase):
    """
    Limits on streams, bodies, rates and topics.
    """

    def test_streams_per_identity(self) -> None:
        """
        The streams of each identity are limited.  Above the limit, a client gets 429 with a time to
        come back, and a browser gets a stream that ends with such a time.
        """
        self.make(replace(self.settings, max_per_token=2))
        first = self.ask()
        self.ask()
        self.ask(name="bob")
        refused = self.ask()
        self.assertEqual(429, self.status(refused))
        self.assertIn(b"\r\nretry-after: 10", refused.head)
        browser = self.ask(Sec_Fetch_Mode="cors")
        self.assertEqual(200, self.status(browser))
        self.assertRegex(browser.body, rb"^retry: \d+\n$")
        first.close()
        self.assertEqual(200, self.status(self.ask()))
        self.assertEqual(3, self.hub.subscriber_count)

    def test_anonymous_clients(self) -> None:
        """
        The limit of streams per identity does not apply to anonymous clients.
        """
        self.make(replace(self.settings, max_per_token=1))
        for _ in range(3):
            self.assertEqual(200, self.status(self.ask(name="any")))

    def test_full_hub(self) -> None:
        """
        A hub that is full, or stopping, answers 503.
        """
        self.hub.streams.drain(3)
        refused = self.ask()
        self.assertEqual(503, self.status(refused))
        self.assertIn(b"\r\nretry-after: ", refused.head)

    def test_rate(self) -> None:
        """
        Publishing has an average rate per identity; above it the answer is 429.
        """
        self.make(replace(self.settings, publish_rate=1.0))
        self.assertEqual(200, self.status(self.publish()))
        refused = self.publish()
        self.assertEqual(429, self.status(refused))
        self.assertIn(b"\r\nretry-after: 1\r\n", refused.head + b"\r\n")
        self.assertEqual(1, self.log.head)
        self.clock.advance(1)
        self.assertEqual(200, self.status(self.publish()))

    def test_body_under_another_site(self) -> None:
        """
        The limit on bodies also applies under a Site without a limit.
        """
        self.make(replace(self.settings, max_body=20))
        self.assertEqual(200, self.status(self.publish(b"topic=news&data=1234")))
        self.assertEqual(413, self.status(self.publish(b"topic=news&data=12345")))
        self.assertEqual(1, self.log.head)

    def test_topics_of_one_update(self) -> None:
        """
        An update may have as many topics as the limit says, and not one more.
        """
        self.make(replace(self.settings, max_topics=2))
        self.assertEqual(413, self.status(self.publish(b"topic=news&topic=/a&topic=/a")))
        self.assertEqual(0, self.log.head)
        self.assertEqual(200, self.status(self.publish(b"topic=news&topic=/a")))


class PublishTests(ResourceCase):
    """
    Publishing in unusual conditions.
    """

    def test_log_unavailable(self) -> None:
        """
        A log that is unavailable gives 503 with a time to try again; only the log tells why.
        """
        self.log.is_full = True
        with capturedLogs() as events:
            refused = self.publish()
        self.assertEqual(503, self.status(refused))
        self.assertIn(b"\r\nretry-after: 3", refused.head)
        self.assertNotIn(b"disk", refused.body)
        said = [formatEvent(event) for event in events if event["log_level"] is LogLevel.info]
        self.assertTrue(any("the disk is full" in one for one in said if one), said)

    def test_lines_while_the_log_is_unavailable(self) -> None:
        """
        While the log is unavailable, each line of a batch gets its own error.
        """
        self.log.is_full = True
        answer = self.publish(
            b'{"topic":"news"}\n{"topic":"news"}', Content_Type="application/x-ndjson"
        )
        lines = [json.loads(line) for line in answer.body.splitlines()]
        self.assertEqual([503, 503], [line["status"] for line in lines])
        self.assertEqual([2.5, 2.5], [line["retry_after"] for line in lines])

    def test_closed(self) -> None:
        """
        A closed hub answers 503.
        """
        self.hub.close()
        self.assertEqual(503, self.status(self.publish()))

    def test_idempotency_key(self) -> None:
        """
        A request that is repeated with its key is published once, and gets the same answer; after
        a failure it is tried again.
        """
        self.log.is_full = True
        self.assertEqual(503, self.status(self.publish(Idempotency_Key="k")))
        self.log.is_full = False
        answers = [self.publish(Idempotency_Key="k").body for _ in range(3)]
        self.assertEqual([b"#e.1"] * 3, answers)
        self.assertEqual(422, self.status(self.publish(b"topic=news", Idempotency_Key="k")))
        self.assertEqual(1, self.log.head)

    def test_lines_repeated(self) -> None:
        """
        The hub remembers the answer to each line of a batch under the key of the batch.
        """
        body = b'{"topic":"news"}\n{"topic":"other"}\n{"topic":"/a"}'
        answers = [
            self.publish(body, Content_Type="application/x-ndjson", Idempotency_Key="k").body
            for _ in range(2)
        ]
        self.assertEqual(answers[0], answers[1])
        self.assertEqual(
            ["#e.1", None, "#e.2"],
            [json.loads(line).get("id") for line in answers[0].splitlines()],
        )
        self.assertEqual(2, self.log.head)

    def test_slow_lines(self) -> None:
        """
        Slow lines do not block other clients.  If the publisher leaves, the lines until then have
        been published, and later lines are not.
        """
        topics = Matchers(frozenset(), frozenset([Slow(self.clock)]))
        self.authorizer.people["alice"] = replace(ALICE, publish=topics)
        body = b'{"topic":"news"}\n' * 5
        heads: list[int] = []
        self.clock.callLater(0, lambda: heads.append(self.log.head))
        client = self.publish(body, Content_Type="application/x-ndjson")
        self.assertEqual(([1], 5), (heads, client.body.count(b'{"id"')))
        self.clock.callLater(0, lambda: self.clients[-1].close())
        self.publish(body, Content_Type="application/x-ndjson")
        self.assertEqual(6, self.log.head)
        self.assertEqual([], self.flushLoggedErrors())

    def test_unavailable_actions(self) -> None:
        """
        If the authorizer can never allow an action, its methods get 405.
        """
        self.authorizer.allowed = {Action.SUBSCRIBE}
        refused = self.publish()
        self.assertEqual(405, self.status(refused))
        self.assertIn(b"allow: get, head, query, options\r\n", refused.head + b"\r\n")
        self.authorizer.allowed = {Action.PUBLISH}
        self.assertEqual(405, self.status(self.ask()))


class SourceTests(ResourceCase):
    """
    An application that identifies visitors by a cookie, and pages that publish.
    """

    def test_bearer_beside_a_cookie(self) -> None:
        """
        A page of another origin cannot publish with a made-up token, because the authorizer may
        have used something else, such as a cookie.  A program may send both.
        """
        evil = {"Origin": "https://evil.example"}
        for authorization in ("Bearer x", "bearer x", "Basic x"):
            for source in (evil, {"Referer": "https://evil.example/"}):
                fields = {"Cookie": "session=1", "Authorization": authorization, **source}
                self.assertEqual(400, self.status(self.publish(**fields)), fields)
        fields = {"Authorization": "Bearer x"}
        self.assertEqual(400, self.status(self.publish(**fields, **evil)))
        self.assertEqual([], self.log.read(0, 1000).result)
        self.assertEqual(200, self.status(self.publish(**fields, Cookie="session=1")))


class ActiveTests(ResourceCase):
    """
    Announcements of subscriptions.
    """

    def heard(self, client: Client) -> Sequence[dict[str, object]]:
        """
        Return the documents in a client's events.
        """
        lines = client.body.split(b"\n")
        return [json.loads(line[6:]) for line in lines if line.startswith(b"data: {")]

    def watch(self) -> Client:
        """
        Subscribe to everything as an administrator.
        """
        self.authorizer.people["admin"] = Rights(subscribe=ALL_TOPICS, identity="admin")
        return self.ask("?match=*", name="admin")

    def test_announced(self) -> None:
        """
        A client with the right sees each subscription begin and end, including its own beginning.
        """
        admin = self.watch()
        self.ask("?match=news&topic=/a").close()
        self.clock.advance(0)
        told = [(one.get("match", one.get("topic")), one["active"]) for one in self.heard(admin)]
        expected = [("*", True), ("news", True), ("/a", True), ("news", False), ("/a", False)]
        self.assertEqual(expected, told)

    def test_closed_hub_announces_nothing(self) -> None:
        """
        After a hub was closed, ends of subscriptions are not announced, and nothing breaks.
        """
        client = self.ask()
        self.hub.close()
        client.close()
        self.assertTrue(self.resource.active.is_idle)

    def test_log_unavailable(self) -> None:
        """
        If the log is unavailable, that is told in one line, and the client still gets its stream.
        Any other failure has its traceback.
        """
        self.log.is_full = True
        with capturedLogs() as events:
            self.assertEqual(200, self.status(self.ask()))
        (said,) = (formatEvent(event) for event in events if event["log_level"] is LogLevel.warn)
        self.assertEqual("cannot announce a subscription: the disk is full", said)
        self.log.is_full = False
        patch = self.patch(self.log, "append", lambda *_, **kind: fail(ZeroDivisionError("oops")))
        self.assertEqual(200, self.status(self.ask()))
        patch.restore()
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))

    def test_long_matcher(self) -> None:
        """
        The longest matcher is announced in full, though percent-encoding makes it longer.
        """
        admin = self.watch()
        self.ask(f"?match={'%25' * 4096}")
        self.assertEqual("%" * 4096, self.heard(admin)[-1]["match"])

    def test_encoded_path(self) -> None:
        """
        The path of a subscription is read as the client sent it: a slash of a topic is encoded.
        """
        admin = self.watch()
        self.ask("?match=a%2Fb")
        path = self.heard(admin)[-1]["id"].partition("/hub/")[2]
        self.assertIn("a%2Fb", path)
        self.assertEqual(200, self.status(self.ask(path, name="admin")))
        self.assertEqual(404, self.status(self.ask(path.replace("%2F", "%252F"), name="admin")))

    def test_anonymous_api(self) -> None:
        """
        An anonymous client may not see subscriptions, whatever its rights.
        """
        self.assertEqual(401, self.status(self.ask("subscriptions", name="any")))
