"""
Limits that follow from the descriptors of a process.
"""

import sys
from math import inf
from types import SimpleNamespace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from ssetwist import HubConfig
from ssetwist.server import _descriptors
from ssetwist.server._descriptors import Capacity, reserved, take_descriptors, wanted_descriptors
from ssetwist.server._short_turns import ACCEPTS


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

    def take(
        self,
        hard: int,
        watched: int | None,
        problem: type[Exception] = OSError,
        possible: float = inf,
    ) -> tuple[int, str, list[tuple[int, int]]]:
        """
        Take descriptors in a process that may have so many, for a reactor that can watch so many.

        :param problem: The error of the system about more than are possible.
        :returns: The number, its reason, and all limits that were tried.
        """
        import resource

        taken: list[tuple[int, int]] = []

        def limit(_: int, limits: tuple[int, int]) -> None:
            taken.append(limits)
            if limits[0] > possible:
                raise problem

        self.patch(resource, "getrlimit", lambda which: (256, hard))
        self.patch(resource, "setrlimit", limit)
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

    def test_unlimited(self) -> None:
        """
        Without a limit the process takes enough, and may take more later.
        """
        limit = "this process may open 65536 files"
        self.assertEqual((65536, limit, [(65536, -1)]), self.take(-1, None))

    def test_refused(self) -> None:
        """
        If the system refuses what it allows, the process takes half of it, or stays as it is.
        """
        for problem in (OSError, ValueError):
            limit = "this process may open 32768 files"
            tried = [(65536, -1), (32768, -1)]
            self.assertEqual((32768, limit, tried), self.take(-1, None, problem, 40_000))
            taken, limit, tried = self.take(1000, None, problem, 0)
            self.assertEqual((256, "this process may open 256 files"), (taken, limit))
            self.assertEqual([(1000, 1000), (500, 1000)], tried)

    def test_reactor(self) -> None:
        """
        A reactor with a smaller limit gets no descriptor beyond it.
        """
        limit = "SimpleNamespace can watch 1024 descriptors"
        self.assertEqual((1024, limit, [(1024, 5000)]), self.take(5000, 1024))

    def test_windows(self) -> None:
        """
        Windows does not limit the descriptors of a process, only those that a reactor can watch.
        """
        self.patch(sys, "platform", "win32")
        for watched, expected in ((512, 512), (None, 65536)):
            limit = f"SimpleNamespace can watch {expected} descriptors"
            self.assertEqual((expected, limit, []), self.take(5000, watched))

    def test_less_than_the_reactor(self) -> None:
        """
        A process that gets fewer than its reactor can watch is limited by the system: another
        reactor would not help.
        """
        limit, tried = "this process may open 512 files", [(1024, 5000), (512, 5000)]
        self.assertEqual((512, limit, tried), self.take(5000, 1024, possible=600))


class FitTests(SynchronousTestCase):
    """
    A configuration within the descriptors.
    """

    def fit(self, descriptors: int, **options: Any) -> tuple[int, int, bool]:
        """
        Return the connections, the subscribers, and whether there is a warning about the limit.
        """
        config, self.warning = Capacity(descriptors, "few").fit(HubConfig(**options))
        is_limited = (self.warning or "").endswith(": few")
        return config.max_connections, config.max_subscribers, is_limited

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
        self.assertEqual((960, 100, True), self.fit(1024, max_subscribers=100))
        self.assertEqual((960, 928, True), self.fit(1024, max_subscribers=2000))

    def test_few_are_meant(self) -> None:
        """
        A process that needs no more descriptors than it may have is not warned.
        """
        self.assertEqual((100, 68, False), self.fit(1024, max_connections=100))
        self.assertIsNone(self.warning)

    def test_clash(self) -> None:
        """
        Fewer connections than the subscribers need are a matter of the two options, not of the
        descriptors.
        """
        for descriptors in (1024, 65536):
            found = self.fit(descriptors, max_connections=100, max_subscribers=100)
            self.assertEqual((100, 68, False), found)
            self.assertEqual(
                "--max-connections 100 leaves 68 for subscribers, because 32 are kept for other "
                "requests; --max-subscribers 100 needs --max-connections 132",
                self.warning,
            )

    def test_clash_is_mended(self) -> None:
        """
        The number of connections in that warning is enough.
        """
        for subscribers in (2, 10, 32, 33, 500):
            self.fit(65536, max_connections=subscribers, max_subscribers=subscribers)
            needed = int((self.warning or "").rpartition(" ")[2])
            found = self.fit(65536, max_connections=needed, max_subscribers=subscribers)
            self.assertEqual((needed, subscribers, False), found)
            self.assertIsNone(self.warning)

    def test_endpoints(self) -> None:
        """
        Each endpoint keeps a descriptor for itself, and those that it accepts in one turn.
        """
        for count in (1, 2, 10):
            found = self.fit(5000, listen=[f"tcp:{8000 + number}" for number in range(count)])
            self.assertEqual(4936 - (count - 1) * (1 + ACCEPTS), found[0])

    def test_application(self) -> None:
        """
        Each request to the application has a descriptor of its own; there are 500, or half as many
        as connections.
        """
        for descriptors, connections, asked in ((1024, 640, 320), (65536, 64972, 500), (10, 2, 1)):
            config, warning = Capacity(descriptors, "few").fit(
                HubConfig(authorize_url="https://app.example/may")
            )
            self.assertEqual((connections, asked), (config.max_connections, config.max_asked))
            if warning is not None:
                self.assertIn(f"subscribers, besides {asked} to the application: few", warning)
            if descriptors > 64:
                self.assertLessEqual(connections + asked + reserved(1), descriptors)
