"""
Clients that leave while their events wait for the log, and publications that are repeated.
"""

import json
from dataclasses import replace

from twisted.logger import capturedLogs
from twisted.web.server import Request

from ssetwist import Event, Everything, Hub, View
from ssetwist.hub import Matchers
from ssetwist.mercure import Origins
from ssetwist.testing import MemoryOutlet
from tests.memory import Client
from tests.unit.hub.fake import Broken, SlowLog, TurnClock
from tests.unit.mercure.case import ALICE, ResourceCase, Slow

LINES = {"Content_Type": "application/x-ndjson"}


class LeavesTests(ResourceCase):
    """
    Publishers that leave before a slow log has their events safe.
    """

    def setUp(self) -> None:
        super().setUp()
        self.slow = SlowLog(self.log)
        self.hub = Hub(clock=self.clock, log=self.slow, flush_threads=1, heartbeat=0)
        self.make(self.settings)

    def leave(self, client: Client) -> None:
        """
        Let a client leave, and check that nothing is logged as an error.
        """
        client.close()
        self.clock.pump([0.1] * 10)
        self.assertEqual([], self.flushLoggedErrors())

    def test_while_the_log_waits(self) -> None:
        """
        If a client leaves, its appends to the log are cancelled, even those of several lines, and
        no error is logged.
        """
        for count, options in ((1, {}), (5, LINES)):
            body = b'{"topic":"news"}\n' * count if options else b"topic=news"
            client = self.publish(body, **options)
            self.assertEqual(["append"] * count, [asked for asked, _, _ in self.slow.unanswered])
            self.leave(client)
            self.assertEqual([], self.slow.unanswered)
            self.assertEqual(["append"] * count, self.slow.cancelled)
            self.slow.cancelled.clear()

    def test_between_two_lines(self) -> None:
        """
        If a client leaves between two lines, the lines that were begun are cancelled, and no
        further line is published.
        """
        slow = Matchers(frozenset(), frozenset([Slow(self.clock)]))
        self.authorizer.people["alice"] = replace(ALICE, publish=slow)
        clients: list[Client] = []
        self.clock.callLater(2.5, lambda: self.clients[-1].close())
        clients.append(self.publish(b'{"topic":"news"}\n' * 5, **LINES))
        begun = self.log.head
        self.assertTrue(0 < begun < 5, begun)
        self.leave(clients[0])
        self.assertEqual(begun, self.log.head)
        self.assertEqual(([], ["append"] * begun), (self.slow.unanswered, self.slow.cancelled))

    def test_stays(self) -> None:
        """
        A client that stays gets its answer when the log has all lines safe, in their order.
        """
        client = self.publish(b'{"topic":"news"}\n{"topic":"/a"}', **LINES)
        self.assertEqual(b"", client.received)
        self.slow.answer("append")
        self.assertEqual(b'{"id": "#e.1"}\n{"id": "#e.2"}\n', client.body)

    def test_log_breaks(self) -> None:
        """
        If the log breaks while lines wait, the client gets 500, and the error is logged once.
        """
        for body, options in ((b"topic=news", {}), (b'{"topic":"news"}\n' * 3, LINES)):
            client = self.publish(body, **options)
            self.slow.break_down()
            self.assertEqual(500, self.status(client))
            self.assertEqual(1, len(self.flushLoggedErrors(Broken)))
            self.assertEqual([], self.flushLoggedErrors())

    def test_log_hangs(self) -> None:
        """
        If the log does not answer in time, the client is told that the update may be there, also
        for each line.  A request that is repeated under its key is not published again.
        """
        key = {"Idempotency_Key": "k"}
        one = self.publish(b"topic=news", **key)
        lines = self.publish(b'{"topic":"news"}\n{"topic":"/a"}\n', **LINES)
        with capturedLogs() as logged:
            self.clock.pump([1.0] * 10)
        reasons = [event["reason"] for event in logged if "status" in event]
        self.assertEqual(["the event log has not stored an event within 10 s"], reasons)
        text = "The event log has not answered in time; the update may have been published."
        self.assertEqual((504, f"{text}\n"), (self.status(one), one.body.decode()))
        self.assertEqual((200, 2), (self.status(lines), lines.body.count(text.encode())))
        self.assertEqual(["append"] * 3, self.slow.cancelled)
        self.assertEqual(504, self.status(self.publish(b"topic=news", **key)))
        self.assertEqual([], self.slow.unanswered)

    def test_log_hangs_for_a_subscriber(self) -> None:
        """
        If the log does not say in time if it knows an id, a subscriber gets 503, a browser is told
        to come back, and their patterns are free again.
        """
        path = "?match_urlpattern=/rooms/:room&last_event_id=x"
        client, browser = self.ask(path), self.ask(path, Sec_Fetch_Mode="cors")
        self.clock.pump([1.0] * 10)
        self.assertEqual([503, 200], [self.status(client), self.status(browser)])
        self.assertRegex(browser.body, rb"^retry: \d+\n$")
        self.assertTrue(self.resource.is_idle)


