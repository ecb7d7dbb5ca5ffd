"""
A Mercure hub over a real Site and memory transports; each test checks that nothing is left.
"""

from dataclasses import dataclass, field
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.server import Request

from ssetwist import Event, Exact, Hub, LogUnavailable, Refused
from ssetwist.hub import Matchers
from ssetwist.log import Entry, MemoryLog
from ssetwist.mercure import Action, MercureResource, MercureSettings, Rights
from ssetwist.web import Site
from tests.clock import Clock
from tests.memory import Client
from tests.unit.hub.fake import TurnClock

ALICE = Rights(
    publish=Matchers.of(["news", "/a"]),
    subscribe=Matchers.of(["news", Exact("/subscriptions")]),
    identity="alice",
)


class ByName:
    """
    An application that knows clients by a header, and answers at once or later.

    :ivar asked: Questions that are not answered yet.
    :ivar cancelled: Number of questions that were cancelled.
    """

    def __init__(self, people: dict[str, Rights]) -> None:
        self.people = people
        self.is_slow = False
        self.asked: list[Deferred[Rights]] = []
        self.cancelled = 0
        self.allowed = set(Action)

    def can_allow(self, action: Action) -> bool:
        return action in self.allowed

    def authorize(self, request: Request, action: Action) -> Deferred[Rights]:
        if self.is_slow:
            later: Deferred[Rights] = Deferred(self._cancel)
            self.asked.append(later)
            return later
        name = request.getHeader("X-Name") or ""
        if name in self.people:
            return succeed(self.people[name])
        return fail(Refused(401, "Who are you?", error="", reason=f"{name!r} is nobody"))

    def _cancel(self, _: object) -> None:
        self.cancelled += 1


@dataclass(frozen=True, eq=False)
class Slow:
    """
    A matcher of every topic, or of none; each match takes a second.

    :ivar asked: The topics that it was asked for.
    """

    clock: Clock
    asked: list[str] = field(default_factory=list)
    is_match: bool = True

    def matches(self, topic: str) -> bool:
        self.clock.rightNow += 1.0
        self.asked.append(topic)
        return self.is_match


class TickingClock(TurnClock):
    """
    A clock with turns, by which everything may take time.

    :ivar tick: Seconds that pass whenever somebody asks for the time.
    """

    tick = 0.0

    def seconds(self) -> float:
        self.rightNow += self.tick
        return self.rightNow


class FullLog(MemoryLog):
    """
    A log that refuses events while it is full.
    """

    is_full = False

    def append(self, topics: tuple[str, ...], event: Event, **kind: bool) -> Deferred[Entry]:
        if self.is_full:
            return fail(LogUnavailable("the disk is full", retry_after=2.5))
        return super().append(topics, event, **kind)


class ResourceCase(SynchronousTestCase):
    """
    A hub with two users: Alice has rights, and Bob may only read public updates.
    """

    settings = MercureSettings(url="https://hub.example/hub", has_subscriptions=True)

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000)
        self.log = FullLog(self.clock, epoch="e")
        self.hub = Hub(clock=self.clock, log=self.log, flush_threads=1, heartbeat=0)
        self.authorizer = ByName({"alice": ALICE, "bob": Rights(identity="bob"), "any": Rights()})
        self.make(self.settings)
        self.clients: list[Client] = []

    def make(self, settings: MercureSettings) -> None:
        """
        Serve the hub with these settings.
        """
        self.resource = MercureResource(self.hub, self.authorizer, settings)
        self.site = Site(
            self.resource,
            streams=self.hub.streams,
            max_body=10_000,
            parsePOSTFormSubmission=False,
        )

    def tearDown(self) -> None:
        for client in self.clients:
            client.close()
        self.clock.advance(0)
        self.assertTrue(self.hub.is_idle)
        self.assertTrue(self.resource.is_idle)
        self.assertEqual([], self.clock.getDelayedCalls())

    def ask(self, *request: str, **options: Any) -> Client:  # those of begin
        """
        Send a request, and return its client.
        """
        client = self.begin(*request, **options)
        self.clock.advance(0)
        return client

    def begin(
        self,
        path: str = "?match=news",
        name: str = "alice",
        *,
        method: str = "GET",
        body: bytes = b"",
        address: str = "192.0.2.1",
        **headers: str,
    ) -> Client:
        """
        Send a request, do what is done at once, and return its client.
        """
        client = Client(self.site, self.clock, address=address)
        self.clients.append(client)
        fields = {key.replace("_", "-"): value for key, value in headers.items()}
        if body:
            fields["Content-Length"] = str(len(body))
        client.request(f"/{path}", method=method, headers={"X-Name": name} | fields)
        if body:
            client.send(body)
        return client

    def publish(self, body: bytes = b"topic=news&data=1", **headers: str) -> Client:
        """
        Publish an update as Alice.
        """
        return self.ask("", method="POST", body=body, **headers)

    def status(self, client: Client) -> int:
        """
        Return the status of the last answer.
        """
        return int(client.head[2:5])
