"""
Silence that lasts too long.
"""

from twisted.trial.unittest import SynchronousTestCase

from ssetwist.client.stream._stream import Silence
from ssetwist.errors import Disconnected
from tests.clock import Clock


class SilenceTests(SynchronousTestCase):
    """
    Timer of ten seconds.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.called: list[float] = []
        self.silence = Silence(self.clock, 10, self.call)

    def call(self, problem: Disconnected) -> None:
        """
        Take note of the time.
        """
        self.assertEqual("nothing came for 10 s", str(problem))
        self.called.append(self.clock.seconds())

    def test_silence(self) -> None:
        """
        The timer calls once, after that time.
        """
        self.silence.begin()
        self.clock.pump([1] * 30)
        self.assertEqual([10], self.called)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_heard(self) -> None:
        """
        After each byte the timer begins anew, with one timer only.
        """
        self.silence.begin()
        for _ in range(7):
            self.clock.advance(3)
            self.silence.heard()
            self.assertEqual(1, len(self.clock.getDelayedCalls()))
        self.clock.pump([1] * 30)
        self.assertEqual([31], self.called)

    def test_stop(self) -> None:
        """
        A stopped silence leaves no timer, and may begin again with the whole time.
        """
        self.silence.stop()
        self.silence.begin()
        self.clock.advance(9)
        self.silence.stop()
        self.assertEqual([], self.clock.getDelayedCalls())
        self.silence.begin()
        self.silence.begin()
        self.assertEqual(1, len(self.clock.getDelayedCalls()))
        self.clock.pump([1] * 30)
        self.assertEqual([19], self.called)

    def test_any_length(self) -> None:
        """
        Without a limit there is no timer.
        """
        silence = Silence(self.clock, None, self.call)
        silence.begin()
        silence.heard()
        silence.stop()
        self.assertEqual([], self.clock.getDelayedCalls())
