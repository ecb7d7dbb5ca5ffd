"""
Open streams under a clock, without a hub.
"""

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from ssetwist import EndReason
from ssetwist.hub import Streams
from ssetwist.hub.outlets import Chunk
from tests.clock import Clock
from tests.unit.hub.fake import FakeOutlet, do_nothing

HEARTBEAT = b":\n"

EVENT = Chunk(b"data: a\n\n", 1)


class Heard:
    """
    A writer that remembers how its stream has ended.

    :param act: Called when it ends.
    """

    def __init__(self, outlet: FakeOutlet, act: Callable[[], object] = do_nothing) -> None:
        self.reasons: list[EndReason] = []
        self._act = act
        outlet.writer = self

    def has_room(self) -> None:
        """
        Write nothing more.
        """

    def before_end(self) -> None:
        """
        Write nothing more.
        """

    def ended(self, reason: EndReason) -> None:
        self.reasons.append(reason)
        self._act()


class StreamsTestCase(SynchronousTestCase):
    """
    Streams with the default times, 15 s and 20 s, and a clock that is empty at the end.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.streams = Streams(self.clock)
        self.addCleanup(self.check_nothing_is_left)

    def check_nothing_is_left(self) -> None:
        """
        Check that the timer is gone with the last stream.
        """
        self.streams.abort()
        self.assertEqual([], self.clock.getDelayedCalls())

    def pass_time(self, seconds: float) -> None:
        """
        Let time pass from call to call, as in a reactor that has little to do.
        """
        end = self.clock.seconds() + seconds
        while (calls := self.clock.getDelayedCalls()) and calls[0].getTime() <= end:
            self.clock.advance(calls[0].getTime() - self.clock.seconds())
        self.clock.advance(end - self.clock.seconds())
