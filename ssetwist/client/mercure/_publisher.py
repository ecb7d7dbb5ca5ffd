"""
Publishing to a hub: one update as a form, many as lines of JSON.

A request whose answer was lost is sent again.  Its ``Idempotency-Key`` makes that harmless: the hub
does not publish the same key twice, but repeats its answer.  It remembers the last 50 000 updates,
until it is restarted.  The keys are an extension of this hub, and so are many updates in one
request.  A hub that refuses many updates in one request is taken for one that does not know keys.
"""

from collections.abc import Callable, Coroutine, Iterable
from random import random
from typing import Any, TypeVar
from uuid import uuid4

from treq.client import HTTPClient
from twisted.internet.defer import CancelledError, Deferred, DeferredSemaphore, fail
from twisted.web.iweb import IAgent

from ..._reactor import AnyReactor
from ...clock import steady
from ...errors import NotPublished
from ...eventstream import Event
from ..http import Exchanges, normalized
from ..source import Backoff, Interruption, check_backoff
from ._bulk import BulkPublisher
from ._requests import HubRequests
from ._token import Bearer, TokenSource
from ._update import Update

T = TypeVar("T")
R = TypeVar("R")

#: Delays between attempts.  A publisher wants to know soon: six attempts take about eight seconds,
#: or as long as the hub says, up to a minute each time.
DEFAULT_BACKOFF = Backoff(first=0.5, ceiling=15.0, max_server_delay=60.0)

_CLOSED = "the publisher has been closed"


class Publisher:
    """
    Publishes to a Mercure hub::

        async with Publisher("https://hub.example/.well-known/mercure", reactor=reactor,
                             token=token) as publisher:
            id = await publisher.publish("https://example.com/books/1", "changed")
    """

    def __init__(
        self,
        hub_url: str,
        *,
        reactor: AnyReactor,
        token: TokenSource | None = None,
        client: HTTPClient | IAgent | None = None,
        timeout: float = 30.0,
        in_flight: int = 8,
        max_waiting: int = 10_000,
        attempts: int = 6,
        backoff: Backoff = DEFAULT_BACKOFF,
        knows_keys: bool = True,
        on_interruption: Callable[[Interruption], object] | None = None,
        jitter: Callable[[], float] = random,
    ) -> None:
        """
        :param token: A token that grants publishing, or a function that returns one; it is called
            before each request, and must answer within ``timeout``.
        :param client: Makes the requests.  By default the publisher has connections of its own.
        :param timeout: Seconds within which a request must be answered.
        :param in_flight: Requests that are under way at a time, at most.
        :param max_waiting: Publications that wait behind these; any more fail at once.
        :param attempts: Attempts of one request, at most.
        :param backoff: Delays between attempts, and the longest that a hub may ask for.
        :param knows_keys: True if the hub knows ``Idempotency-Key``, as ours does.  If false, a
            request is sent again only if it was certainly not published: if no connection was made,
            and after 429 and 503.
        :param on_interruption: Called before each wait for another attempt.  An exception from it
            is logged, and changes nothing.
        :raises ValueError: If the URL is not http or https, or has a password in it; if the token
            is malformed, or a number is not more than 0.
        """
        for name, value in (("in_flight", in_flight), ("attempts", attempts)):
            if value < 1:
                raise ValueError(f"{name} must be 1 or more")
        check_backoff(backoff)
        reactor = steady(reactor)
        self._requests = HubRequests(
            check_url(hub_url),
            Exchanges(reactor, client, timeout=timeout, connections=in_flight),
            Bearer(token),
            reactor,
            attempts=attempts,
            backoff=backoff,
            jitter=jitter,
            on_interruption=on_interruption,
            knows_keys=knows_keys,
        )
        self._bulk = BulkPublisher(self._requests)
        self._turns = DeferredSemaphore(in_flight)
        self._max_under_way = in_flight + max_waiting
        self._under_way: dict[Deferred[Any], None] = {}
        self._is_closed = False

    def publish(
        self,
        topics: str | Iterable[str],
        event: Event | str = "",
        *,
        private: bool = False,
        key: str | None = None,
    ) -> Deferred[str]:
        """
        Publish one update.  Updates that are under way at the same time may arrive in any order.
        If order matters, wait for one before the next, or use :meth:`publish_many`.

        :param topics: One topic, or several; the first is the canonical one.
        :param private: If true, only subscribers with a grant for one of the topics get the event.
        :param key: The ``Idempotency-Key`` of this publication, ASCII of at most 255 characters:
            another process can repeat it without publishing twice.  Random by default.
        :returns: A Deferred that fires with the id once the hub has stored the event, and fails
            with :class:`NotPublished`.  Cancelling it closes the connection; the hub may have
            published the event nevertheless.
        :raises ValueError: Or ``TypeError``, if the arguments do not make an update.
        """
        update = Update(topics, event, private=private)
        return self._start(lambda: self._requests.publish_form(update, key or uuid4().hex))

    def publish_many(self, updates: Iterable[Update]) -> Deferred[list[str | NotPublished]]:
        """
        Publish many updates, in order, up to a thousand in one request.  An update that the hub
        could not take at first (429, 503) comes later than the updates behind it.

        :param updates: Iterated while earlier updates are under way.  The Deferred fails with an
            exception that it raises.
        :returns: A Deferred that fires with a result for each update: its id, or the reason why it
            was not published.  A refusal does not make it fail; after a refusal of a whole request
            the updates behind it are not sent.  Cancelling it sends no more.
        """
        return self._start(lambda: self._bulk.publish(iter(updates)))

    def close(self) -> Deferred[None]:
        """
        Close the connections.  Publications under way fail with :class:`NotPublished`.

        :returns: A Deferred that fires when they are closed.
        """
        self._is_closed = True
        while self._under_way:
            self._under_way.popitem()[0].cancel()
        return self._requests.exchanges.close()

    async def __aenter__(self) -> "Publisher":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _start(self, publish: Callable[[], Coroutine[Deferred[Any], Any, T]]) -> Deferred[T]:
        if self._is_closed:
            return fail(NotPublished(_CLOSED))
        if len(self._under_way) >= self._max_under_way:
            return fail(NotPublished("too many publications are waiting for their turn"))

        async def published() -> T:
            was_its_turn = False
            try:
                await self._turns.acquire()
                was_its_turn = True
                try:
                    return await publish()
                finally:
                    self._turns.release()
            except CancelledError:
                if not self._is_closed:
                    raise
                raise NotPublished(_CLOSED, is_uncertain=was_its_turn) from None

        under_way = Deferred.fromCoroutine(published())
        if under_way.called:
            return under_way
        self._under_way[under_way] = None

        def over(result: R) -> R:
            self._under_way.pop(under_way, None)
            return result

        return under_way.addBoth(over)


def check_url(url: str) -> str:
    """
    Return the URL of a hub, as browsers write it and without its fragment.

    :raises ValueError: If it is not http or https, or has a name or a password in it.
    """
    return normalized(url).partition("#")[0]