class RefusedTests(ResourceCase):
    """
    Publications that are too large, or come when the hub takes nothing.
    """

    def test_retry_after(self) -> None:
        """
        Nothing is published, and the client is told when to try again: as the log says, or in a
        moment if the hub is closed.
        """
        self.log.is_full = True
        full = self.publish()
        self.hub.close()
        closed = self.publish()
        for client, text, seconds in (
            (full, b"The event log takes nothing now; try again later.\n", b"3"),
            (closed, b"The hub is stopping; try again later.\n", b"5"),
        ):
            self.assertEqual((503, text), (self.status(client), client.body))
            self.assertIn(b"\r\nretry-after: " + seconds, client.head)

    def test_size(self) -> None:
        """
        A body may be as large as the settings say.
        """
        self.make(replace(self.settings, max_body=50))
        for size, status in ((50, 200), (51, 413)):
            client = self.publish(b"topic=news&data=".ljust(size, b"x"))
            self.assertEqual(status, self.status(client))

    def test_too_fast(self) -> None:
        """
        A publisher that is too fast is told when it may publish again.
        """
        self.make(replace(self.settings, publish_rate=0.1))
        self.publish()
        for seconds, wait in ((0, b"10"), (4, b"6"), (5.5, b"1")):
            self.clock.advance(seconds)
            client = self.publish()
            self.assertEqual(429, self.status(client))
            self.assertIn(b"\r\nretry-after: " + wait + b"\r\n", client.head)
        self.clock.advance(0.5)
        self.assertEqual(200, self.status(self.publish()))

    def test_reason(self) -> None:
        """
        The log line says why the event log takes nothing.
        """
        self.log.is_full = True
        with capturedLogs() as logged:
            self.publish()
        [reason] = [event["reason"] for event in logged if "status" in event]
        self.assertEqual("the disk is full", reason)


class FieldsTests(ResourceCase):
    """
    The fields of an update.
    """

    def test_published(self) -> None:
        """
        The log gets all of an update, whatever its form: topics, data, type, id, reconnection time,
        and whether it is private.
        """
        one = b'{"topic":["news","/a"],"data":"d","type":"t","id":"%b","retry":5,"private":%b}'
        forms = (
            (b"topic=news&topic=/a&data=d&type=t&id=1&retry=5&private=on", {}),
            (one % (b"2", b"true"), {"Content_Type": "application/json"}),
            (one % (b"3", b"true"), LINES),
            (one % (b"4", b"false"), LINES),
        )
        for body, headers in forms:
            self.assertEqual(200, self.status(self.publish(body, **headers)))
        entries = self.successResultOf(self.log.read(0, 10_000))
        for number, entry in enumerate(entries, 1):
            event = Event("d", "t", id=str(number), retry=5)
            self.assertEqual((("news", "/a"), event), (entry.topics, entry.event))
        self.assertEqual([True, True, True, False], [entry.is_private for entry in entries])


