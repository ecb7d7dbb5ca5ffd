"""
The active subscriptions of a hub, and their announcements (N1).
"""

from collections.abc import Iterator
from itertools import chain

from twisted.logger import Logger
from twisted.python.failure import Failure

from ...errors import LogUnavailable
from ...hub import Hub
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
        self._all: dict[str, tuple[ActiveSubscription, ...]] = {}

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

    def __len__(self) -> int:
        return sum(map(len, self._all.values()))

    def begin(self, subscriptions: tuple[ActiveSubscription, ...]) -> None:
        """
        Add the subscriptions of a connection and announce them, even to the connection itself.

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

    def _announce(self, subscriptions: tuple[ActiveSubscription, ...], *, is_active: bool) -> None:
        if self._hub.is_closed:
            return  # every subscriber is gone
        for subscription in subscriptions:
            update = subscription.announcement(self._hub_path, is_active=is_active)
            self._hub.announce(update.topics, update.event).addErrback(_not_announced)


def _not_announced(problem: Failure) -> None:
    if problem.check(LogUnavailable):  # a crowd that leaves then causes a line each, and no more
        _log.warn("cannot announce a subscription: {problem}", problem=problem.value)
    else:
        _log.failure("announcing a subscription failed", problem)
