"""
One subscriber of the hub.
"""

from collections.abc import Callable
from functools import partial

from ..eventstream import Event, encode_event
from ._ends import Ending, EndReason, HasEnd
from ._outlet import Outlet
from ._streams import cut

#: The id of the last event of a stream that was ended for good.  A client that comes back with it
#: is answered 204, which every ``EventSource`` takes as "do not come back" (WHATWG HTML 9.2.3).
#: It is carried by the client, so nothing needs to be remembered here, not even over a restart.
END_ID = "#end"

#: The event itself.  It has data, because some clients do not keep the id of an event without.
END = encode_event(Event(type="end", id=END_ID))


class Subscriber(HasEnd):
    """
    Who receives the events of a hub, from :meth:`Hub.subscribe` to its end.

    :ivar address: Where it connects from: an IP address, or ``""`` where there is none.
    :ivar since: When it subscribed, in seconds of the hub's clock.
    """

    __slots__ = ("_ending", "_forget", "_outlet", "address", "since")

    def __init__(
        self,
        outlet: Outlet,
        forget: Callable[["Subscriber"], None],
        *,
        address: str,
        since: float,
        on_end: Callable[["Subscriber", EndReason], object] | None,
    ) -> None:
        self.address = address
        self.since = since
        self._forget = forget
        self._outlet = outlet
        self._ending = Ending(on_end and partial(on_end, self))
        outlet.on_end = self._ended

    def end(self, *, for_good: bool = False) -> None:
        """
        End the stream properly.  The subscriber is gone at once; what waits for it still follows
        as it takes it.  Ending twice is no error.

        :param for_good: Also tell it not to come back: it gets an event of type ``end``, and
            its next attempt, which a browser makes by itself, gets 204.
        """
        self._outlet.end(EndReason.ENDED_BY_APPLICATION, last_words=END if for_good else b"")

    def abort(self) -> None:
        """
        Cut the connection now, throwing away what waits.  A browser comes back.
        """
        self._outlet.abort(EndReason.ENDED_BY_APPLICATION)

    def offer(self, frames: bytes, events: int) -> None:
        """
        Hand on frames of the hub.
        """
        self._outlet.write(frames, events)

    def cut(self) -> None:
        """
        Cut the connection because it failed under our hands.
        """
        cut(self._outlet)
        self._ended(EndReason.CONNECTION_LOST)  # also if it could not even be cut

    def _ended(self, reason: EndReason) -> None:
        if self.end_reason is not None:
            return
        # First the hub lets go, then the others hear of it: whoever asks the hub from within a
        # callback must not find this subscriber there.
        self._forget(self)
        self._ending.tell(reason)
