"""
Followers: several callbacks that get each entry of a log.
"""

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from ssetwist import Event
from ssetwist.log import Entry, MemoryLog
from tests.clock import Clock


class FollowersTests(SynchronousTestCase):
    """
    Several callbacks follow one log.
    """

    def setUp(self) -> None:
        self.log = MemoryLog(Clock())
        self.heard: dict[str, list[int]] = {}

    def append(self) -> None:
        self.successResultOf(self.log.append(("t",), Event("x")))

    def follow(
        self, name: str, then: Callable[[Entry], object] = lambda entry: None
    ) -> Callable[[], None]:
        """
        Follow the log, and do something with each entry.
        """
        heard = self.heard[name] = []

        def hear(entry: Entry) -> None:
            heard.append(entry.position)
            then(entry)

        return self.log.follow(hear)

    def test_each_hears_all(self) -> None:
        """
        Each callback gets every entry from the time when it began to follow until it stopped.
        """
        end_first = self.follow("first")
        self.append()
        end_second = self.follow("second")
        self.append()
        end_first()
        self.append()
        end_second()
        self.append()
        self.assertEqual({"first": [1, 2], "second": [2, 3]}, self.heard)

    def test_same_callback_twice(self) -> None:
        """
        A callback that follows twice is called twice; after one of them is ended, also twice, the
        other still follows.
        """
        heard: list[int] = []

        def hear(entry: Entry) -> None:
            heard.append(entry.position)

        end, _ = self.log.follow(hear), self.log.follow(hear)
        self.append()
        end()
        end()
        self.append()
        self.assertEqual([1, 1, 2], heard)

    def test_appends_when_told(self) -> None:
        """
        If a callback appends an entry while it gets one, the others get both entries in their
        order.
        """
        for position in range(3):
            with self.subTest(position=position):
                self.setUp()
                names = ["ann", "bob", "cleo"]
                for number, name in enumerate(names):
                    appends = number == position
                    self.follow(
                        name,
                        lambda entry, appends=appends: (
                            self.append() if appends and entry.position < 3 else None
                        ),
                    )
                self.append()
                self.assertEqual({name: [1, 2, 3] for name in names}, self.heard)

    def test_raises(self) -> None:
        """
        An exception of a callback is logged, and affects neither other callbacks nor the caller of
        ``append``.
        """

        def fail(entry: Entry) -> None:
            raise ZeroDivisionError

        self.follow("first")
        self.follow("broken", fail)
        self.follow("last")
        self.append()
        self.append()
        self.assertEqual(2, len(self.flushLoggedErrors(ZeroDivisionError)))
        self.assertEqual({"first": [1, 2], "broken": [1, 2], "last": [1, 2]}, self.heard)

    def test_ends_when_told(self) -> None:
        """
        If a callback ends another one while it gets an entry, the other does not get this entry.
        """
        ends: list[Callable[[], None]] = []
        self.follow("first", lambda entry: ends[0]())
        ends.append(self.follow("second"))
        self.append()
        self.assertEqual({"first": [1], "second": []}, self.heard)

    def test_comes_when_told(self) -> None:
        """
        A callback that begins while another one gets an entry gets only later entries, because this
        entry was in the log already.
        """
        self.follow("first", lambda entry: self.follow(f"after {entry.position}"))
        self.append()
        self.append()
        self.assertEqual({"first": [1, 2], "after 1": [2], "after 2": []}, self.heard)
