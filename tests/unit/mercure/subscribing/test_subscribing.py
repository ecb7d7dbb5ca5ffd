"""
Subscribing where something fails, or happens meanwhile.
"""

from collections.abc import Callable
from dataclasses import replace

from twisted.internet.defer import Deferred
from twisted.web.server import Request

from ssetwist import Event, Hub, Refused
from ssetwist.mercure import Action, Rights
from tests.memory import Client
from tests.unit.mercure.case import ALICE, ByName, FullLog, ResourceCase


class WritesItself(ByName):
    """
    An application that mistakenly writes to the requests of some whom it is asked about.

    :ivar is_wrong: Whether it does so now.
    """

    is_wrong = False

    def authorize(self, request: Request, action: Action) -> Deferred[Rights]:
        if self.is_wrong:
            request.write(b"hello")
        return super().authorize(request, action)


class LateLog(FullLog):
    """
    A log that finds an id when the test says so.

    :ivar sought: What it has been asked to find.
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
    Streams that could not be opened.
    """

    def test_not_counted(self) -> None:
        """
        They do not count among the streams that there may be with one token.
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


class BytesMeanwhileTests(ResourceCase):
    """
    Clients that send something after their request, before it is answered.
    """

    def setUp(self) -> None:
        super().setUp()
        self.log = LateLog(self.clock, epoch="e")
        self.hub = Hub(clock=self.clock, log=self.log, flush_threads=1, heartbeat=0)
        self.make(self.settings)
        self.hub.publish("news", Event("a"))

    def assert_is_cut(self, client: Client) -> None:
        """
        The client got nothing, and is cut.
        """
        self.clock.advance(0)
        self.assertEqual((b"", True), (client.received, client.transport.is_aborted))
        self.assertEqual(0, self.hub.subscriber_count)

    def requests(self) -> list[Client]:
        """
        Ask in every way, and send something after that.
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

    def test_while_the_authorizer_is_asked(self) -> None:
        """
        A client that does so while it is not known yet what it may gets no stream.
        """
        self.authorizer.is_slow = True
        clients = self.requests()
        self.assertEqual(len(clients), len(self.authorizer.asked))
        for asked in self.authorizer.asked:
            asked.callback(ALICE)
        while self.log.sought:
            self.log.sought.pop()()
        for client in clients:
            self.assert_is_cut(client)

    def test_while_the_log_is_asked(self) -> None:
        """
        Nor does one that does so while the log looks for its event.
        """
        clients = self.requests()
        self.assertEqual(len(clients), len(self.log.sought))
        while self.log.sought:
            self.log.sought.pop()()
        for client in clients:
            self.assert_is_cut(client)

    def test_nobody_can_tell(self) -> None:
        """
        Nor is it told to come back where nobody can tell what it may.
        """
        self.authorizer.is_slow = True
        client = self.ask(Sec_Fetch_Mode="cors")
        client.send(b"x")
        self.authorizer.asked[0].errback(Refused(503, "Ask later.", retry_after=5))
        self.assertTrue(client.transport.is_aborted)
        self.assertNotIn(b"retry: ", client.received)

    def test_nothing_sent(self) -> None:
        """
        A client that sends nothing more gets its stream after all these waits.
        """
        self.authorizer.is_slow = True
        client = self.ask(Last_Event_ID="#e.0")
        self.authorizer.asked[0].callback(ALICE)
        self.assertEqual(b"", client.received)
        while self.log.sought:
            self.log.sought.pop()()
        self.clock.advance(0)
        self.assertIn(b"data: a\n\n", client.body)
