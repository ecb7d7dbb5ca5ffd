"""
Typed examples: every public form as a program uses it, for mypy and not to be run.

``assert_type`` states what a user gets.  A wrong use has ``type: ignore`` with the code of its
error; mypy (``warn_unused_ignores``) complains if it does not find that error any more.
"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from http.cookiejar import CookieJar
from typing import Any

import treq
from treq.client import HTTPClient
from twisted.internet import reactor
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.web.client import Agent
from twisted.web.http_headers import Headers
from twisted.web.iweb import IResponse
from twisted.web.server import Request
from typing_extensions import assert_type

from ssetwist import (
    EndReason,
    Event,
    EventStreamResource,
    Exact,
    Hub,
    HubConfig,
    HubService,
    MemoryLog,
    Pattern,
    Refused,
    Send,
    Site,
    SSETwistError,
    Subscriber,
    UnknownCursor,
    View,
    WhenBehind,
    stream,
)
from ssetwist.client import (
    Backoff,
    Discovery,
    EventSource,
    FoundHub,
    Interruption,
    Loss,
    Opened,
    Publisher,
    ReadyState,
    ResponseEvents,
    Update,
    discover,
    hub_metadata,
    stream_events,
    subscribe,
)
from ssetwist.errors import NotPublished
from ssetwist.hub import Matchers
from ssetwist.log import Entry, position_of
from ssetwist.mercure import Action, MercureResource, Rights, TokenSettings
from ssetwist.testing import Listener, MemoryHub
from tests.clock import Clock

URL = "https://hub.example/.well-known/mercure"


def events() -> None:
    event = Event("hello", type="greeting", id="1", retry=3000)
    assert_type(event.id, str | None)
    assert_type(event.retry, int | None)
    assert_type(Event.with_json({"a": [1]}), Event)
    Event(b"hello")  # type: ignore[arg-type]
    Event("hello", retry=0.5)  # type: ignore[arg-type]
    Event("hello", event="greeting")  # type: ignore[call-arg]
    event.data = "bye"  # type: ignore[misc]


async def hubs(clock: IReactorTime) -> None:
    hub = Hub(
        clock=clock,
        log=MemoryLog(clock, max_count=10),
        when_behind=WhenBehind.SKIP,
        unknown_cursor=UnknownCursor.ALL,
        gap=None,
    )
    Hub(clock=reactor)
    assert_type(hub.publish("news", Event("hello")), Deferred[str])
    assert_type(await hub.publish(("/a", "/b"), Event("x"), private=True, ephemeral=True), str)
    assert_type(hub.subscribers, tuple[Subscriber, ...])
    assert_type(await hub.log.read(0, 1), Sequence[Entry])
    assert_type(position_of(hub.log.epoch, "#e.1"), int | None)
    hub.publish("news", "hello")  # type: ignore[arg-type]
    hub.publish(b"news", Event("hello"))  # type: ignore[arg-type]
    Hub()  # type: ignore[call-arg]
    Hub(clock=clock, when_behind="skip")  # type: ignore[arg-type]


def resources(hub: Hub) -> None:
    async def topics_of(request: Request) -> list[str] | None:
        return None if request.getCookie(b"session") is None else ["news"]

    def topic_of(request: Request) -> str:
        return "news"

    def only_large(topics: tuple[str, ...], event: Event) -> bool:
        return len(event.data) > 10

    def started(subscriber: Subscriber) -> None:
        assert_type(subscriber.end_reason, EndReason | None)
        subscriber.change_topics([Exact("a"), "b"])

    def ended(subscriber: Subscriber, reason: EndReason) -> None:
        assert_type(subscriber.who, object)

    EventStreamResource(hub)
    EventStreamResource(hub, ["news", Pattern("/rooms/:room")], grants="news")
    EventStreamResource(hub, topic_of, grants=topic_of)
    resource = EventStreamResource(
        hub, topics_of, filter=lambda request: only_large, on_start=started, on_end=ended
    )
    assert_type(View.of("news", filter=only_large), View)
    site = Site(resource, streams=hub.streams, max_body=1024)
    assert_type(site.drain(10.0), Deferred[None])
    EventStreamResource(hub, 1)  # type: ignore[arg-type]
    EventStreamResource(hub, on_end=started)  # type: ignore[arg-type]
    Site(resource)  # type: ignore[call-arg]


def streams(request: Request) -> None:
    async def count() -> AsyncIterator[Event]:
        yield Event("1")

    def fixed() -> Iterator[Event]:
        yield Event("1")

    async def pull(send: Send) -> None:
        send(Event("1"))
        send.end()

    def push(send: Send) -> None:
        send(Event("1"))

    assert_type(stream(request, count(), on_end=lambda reason: print(reason.value)), int)
    assert_type(stream(request, fixed(), reconnection_time=None), int)
    assert_type(stream(request, pull, once=False), int)
    assert_type(stream(request, push), int)
    stream(request, ["1"])  # type: ignore[list-item]
    stream(request, Event("1"))  # type: ignore[arg-type]


class Sessions:
    """
    An authorizer of an application.
    """

    def can_allow(self, action: Action) -> bool:
        return True

    def authorize(self, request: Request, action: Action) -> Deferred[Rights]:
        if action is Action.PUBLISH:
            return fail(Refused(401, "Please log in.", error=""))
        mine = Matchers.of(["/users/1"])
        return succeed(Rights(publish=mine, subscribe=mine, identity="one"))


def services(hub: Hub) -> None:
    MercureResource(hub, Sessions())
    MercureResource(hub, object())  # type: ignore[arg-type]
    config = HubConfig(
        listen=("tcp:8080",),
        heartbeat=15,
        tick=None,
        when_behind=WhenBehind.LATEST,
        tokens=TokenSettings(),
        cors_origin=["https://example.com"],
    )
    assert_type(config.heartbeat, float)
    assert_type(config.tick, float | None)
    assert_type(config.cors_origin, Sequence[str])
    service = HubService(reactor, config)
    assert_type(service.hub, Hub)
    HubConfig(heartbeat="15")  # type: ignore[arg-type]
    HubConfig(when_behind="latest")  # type: ignore[arg-type]
    HubConfig(heartbeats=15)  # type: ignore[call-arg]
    config.heartbeat = 1.0  # type: ignore[misc]


async def sources(clock: Clock, jar: CookieJar) -> None:
    async def fresh_headers() -> Headers:
        return Headers({"Authorization": ["Bearer x"]})

    def opened(opened: Opened) -> None:
        assert_type(opened.headers, Mapping[str, str])

    def interrupted(interruption: Interruption) -> None:
        assert_type(interruption.problem, SSETwistError)

    source = EventSource(
        "https://example.com/events",
        reactor=reactor,
        client=HTTPClient(Agent(reactor)),
        method="POST",
        headers={"Accept-Language": ["en", "de"], "X-One": "1"},
        fresh_headers=fresh_headers,
        body=b"{}",
        cookies=jar,
        last_event_id="1",
        gzip=True,
        connect_timeout=5,
        silence_timeout=None,
        backoff=Backoff(first=0.5),
        policy=lambda problem: not isinstance(problem, NotPublished),
        on_open=opened,
        on_interruption=interrupted,
        on_comment=print,
        jitter=lambda: 0.5,
        max_line=1024,
        max_event=4096,
    )
    EventSource(
        "https://example.com/events", reactor=clock, client=Agent(reactor), cookies={"a": "b"}
    )
    async with source as same:
        assert_type(same, EventSource)
        async for event in source:
            assert_type(event, Event)
    assert_type(await source.next(), Event | None)
    assert_type(await source.when_open(), Opened)
    assert_type(source.for_each(print), Deferred[None])
    assert_type(source.state, ReadyState)
    assert_type(source.reconnection_time, float | None)
    EventSource("https://example.com/events")  # type: ignore[call-arg]
    EventSource("https://example.com/events", reactor=clock, body="{}")  # type: ignore[arg-type]
    EventSource("https://example.com/events", reactor=clock, timeout=1)  # type: ignore[call-arg]
    EventSource("https://example.com/events", reactor=clock, on_open=interrupted)  # type: ignore[arg-type]
    EventSource("https://example.com/events", reactor=clock, client=treq)  # type: ignore[arg-type]


async def responses(response: IResponse, clock: Clock) -> None:
    read = stream_events(response, reactor=clock, silence_timeout=30, on_comment=print)
    assert_type(read, ResponseEvents)
    async with read as same:
        assert_type(await anext(same), Event)
    async for event in stream_events(response):
        assert_type(event, Event)
    stream_events(treq.get("https://example.com/"))  # type: ignore[arg-type]


async def subscriptions() -> None:
    async def token() -> str:
        return "a.b.c"

    def lost(loss: Loss) -> None:
        assert_type(loss.found, str)

    assert_type(subscribe(URL, "/a", reactor=reactor), EventSource)
    subscribe(
        URL,
        ["/a", "/b"],
        reactor=reactor,
        patterns="/rooms/:room",
        token=token,
        legacy=True,
        since="earliest",
        on_open=print,
        on_loss=lost,
        client=Agent(reactor),
        silence_timeout=None,
        backoff=Backoff(),
        gzip=True,
        max_event=4096,
    )
    subscribe(URL, "/a", reactor=reactor, token=lambda: "a.b.c")
    subscribe(URL, 1, reactor=reactor)  # type: ignore[arg-type]
    subscribe(URL, topic="/a", reactor=reactor)  # type: ignore[call-arg]
    subscribe(URL, "/a", reactor=reactor, last_event_id="1")  # type: ignore[call-arg]
    subscribe(URL, "/a", reactor=reactor, silence_timeout="1")  # type: ignore[arg-type]
    subscribe(URL, "/a", reactor=reactor, token=b"a.b.c")  # type: ignore[arg-type]
    subscribe(URL, "/a", reactor=reactor, on_loss=token)  # type: ignore[arg-type]


async def publications() -> None:
    async with Publisher(
        URL,
        reactor=reactor,
        token="a.b.c",
        client=Agent(reactor),
        timeout=10,
        in_flight=2,
        max_waiting=100,
        attempts=3,
        backoff=Backoff(),
        knows_keys=False,
        on_interruption=lambda interruption: print(interruption.delay),
        jitter=lambda: 0.5,
    ) as publisher:
        assert_type(publisher, Publisher)
        assert_type(await publisher.publish("/a", "hello"), str)
        assert_type(await publisher.publish(["/a"], Event("x"), private=True, key="1"), str)
        results = await publisher.publish_many(Update("/a", str(one)) for one in range(3))
        assert_type(results, list[str | NotPublished])
        assert_type([one.status for one in results if not isinstance(one, str)], list[int | None])
        publisher.publish_many([("/a", "x")])  # type: ignore[list-item]
        publisher.publish("/a", b"hello")  # type: ignore[arg-type]
        publisher.publish("/a", {"a": 1})  # type: ignore[arg-type]
    Publisher(URL)  # type: ignore[call-arg]
    Publisher(URL, reactor=reactor, retries=3)  # type: ignore[call-arg]
    Publisher(URL, reactor=reactor, backoff=1.0)  # type: ignore[arg-type]


async def discoveries() -> None:
    found = await discover("https://example.com/books/1", reactor=reactor, trusted=[URL])
    assert_type(found, Discovery)
    assert_type(found.hub, FoundHub)
    assert_type(found.hubs, tuple[FoundHub, ...])
    metadata = await hub_metadata(found.hub.url, reactor=reactor)
    assert_type(metadata, Mapping[str, Any] | None)
    metadata["mercure_cookie"]  # type: ignore[index]
    discover("https://example.com/books/1", reactor=reactor, headers=[("a", "b")])  # type: ignore[arg-type]


def own_tests() -> None:
    hub = MemoryHub(heartbeat=5)
    listener = Listener(hub, "news", last=1)
    hub.advance(1)
    assert_type(listener.events, list[Event])
    assert_type(listener.end_reason, EndReason | None)