class StepsTests(ResourceCase):
    """
    Publications whose topics take long to be matched with what the publisher may publish.
    """

    def setUp(self) -> None:
        super().setUp()
        self.clock = self.turns = TurnClock()
        self.hub = Hub(clock=self.clock, log=self.log, flush_threads=1, heartbeat=0)
        slow = Slow(self.clock)
        granted = Matchers(frozenset(), frozenset([slow]))
        self.asked = slow.asked
        self.authorizer.people["alice"] = replace(ALICE, publish=granted)
        self.make(self.settings)

    def post(self, body: bytes, **headers: str) -> Client:
        """
        Send a publication, and do only what is done at once.
        """
        return self.begin("", method="POST", body=body, **headers)

    def test_topics(self) -> None:
        """
        Other work is done between two topics of an update, whatever its form.
        """
        for body, media_type in (
            (b"topic=a&topic=b&topic=c", "application/x-www-form-urlencoded"),
            (b'{"topic":["a","b","c"]}', "application/json"),
            (b'{"topic":["a","b","c"]}', "application/x-ndjson"),
        ):
            client = self.post(body, Content_Type=media_type)
            for expected in (["a"], ["a", "b"], ["a", "b", "c"]):
                self.assertEqual(expected, self.asked, media_type)
                self.turns.turn()
            self.assertEqual(200, self.status(client))
            self.asked.clear()

    def test_lines(self) -> None:
        """
        However many publish lines, they together take a turn's share of time.
        """
        clients = [self.post(b'{"topic":"news"}\n' * 3, **LINES) for _ in range(4)]
        for _ in range(20):
            before = len(self.asked)
            self.turns.turn()
            self.assertLessEqual(len(self.asked), before + 1)
        self.assertEqual(12, len(self.asked))
        self.assertEqual([3] * 4, [client.body.count(b"id") for client in clients])

    def test_long_search(self) -> None:
        """
        An update whose subscribers take long to be found is published after that, and others need
        not wait for it; the lines of one request keep their order.  They are looked for once.
        """
        self.authorizer.people["alice"] = replace(ALICE, publish=Matchers.of(Everything()))
        searching = Slow(self.clock, is_match=False)
        view = View.of(searching, grants=Everything())
        self.hub.subscribe(MemoryOutlet(self.hub.streams), view)
        for private, topics in (("", "abcde"), (',"private":true', "ghijk")):
            long = self.post(
                f'{{"topic":{json.dumps([*topics])}{private}}}\n{{"topic":"f"}}\n'.encode(), **LINES
            )
            for body in (b"topic=x", b"topic=y"):
                self.post(body)
            while not long.body:
                self.turns.turn()
            entries = self.successResultOf(self.log.read(0, 10_000))
            order = ["".join(entry.topics) for entry in entries][-4:]
            self.assertLess(order.index("x"), order.index(topics))
            self.assertLess(order.index(topics), order.index("f"))
            self.assertEqual([*topics], [one for one in searching.asked if one in topics])
        self.hub.streams.abort()
        self.turns.advance(60)

    def test_too_many_topics(self) -> None:
        """
        Topics are counted before any of them is matched.
        """
        self.make(replace(self.settings, max_topics=2))
        self.assertEqual(413, self.status(self.post(b"topic=a&topic=b&topic=c")))
        self.assertEqual([], self.asked)


class WithoutIdentityTests(ResourceCase):
    """
    Publishers without an identity, such as all visitors of an application that names nobody.
    """

    def setUp(self) -> None:
        super().setUp()
        self.authorizer.people["nobody"] = replace(ALICE, identity="")

    def test_rate(self) -> None:
        """
        The rate of each address is limited on its own: one publisher cannot silence the others.
        """
        self.make(replace(self.settings, publish_rate=1.0))
        for address in ("192.0.2.1", "192.0.2.2"):
            clients = [self.publish_from(address) for _ in range(2)]
            self.assertEqual([200, 429], [self.status(client) for client in clients])

    def test_same_key(self) -> None:
        """
        If publishers at two addresses use the same key, both updates are published.
        """
        addresses = ("192.0.2.1", "192.0.2.2", "192.0.2.1")
        clients = [self.publish_from(address, Idempotency_Key="k") for address in addresses]
        self.assertEqual([b"#e.1", b"#e.2", b"#e.1"], [client.body for client in clients])

    def publish_from(self, address: str, **headers: str) -> Client:
        """
        Publish an update without a name.
        """
        return self.ask("", "nobody", method="POST", body=b"topic=news", address=address, **headers)


class AgainTests(ResourceCase):
    """
    Publications that are repeated under their key.
    """

    def test_lines(self) -> None:
        """
        A client may repeat some lines of a batch and leave the other lines blank: the hub
        recognises each line by its number and its text.
        """
        key = {"Idempotency_Key": "k", **LINES}
        both = self.publish(b'{"topic":"news"}\n{"topic":"/a"}\n', **key)
        second = self.publish(b'\n{"topic":"/a"}\n', **key)
        self.assertEqual(both.body.splitlines()[1:], second.body.splitlines())
        self.assertEqual(2, self.log.head)

    def test_two_publishers(self) -> None:
        """
        If two publishers use the same key, both updates are published.
        """
        self.authorizer.people["carol"] = replace(ALICE, identity="carol")
        key = {"Idempotency_Key": "k"}
        clients = [
            self.ask("", name, method="POST", body=b"topic=news", **key)
            for name in ("alice", "carol")
        ]
        self.assertEqual([b"#e.1", b"#e.2"], [client.body for client in clients])


