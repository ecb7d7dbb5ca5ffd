"""
Python's garbage collector, in a process that holds many streams.
"""

import gc
import weakref

from twisted.trial.unittest import SynchronousTestCase

from ssetwist import collect_rarely


class Circle:
    """
    An object that only the garbage collector frees.
    """

    def __init__(self) -> None:
        self.itself = self


class CollectRarelyTests(SynchronousTestCase):
    """
    ``collect_rarely``, which ``twistd ssetwist`` calls and an application may call.
    """

    def setUp(self) -> None:
        self.addCleanup(gc.enable)
        self.addCleanup(gc.unfreeze)
        self.addCleanup(gc.set_threshold, *gc.get_threshold())

    def test_rarely(self) -> None:
        """
        The collector skips objects that were there before, and walks through all others only after
        100 million new ones; a walk through the newest is short.
        """
        collect_rarely()
        new, walks, long_walks = gc.get_threshold()
        self.assertEqual(100_000_000, new * walks * long_walks)
        self.assertEqual(5_000, new * walks)
        self.assertGreater(gc.get_freeze_count(), 0)
        self.assertTrue(gc.isenabled())

    def test_garbage_first(self) -> None:
        """
        Garbage that was there is freed, and not kept for ever with what lives on.
        """
        gc.disable()  # so that it is there until the call
        garbage = Circle()
        freed = weakref.ref(garbage)
        del garbage
        self.assertIsNotNone(freed())
        collect_rarely()
        self.assertIsNone(freed())
