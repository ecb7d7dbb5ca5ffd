"""
Tests that hang fail.
"""

import os
import signal
import unittest

from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests import hanging


class HangingTests(SynchronousTestCase):
    """
    The limit of the time of each test.
    """

    def test_hangs(self) -> None:
        """
        A test that waits for ever, in the kernel or by itself, fails, and the next one is run.
        """
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        self.addCleanup(os.close, writing)

        class Inner(SynchronousTestCase):
            run = hanging.limited(SynchronousTestCase.run.__wrapped__, 0.05)

            def test_kernel(self) -> None:
                os.read(reading, 1)

            def test_loop(self) -> None:
                while True:
                    pass

            def test_short(self) -> None:
                pass

        result = unittest.TestResult()
        for name in ("test_kernel", "test_loop", "test_short"):
            Inner(name).run(result)
        self.assertEqual((3, 2), (result.testsRun, len(result.errors)))
        self.assertIn("the test has taken too long", result.errors[0][1])

    def test_every_test(self) -> None:
        """
        A test without a reactor has such a limit, which ends with it; one with a reactor has
        trial's.
        """
        left: list[float] = []

        class Without(SynchronousTestCase):
            def test(self) -> None:
                left.append(signal.getitimer(signal.ITIMER_REAL)[0])

        class With(TestCase):
            def test(self) -> None:
                left.append(signal.getitimer(signal.ITIMER_REAL)[0])

        for kind in (Without, With):
            kind("test").run(unittest.TestResult())
        self.assertGreater(left[0], hanging.LIMIT / 2)
        self.assertEqual([0.0], left[1:])
