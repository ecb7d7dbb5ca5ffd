"""
Answers to requests to subscribe, and the limits on what a client may hold.
"""

from dataclasses import replace

from twisted.logger import capturedLogs, formatEvent

from ssetwist import Event, Hub, Refused
from ssetwist.hub import Matchers
from ssetwist.mercure import Limits
from tests.memory import Client
from tests.unit.mercure.case import ALICE, ResourceCase, Slow

PATTERNS = ("?match_urlpattern=/:a", "?match_urlpattern=/b/:c", "?match_urlpattern=/d/:e")

BROWSER = {"Sec_Fetch_Mode": "cors"}

FORM = {"Content_Type": "application/x-www-form-urlencoded"}


def data_of(client: Client) -> list[bytes]:
    """
    Return the data of all events that have come.
    """
    return [line[6:] for line in client.body.split(b"\n") if line.startswith(b"data: ")]


class AnswerTests(ResourceCase):
    """
    Answers that are not a stream.
    """

    def test_not_kept(self) -> None:
        """
        Answers of 200 and 204 without a stream are for this client only: no cache may keep them.
        """
        for request, status in (
            ({"method": "HEAD"}, 200),
            ({"Last_Event_ID": "#end"}, 204),
        ):
            client = self.ask(**request)
            self.assertEqual(status, self.status(client))
            self.assertIn(b"\r\ncache-control: no-store", client.head)

    def test_head(self) -> None:
        """
        ``HEAD`` has the type of a stream, and does not subscribe.
        """
        client = self.ask(method="HEAD")
        self.assertIn(b"\r\ncontent-type: text/event-stream", client.head)
        self.assertEqual((b"", 0), (client.body, self.hub.subscriber_count))

    def test_not_acceptable(self) -> None:
        """
        A client that takes no event stream gets 406, before anything else is looked at.
        """
        client = self.ask("", "nobody", Accept="text/html")
        self.assertEqual(406, self.status(client))
        self.assertEqual(b"Only text/event-stream is available.\n", client.body)

    def test_media_type_of_a_query(self) -> None:
        """
        The body of a ``QUERY`` must say that it is a form.
        """
        for headers, status in (({}, 400), ({"Content_Type": "application/json"}, 415)):
            client = self.ask("", method="QUERY", body=b"match=news", **headers)
            self.assertEqual(status, self.status(client))

    def test_first_id(self) -> None:
        """
        The header precedes the parameters; of several fields or parameters, the first counts.
        """
        for text in "abc":
            self.hub.publish("news", Event(text))
        for path, fields, expected in (
            ("?match=news&last_event_id=%23e.1", (), [b"b", b"c"]),
            ("?match=news&last_event_id=%23e.1&lastEventID=%23e.2", (), [b"b", b"c"]),
            ("?match=news&last_event_id=%23e.1", ("#e.2",), [b"c"]),
            ("?match=news", ("#e.2", "#e.1"), [b"c"]),
            ("?match=news&last_event_id=%23e.1", ("",), []),
        ):
            client = Client(self.site, self.clock)
            self.clients.append(client)
            lines = [f"GET /{path} HTTP/1.1", "Host: a", "X-Name: alice"]
            lines += [f"Last-Event-ID: {one}" for one in fields]
            client.send("\r\n".join([*lines, "", ""]).encode())
            self.clock.advance(0)
            self.assertEqual(expected, data_of(client), (path, fields))
        body = b"match=news&last_event_id=%23e.2"
        client = self.ask("?last_event_id=%23e.1", method="QUERY", body=body, **FORM)
        self.assertEqual([b"b", b"c"], data_of(client), "the URL precedes the body")

    def test_confirmed_id(self) -> None:
        """
        Two headers confirm the id of the request; ``earliest`` takes the place of one that the hub
        does not know, also of an empty one.  Without an id there is neither.
        """
        self.publish()
        for fields, told in (
            ({}, None),
            ({"Last_Event_ID": "#e.1"}, b"#e.1"),
            ({"Last_Event_ID": "gone"}, b"earliest"),
            ({"Last_Event_ID": ""}, b"earliest"),
        ):
            for method in ("GET", "HEAD"):
                _, *lines = self.ask(method=method, **fields).head.split(b"\r\n")
                headers = dict(line.split(b": ", 1) for line in lines)
                found = [headers.get(b"mercure-last-event-id"), headers.get(b"last-event-id")]
                self.assertEqual([told, told], found, (method, fields))

    def test_empty_id(self) -> None:
        """
        After an empty id a stream begins with the next event, and misses nothing.
        """
        self.assertEqual(b"retry: 3000\n", self.ask(name="any", Last_Event_ID="").body)

    def test_rights_come_first(self) -> None:
        """
        A client that is refused learns nothing else about its request.
        """
        for path, options in (
            ("", {"method": "QUERY", "body": b"match=news"}),
            ("?match=/(", {}),
            ("?match=news&last_event_id=%23end", {}),
        ):
            self.assertEqual(401, self.status(self.ask(path, "nobody", **options)))

    def test_errors(self) -> None:
        """
        A browser gets an error that will not pass; one that may pass, which would end its
        EventSource for good, only sends it away for a while.  Other clients get each error.
        """
        self.authorizer.is_slow = True
        for refused, may_pass in (
            (Refused(400, "No."), False),
            (Refused(403, "No."), False),
            (Refused(429, "Later.", retry_after=5), True),
            (Refused(503, "Later."), True),
            (Refused(503, "Later.", retry_after=5), True),
        ):
            browser, other = self.ask(**BROWSER), self.ask()
            while self.authorizer.asked:
                self.authorizer.asked.pop().errback(refused)
            self.assertEqual(200 if may_pass else refused.status, self.status(browser))
            self.assertEqual(refused.status, self.status(other))

    def test_reconnection_time(self) -> None:
        """
        A stream begins with the reconnection time of the settings.
        """
        self.make(replace(self.settings, reconnection_time=7.0))
        self.assertEqual(b"retry: 7000\n", self.ask(name="any").body)


