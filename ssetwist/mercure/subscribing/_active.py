"""
Who is subscribed now, and telling of it (N1).
"""

from collections.abc import Iterator

from twisted.logger import Logger

from ...hub import Hub
from ._subscriptions import ActiveSubscription

_log = Logger()


class ActiveSubscriptions:
    """
    The subscriptions of a hub, in the order in which they began.

    :param hub_path: The path of the hub as clients know it.
    """

    def __init__(self, hub: Hub, hub_path: str) -> None:
        self._hub = hub
        self._hub_path = hub_path
        self._all: dict[str, tuple[ActiveSubscription, ...]] = {}

    def __iter__(self) -> Iterator[ActiveSubscription]:
        for several in tuple(self._all.values()):
            yield from several

    def __len__(self) -> int:
        return sum(map(len, self._all.values()))

    def begin(self, subscriptions: tuple[ActiveSubscription, ...]) -> None:
        """
        A connection has subscribed.  It hears of itself, if it may.

        :param subscriptions: One or more, all of one connection.
        """
        self._all[subscriptions[0].subscriber] = subscriptions
        self._announce(subscriptions, is_active=True)

    def end(self, subscriptions: tuple[ActiveSubscription, ...]) -> None:
        """
        It has gone; if it had begun.
        """
        if self._all.pop(subscriptions[0].subscriber, None) is not None:
            self._announce(subscriptions, is_active=False)

    def _announce(self, subscriptions: tuple[ActiveSubscription, ...], *, is_active: bool) -> None:
        if self._hub.is_closed:
            return  # there is nobody left to tell
        for subscription in subscriptions:
            update = subscription.announcement(self._hub_path, is_active=is_active)
            published = self._hub.publish(update.topics, update.event, private=update.is_private)
            published.addErrback(
                lambda problem: _log.failure("a subscription could not be told of", problem)
            )
