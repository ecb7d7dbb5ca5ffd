"""
Limits that follow from the descriptors of a process.
"""

from types import SimpleNamespace

from twisted.trial.unittest import SynchronousTestCase

from ssetwist import HubConfig
from ssetwist.server import _descriptors
from ssetwist.server._descriptors import Capacity, take_descriptors, wanted_descriptors


class WantedTests(SynchronousTestCase):
    """
    Descriptors that the process asks for.
    """

    def test_all(self) -> None:
        """
        The process asks for all descriptors that it may have; without a limit for 65,536, and
        never for fewer than it has.
        """
        self.assertEqual(4096, wanted_descriptors(1024, 4096))
        self.assertEqual(65536, wanted_descriptors(256, None))
        self.assertEqual(100_000, wanted_descriptors(100_000, None))


class TakeTests(SynchronousTestCase):
    """
    Descriptors that the process takes.
    """

    def take(self, hard: int, watched: int | None) -> tuple[int, str, list[tuple[int, int]]]:
        """
        Take descriptors in a process that may have so many, for a reactor that can watch so many.
        """
        import resource

        taken: list[tuple[int, int]] = []
        self.patch(resource, "getrlimit", lambda which: (256, hard))
        self.patch(resource, "setrlimit", lambda which, limits: taken.append(limits))
        self.patch(_descriptors, "most_descriptors", lambda reactor: watched)
        capacity = take_descriptors(SimpleNamespace())
        return capacity.descriptors, capacity.limit.partition(";")[0], taken

    def test_process(self) -> None:
        """
        A reactor without a limit gets all that the process may have.
        """
        limit = "this process may open 5000 files"
        self.assertEqual((5000, limit, [(5000, 5000)]), self.take(5000, None))
        self.assertEqual((256, "this process may open 256 files", []), self.take(256, 1024))

    def test_reactor(self) -> None:
        """
        A reactor with a smaller limit gets no descriptor beyond it.
        """
        limit = "SimpleNamespace can watch 1024 descriptors"
        self.assertEqual((1024, limit, [(1024, 5000)]), self.take(5000, 1024))


class FitTests(SynchronousTestCase):
    """
    A configuration within the descriptors.
    """

    def fit(self, descriptors: int, **options: int) -> tuple[int, int, bool]:
        """
        Return the connections, the subscribers, and whether there is a warning.
        """
        config, warning = Capacity(descriptors, "few").fit(HubConfig(**options))
        return config.max_connections, config.max_subscribers, warning is not None

    def test_default(self) -> None:
        """
        64 descriptors are kept for everything but connections, and 32 connections for other
        requests than streams.  A few of each are always possible, because 0 means no limit.
        """
        for descriptors, expected in (
            (65536, (65472, 65440, False)),
            (4096, (4032, 4000, False)),
            (1024, (960, 928, True)),
            (70, (6, 3, True)),
            (10, (2, 1, True)),
        ):
            self.assertEqual(expected, self.fit(descriptors), descriptors)

    def test_given(self) -> None:
        """
        Limits that are given hold if they are smaller.
        """
        self.assertEqual((100, 68, False), self.fit(5000, max_connections=100))
        self.assertEqual((4936, 10, False), self.fit(5000, max_subscribers=10))
        self.assertEqual((100, 60, False), self.fit(5000, max_subscribers=60, max_connections=100))

    def test_given_too_large(self) -> None:
        """
        A larger limit cannot hold, and a warning says so.
        """
        self.assertEqual((4936, 4904, True), self.fit(5000, max_subscribers=5000))
        self.assertEqual((4936, 4904, True), self.fit(5000, max_connections=5000))
