"""
The hub: those who subscribe, and handing them what is published.
"""

from collections import Counter, deque
from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from ..errors import HubClosed
from ..eventstream import Event, encode_event
from ._ends import EndReason
from ._outlet import Outlet
from ._streams import DEFAULT_HEARTBEAT, DEFAULT_STALL_TIMEOUT, Streams
from ._subscriber import Subscriber

_log = Logger()


class Hub:
    """
    Hands every published event to every subscriber, in the order of publishing.

    :param clock: The reactor, or a ``Clock`` in tests.
    :param heartbeat: Seconds of silence until a comment is sent; 0 for never.
    :param stall_timeout: Seconds without progress after which a client that is behind is cut.
    :param max_subscribers: How many there may be; 0 for as many as come.
    :param max_per_address: How many of them from one IP address; 0 for as many as come.  Behind a
        proxy all have the proxy's address.
    :ivar streams: The open streams, with their heartbeat.
    :ivar is_closed: Whether nothing can be published and nobody can subscribe any more.
    :raises ValueError: If a time or a number makes no sense.
    """

    def __init__(
        self,
        *,
        clock: IReactorTime,
        heartbeat: float = DEFAULT_HEARTBEAT,
        stall_timeout: float = DEFAULT_STALL_TIMEOUT,
        max_subscribers: int = 0,
        max_per_address: int = 0,
    ) -> None:
        if max_subscribers < 0 or max_per_address < 0:
            raise ValueError(
                f"max_subscribers {max_subscribers!r} and max_per_address {max_per_address!r} "
                "must be 0 or more"
            )
        self.streams = Streams(clock, heartbeat=heartbeat, stall_timeout=stall_timeout)
        self.is_closed = False
        self._clock = clock
        self._max_subscribers = max_subscribers
        self._max_per_address = max_per_address
        # A dict for its order: the first to come is the first to hear.
        self._subscribers: dict[Subscriber, None] = {}
        self._per_address: Counter[str] = Counter()
        self._outgoing: deque[tuple[bytes, tuple[Subscriber, ...]]] = deque()
        self._is_handing_out = False

    @property
    def subscribers(self) -> tuple[Subscriber, ...]:
        """
        Those who are subscribed now, the oldest first.
        """
        return tuple(self._subscribers)

    @property
    def subscriber_count(self) -> int:
        """
        How many there are, without making a tuple of them.
        """
        return len(self._subscribers)

    def is_full(self, address: str) -> bool:
        """
        Tell whether one more subscriber from this address would be too many.
        """
        if self._max_subscribers and len(self._subscribers) >= self._max_subscribers:
            return True
        return bool(
            address
            and self._max_per_address
            and self._per_address[address] >= self._max_per_address
        )

    def subscribe(
        self,
        outlet: Outlet,
        *,
        address: str = "",
        on_end: Callable[[Subscriber, EndReason], object] | None = None,
    ) -> Subscriber:
        """
        Subscribe an open outlet to whatever is published from now on.

        :param on_end: Called with the subscriber and the reason when its stream ends, after the
            hub has let go of it, in the reactor turn in which the end is known.  What it raises is
            logged and hurts nobody else.
        :raises HubClosed: If the hub has been closed.
        """
        if self.is_closed:
            raise HubClosed("this hub has been closed; nobody can subscribe")
        subscriber = Subscriber(
            outlet, self._forget, address=address, since=self._clock.seconds(), on_end=on_end
        )
        self._subscribers[subscriber] = None
        self._per_address[address] += 1
        return subscriber

    def publish(self, event: Event) -> None:
        """
        Hand an event to all who are subscribed.  Never waits.

        It may be called from anywhere in reactor code, also from a callback of the hub itself;
        every subscriber sees the events in the order of publishing.

        :raises HubClosed: If the hub has been closed.
        :raises TypeError: If it is no event.
        """
        if self.is_closed:
            raise HubClosed("this hub has been closed; nothing can be published")
        # To those who are there now: a callback may publish first and subscribe then.
        self._outgoing.append((encode_event(event), tuple(self._subscribers)))
        if self._is_handing_out:
            return
        self._is_handing_out = True
        try:
            while self._outgoing:
                self._hand_out(*self._outgoing.popleft())
        finally:
            self._is_handing_out = False

    def close(self) -> None:
        """
        Take nothing and nobody any more.  Open streams stay; ``streams.drain`` ends them.
        """
        self.is_closed = True

    def _hand_out(self, frames: bytes, subscribers: tuple[Subscriber, ...]) -> None:
        for subscriber in subscribers:
            try:
                subscriber.offer(frames, 1)
            except Exception:
                # One broken outlet must hurt neither the others nor the publisher.
                _log.failure("an event could not be handed to a subscriber, which is cut")
                subscriber.cut()

    def _forget(self, subscriber: Subscriber) -> None:
        del self._subscribers[subscriber]
        self._per_address[subscriber.address] -= 1
        if not self._per_address[subscriber.address]:
            del self._per_address[subscriber.address]
