"""
Comparison of the cost of work.
"""

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from tests.cost import assert_linear


def loops(power: int) -> Callable[[int], Callable[[], object]]:
    """
    Return work that takes a number of steps: the size to the given power.
    """
    return lambda size: lambda: [step * step for step in range(size**power)]


class LinearTests(SynchronousTestCase):
    """
    Work that grows with its size, and work that grows faster.
    """

    def test_linear(self) -> None:
        """
        Work that grows in proportion to its size passes, even if it takes very little time.
        """
        for small in (1, 16, 256):
            assert_linear(loops(1), small)

    def test_quadratic(self) -> None:
        """
        Work that grows with the square of its size fails, even if it takes very little time.
        """
        for small in (16, 64):
            self.assertRaises(AssertionError, assert_linear, loops(2), small)
