"""
Limit on the connections of a Site: one that waits for a request makes room for a new one.
"""

from collections.abc import Callable
from math import inf
from typing import Any
from typing import Protocol as Interface

from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Protocol
from twisted.logger import Logger

_log = Logger()

#: Seconds between two warnings: a crowd meets the limit many times a second.
WARN_EVERY = 60.0

#: Connections that may make room slowly, each once its turn has come.  Those beyond are closed by a
#: reset, all in the next turn: their descriptors are taken from those that the process keeps back.
MAX_SLOW = 16


class Sparable(Interface):
    """
    A connection that can make room.
    """

    def make_room(self, at_once: bool) -> None: ...


class ConnectionLimit:
    """
    Limit on the number of connections that are open at the same time.

    :param most: Connections; 0 for no limit.
    :param spare: Finds a connection that can be spared, another one each time; ``None`` if there is
        none.
    :ivar leaving: Connections that make room, and are not closed before the next turn.  The Site
        removes each when it is closed.
    """

    def __init__(
        self, most: int, clock: IReactorTime, spare: Callable[[], Sparable | None]
    ) -> None:
        self.most = most or inf
        self._clock = clock
        self._spare = spare
        self.leaving: set[object] = set()
        self._warn_at = 0.0
        self._closed = self._refused = 0

    def make_room(self) -> bool:
        """
        Begin to close a connection for a new one, because the limit is met.

        :returns: False if none can be spared, so that the new one must be refused.
        """
        one = self._spare()
        if one is None:
            self._refused += 1
        else:
            self._closed += 1
            at_once = len(self.leaving) >= MAX_SLOW
            self.leaving.add(one)
            one.make_room(at_once)
        self._warn()
        return one is not None

    def _warn(self) -> None:
        now = self._clock.seconds()
        if now < self._warn_at:
            return
        self._warn_at = now + WARN_EVERY
        _log.warn(
            "all {most} connections are taken (max_connections): since the last such line, "
            "{closed} that waited for a request were closed to make room, and {refused} new ones "
            "refused",
            most=self.most,
            closed=self._closed,
            refused=self._refused,
        )
        self._closed = self._refused = 0


class Refusal(Protocol):
    """
    A connection that is closed at once.

    Twisted would also take ``None`` instead of a protocol, but not under TLS.
    """

    transport: Any  # any transport under HTTP

    def connectionMade(self) -> None:
        self.transport.abortConnection()