class AmbientTests(ResourceCase):
    """
    Publishers with a right that may be the browser's: Alice's name stands for an address, or for a
    client certificate, which the application knows without any header of hers.
    """

    foreign = "https://evil.example"

    def setUp(self) -> None:
        super().setUp()
        self.authorizer.people["token"] = replace(ALICE, is_ambient=False)

    def published(self, name: str = "alice", **headers: str) -> bool:
        """
        Return true if a request publishes; otherwise check that it is refused as forged.
        """
        before = self.log.head
        client = self.ask("", name, method="POST", body=b"topic=news&data=1", **headers)
        is_published = self.log.head > before
        self.assertEqual(200 if is_published else 400, self.status(client))
        if not is_published:
            self.assertIn(b'error="invalid_request"', client.head)
        return is_published

    def test_programs(self) -> None:
        """
        A request without any header of a page comes from a program.
        """
        self.assertTrue(self.published())

    def test_foreign_pages(self) -> None:
        """
        A page of another origin cannot publish, neither with a form nor with JSON or lines.
        """
        for source in (
            {"Origin": self.foreign},
            {"Origin": "null"},
            {"Sec_Fetch_Site": "cross-site"},
            {"Sec_Fetch_Site": "same-site", "Origin": "https://other.hub.example"},
            {"Referer": f"{self.foreign}/page"},
        ):
            for media_type in ("application/x-www-form-urlencoded", "application/json"):
                self.assertFalse(self.published(Content_Type=media_type, **source))
            self.assertFalse(self.published(**LINES, **source))

    def test_own_pages(self) -> None:
        """
        A page of the hub's own origin publishes, and a user without a page.
        """
        for source in (
            {"Origin": "https://hub.example"},
            {"Referer": "https://hub.example/page"},
            {"Sec_Fetch_Site": "none"},
            {"Sec_Fetch_Site": "same-origin", "Origin": "null", "Host": "hub.example"},
        ):
            self.assertTrue(self.published(**source))

    def test_rebound_name(self) -> None:
        """
        A page whose own name leads to the hub cannot publish.
        """
        name = self.foreign.partition("://")[2]
        for origin in (self.foreign, "null"):
            source = {"Sec_Fetch_Site": "same-origin", "Origin": origin, "Host": name}
            self.assertFalse(self.published(**source))

    def test_proxy_without_tls_behind_it(self) -> None:
        """
        If the hub does not know its URL, the word of the browser that a page is of the same origin
        is enough, although for the hub the request came without TLS.
        """
        self.make(replace(self.settings, url=None))
        source = {"Origin": "https://hub.example", "Host": "hub.example"}
        self.assertFalse(self.published(**source))
        self.assertTrue(self.published(Sec_Fetch_Site="same-origin", **source))

    def test_own_origin_without_a_url(self) -> None:
        """
        A hub that does not know its URL takes its origin from the request: the host, and ``https``
        if the request came over TLS.
        """
        self.make(replace(self.settings, url=None))
        for is_secure in (False, True):
            self.patch(Request, "isSecure", lambda _, is_secure=is_secure: is_secure)
            for scheme in ("http", "https"):
                source = {"Origin": f"{scheme}://hub.example", "Host": "hub.example"}
                self.assertEqual((scheme == "https") is is_secure, self.published(**source))

    def test_bearer(self) -> None:
        """
        A right from a token is checked for nothing.  If the right may be the browser's, a token is
        no excuse for a page, not even for a page that may read the hub's answers: its token may be
        worthless.  A program may send a token beside such a right.
        """
        bearer = {"Authorization": "Bearer x"}
        page = {"Origin": self.foreign, "Sec_Fetch_Site": "cross-site"}
        for origins in ((), (self.foreign,), "*"):
            self.make(replace(self.settings, cors_origins=Origins.of(origins)))
            self.assertTrue(self.published("token", **page))
            self.assertTrue(self.published(**bearer))
            for cookie in ({}, {"Cookie": "session=1"}):
                self.assertTrue(self.published(**bearer, **cookie))
                self.assertFalse(self.published(**bearer, **page, **cookie))
                self.assertFalse(self.published(**bearer, Origin=self.foreign, **cookie))
        self.assertTrue(self.published(**bearer, Origin="https://hub.example"))
        self.make(replace(self.settings, publish_origins=Origins.of([self.foreign])))
        self.assertTrue(self.published(**bearer, **page))

    def test_password(self) -> None:
        """
        A password, which a browser adds to requests of any page, needs a trusted page.
        """
        basic = {"Authorization": "Basic YTpi"}
        self.assertFalse(self.published(**basic))
        self.assertFalse(self.published(**basic, Origin=self.foreign))
        self.assertTrue(self.published(**basic, Origin="https://hub.example"))

    def test_checked_elsewhere(self) -> None:
        """
        An application that checks the origin itself can turn the check off.
        """
        self.make(replace(self.settings, checks_origin=False))
        self.assertTrue(self.published(Origin=self.foreign))