class HeldTests(ResourceCase):
    """
    Limits on streams and patterns.
    """

    def test_streams_of_a_token(self) -> None:
        """
        One identity may have as many streams as the settings say; for one more, a program gets 429
        and a time to try again, and a browser is told to come back.  A stream that ends makes room.
        Anonymous clients have no identity.
        """
        self.make(replace(self.settings, max_per_token=2))
        first, _ = self.ask(), self.ask()
        client = self.ask()
        self.assertEqual(429, self.status(client))
        self.assertEqual(b"At most 2 streams at a time are allowed with one token.\n", client.body)
        self.assertIn(b"\r\nretry-after: 10", client.head)
        with capturedLogs() as logged:
            browser = self.ask(**BROWSER)
        self.assertEqual(200, self.status(browser))
        self.assertRegex(browser.body, rb"^retry: \d+\n$")
        lines = [formatEvent(event) for event in logged]
        reason = "the limit of 2 streams with its token is reached"
        self.assertIn(f"a browser is sent away for a while: {reason}", lines)
        self.assertEqual(200, self.status(self.ask(name="bob")))
        self.assertEqual([200] * 3, [self.status(self.ask(name="any")) for _ in range(3)])
        first.close()
        self.assertEqual([200, 429], [self.status(self.ask()) for _ in range(2)])

    def test_patterns_of_each(self) -> None:
        """
        Anonymous clients are counted by their address, others by their token; each kind has its own
        limit, and so has the hub.
        """
        self.make(
            replace(
                self.settings,
                max_distinct_patterns_per_address=1,
                max_distinct_patterns_per_token=2,
            )
        )
        found = [self.status(self.ask(path, "any")) for path in PATTERNS]
        self.assertEqual([200, 429, 429], found)
        found = [self.status(self.ask(path)) for path in PATTERNS]
        self.assertEqual([200, 200, 429], found)
        client = self.ask(PATTERNS[2])
        self.assertIn(b"\r\nretry-after: 10", client.head)

    def test_refused_patterns(self) -> None:
        """
        A request that is refused holds no patterns; a limit that is met comes before their errors.
        """
        settings = replace(self.settings, max_per_token=1, limits=Limits(max_pattern=30))
        too_long = f"{PATTERNS[1]}&match_urlpattern=/{'x' * 40}"
        for has_subscriptions in (True, False):
            self.make(replace(settings, has_subscriptions=has_subscriptions))
            self.ask()
            for path in (PATTERNS[0], too_long):
                self.assertEqual(429, self.status(self.ask(path)))
            self.assertEqual(400, self.status(self.ask(too_long, "bob")))
            self.assertTrue(self.resource._subscribing._patterns.is_idle)

    def test_payloads(self) -> None:
        """
        Payloads are found only for a client that gets a stream: not for ``HEAD``, not for one that
        is turned away, and not for one that has sent more bytes.
        """
        slow = Slow(self.clock)
        grants = Matchers(frozenset(), frozenset([slow]))
        alice = self.authorizer.people["alice"] = replace(ALICE, payloads=((grants, 1),))
        self.make(replace(self.settings, max_per_token=1))
        self.ask(method="HEAD")
        self.authorizer.is_slow = True
        self.ask().send(b"x")
        self.authorizer.asked.pop().callback(alice)
        self.clock.advance(0)
        self.authorizer.is_slow = False
        self.assertEqual([], slow.asked)
        self.assertEqual([200, 429], [self.status(self.ask()) for _ in range(2)])
        self.assertEqual(["news"], slow.asked)

    def test_full(self) -> None:
        """
        The log says which limit of the hub was met, and that it is stopping.
        """
        for limit, reason in (
            ({"max_subscribers": 1}, "the limit of 1 subscribers is reached"),
            ({"max_per_address": 1}, "the limit of 1 subscribers from one address is reached"),
            ({}, "the hub is stopping"),
        ):
            self.hub = Hub(clock=self.clock, flush_threads=1, heartbeat=0, **limit)
            self.make(self.settings)
            first = self.ask()
            if not limit:
                self.hub.close()
            with capturedLogs() as logged:
                client, browser = self.ask(), self.ask(**BROWSER)
            self.assertEqual([503, 200], [self.status(one) for one in (client, browser)])
            self.assertEqual(
                b"No more subscribers can be taken now; try again later.\n", client.body
            )
            self.assertIn(b"\r\nretry-after: ", client.head)
            lines = [formatEvent(event) or "" for event in logged]
            self.assertEqual(2, sum(line.endswith(f": {reason}") for line in lines), lines)
            first.close()

    def test_browser_is_sent_away(self) -> None:
        """
        The log says why a browser was sent away, which it cannot learn itself.
        """
        self.make(replace(self.settings, max_distinct_patterns=1))
        self.ask(PATTERNS[0])
        with capturedLogs() as logged:
            browser = self.ask(PATTERNS[1], "bob", **BROWSER)
        self.assertEqual(200, self.status(browser))
        lines = [formatEvent(event) for event in logged]
        self.assertIn(
            "a browser is sent away for a while: the limit of 1 different patterns of all "
            "subscribers is reached",
            lines,
        )
