"""
Short turns: few events at a time, and every descriptor in its turn.
"""

from twisted.trial.unittest import SynchronousTestCase

from ssetwist.server._short_turns import _FEWEST, _MOST, MAX_TURN, ShortTurns, shorten_turns


class Poller:
    """
    An ``epoll`` object in memory: it reports what is ready in turn, as the kernel does.
    """

    def __init__(self) -> None:
        self.ready: list[int] = []
        self.asked: list[tuple[float, int]] = []

    def poll(self, timeout: float, maxevents: int) -> list[tuple[int, int]]:
        self.asked.append((timeout, maxevents))
        some, self.ready = self.ready[:maxevents], self.ready[maxevents:]
        return [(descriptor, 1) for descriptor in some]

    def register(self, descriptor: int, mask: int) -> str:
        return f"registered {descriptor} {mask}"


class Raising(Poller):
    def poll(self, timeout: float, maxevents: int) -> list[tuple[int, int]]:
        raise InterruptedError


class ShortTurnsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.now = 0.0
        self.poller = Poller()
        self.turns = ShortTurns(self.poller, seconds=lambda: self.now)

    def turn(self, seconds_each: float) -> list[int]:
        """
        Do one turn, and return the descriptors that were served.
        """
        served = []
        for descriptor, _ in self.turns.poll(1.5, 1000):
            self.now += seconds_each
            served.append(descriptor)
        return served

    def test_all_in_turn(self) -> None:
        """
        Everything that is ready is served, in several turns.
        """
        self.poller.ready = list(range(500))
        served: list[int] = []
        while self.poller.ready:
            some = self.turn(0.0)
            self.assertLessEqual(len(some), _MOST)
            served += some
        self.assertEqual(list(range(500)), served)
        self.assertEqual(1.5, self.poller.asked[0][0])

    def test_expensive(self) -> None:
        """
        If events take long, a turn gets fewer, until it is short enough or has the fewest; with
        cheap events it gets more again.
        """
        self.poller.ready = list(range(10_000))
        for cost, expected in ((1.0, _FEWEST), (0.0, _MOST)):
            for _ in range(30):
                self.turn(cost)
            self.assertEqual(expected, self.turns.most)
        for _ in range(30):
            self.turn(MAX_TURN / 20)
        self.assertTrue(10 <= self.turns.most <= 24, self.turns.most)

    def test_few_events(self) -> None:
        """
        Turns with few events say nothing about how many one may have.
        """
        most = self.turns.most
        for _ in range(30):
            self.poller.ready = [1]
            self.turn(0.0)
        self.assertEqual(most, self.turns.most)

    def test_interrupted(self) -> None:
        """
        An error of the system is raised by the call itself, where a reactor expects it.
        """
        self.assertRaises(InterruptedError, ShortTurns(Raising()).poll, 1.0, 10)

    def test_other_methods(self) -> None:
        """
        Everything else is the poller's.
        """
        self.assertEqual("registered 1 2", self.turns.register(1, 2))

    def test_other_reactor(self) -> None:
        """
        A reactor without ``epoll`` stays as it is.
        """

        class Other:
            _poller = "something else"

        reactor = Other()
        shorten_turns(reactor)
        self.assertEqual("something else", reactor._poller)
        shorten_turns(object())
