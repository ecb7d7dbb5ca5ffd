"""
When silence has lasted for too long.
"""

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.client.stream._stream import Silence


class SilenceTests(SynchronousTestCase):
    """
    Ten seconds of it.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.called: list[float] = []
        self.silence = Silence(self.clock, 10, lambda: self.called.append(self.clock.seconds()))

    def test_silence(self) -> None:
        """
        It calls once, after that time.
        """
        self.silence.begin()
        self.clock.pump([1] * 30)
        self.assertEqual([10], self.called)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_heard(self) -> None:
        """
        What is heard has it begin anew, with one timer.
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
        Stopped, it has no timer; it may begin again, with the whole time.
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
