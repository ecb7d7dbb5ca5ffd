"""
The active subscriptions of a hub, and their announcements (N1).
"""

from collections import deque
from collections.abc import Iterator
from itertools import chain
from math import inf

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from ...errors import LogUnavailable
from ...hub import Hub
from ...matching import Steps
from ._subscriptions import ActiveSubscription

_log = Logger()


class ActiveSubscriptions:
    """
    The subscriptions of a hub, in the order of their beginnings.

    :param hub_path: The path of the hub as clients know it.
    """

    def __init__(self, hub: Hub, hub_path: str) -> None:
        self._hub = hub
        self._hub_path = hub_path
        self._turns = hub.streams.turns
        self._all: dict[str, tuple[ActiveSubscription, ...]] = {}
        self._unannounced: deque[tuple[ActiveSubscription, bool]] = deque()
        self._is_announcing = False

    @property
    def is_idle(self) -> bool:
        return not self._all and not self._unannounced and not self._is_announcing

    def __iter__(self) -> Iterator[ActiveSubscription]:
        """
        Iterate over the subscriptions that are active now, even if others begin or end meanwhile.
        """
        return chain.from_iterable(tuple(self._all.values()))

    def of(self, subscriber: str) -> tuple[ActiveSubscription, ...]:
        """
        Return the subscriptions of one connection; none if it does not exist.
        """
        return self._all.get(subscriber, ())

    def begin(self, subscriptions: tuple[ActiveSubscription, ...]) -> None:
        """
        Add the subscriptions of a connection and announce them, even to the connection itself, in
        as many turns as that takes.

        :param subscriptions: At least one, all of the same connection.
        """
        self._all[subscriptions[0].subscriber] = subscriptions
        self._announce(subscriptions, is_active=True)

    def end(self, subscriptions: tuple[ActiveSubscription, ...]) -> None:
        """
        Remove the subscriptions of a connection and announce that, if they had begun.
        """
        if self._all.pop(subscriptions[0].subscriber, None) is not None:
            self._announce(subscriptions, is_active=False)

    def helping(self, count: int) -> Steps[None]:
        """
        Announce for others, before a connection begins.

        It announces as many as it will leave: a beginning and an end of each of its subscriptions.
        So no more are ever left than those of connections that were here at one time, and a client
        need not wait for the crowd that has left before it.

        :param count: The number of its subscriptions.
        """
        return self._announcing(2 * count)

    def _announcing(self, most: float = inf) -> Steps[None]:
        """
        Announce the beginnings and ends that are left, in their order.
        """
        while self._unannounced and most > 0:
            most -= 1
            subscription, is_active = self._unannounced.popleft()
            if not self._hub.is_closed:  # otherwise every subscriber is gone
                asked = maybeDeferred(self._announce_one, subscription, is_active=is_active)
                asked.addErrback(_not_announced)
            yield

    def _announce(self, subscriptions: tuple[ActiveSubscription, ...], *, is_active: bool) -> None:
        self._unannounced.extend((one, is_active) for one in subscriptions)
        if not self._is_announcing:
            self._is_announcing = True
            announcing = Deferred.fromCoroutine(self._turns.do(self._announcing()))
            announcing.addBoth(self._announced)

    def _announce_one(self, subscription: ActiveSubscription, *, is_active: bool) -> Deferred[str]:
        update = subscription.announcement(self._hub_path, is_active=is_active)
        return self._hub.announce(update.topics, update.event)

    def _announced(self, result: object) -> object:
        self._is_announcing = False
        return result  # a failure here is a mistake of ours, and Twisted logs it


def _not_announced(problem: Failure) -> None:
    if problem.check(LogUnavailable):  # a crowd that leaves then causes a line each, and no more
        _log.warn("cannot announce a subscription: {problem}", problem=problem.value)
    else:
        _log.failure("announcing a subscription failed", problem)
