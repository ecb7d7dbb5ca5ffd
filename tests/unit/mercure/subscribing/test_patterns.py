"""
Limits on the distinct patterns that subscribers hold.
"""

from collections import Counter

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from twisted.trial.unittest import SynchronousTestCase

from ssetwist import Refused
from ssetwist.mercure.subscribing._patterns import HeldPatterns, Holder, TakenPatterns
from ssetwist.mercure.topics import Selector

ALICE, ANYBODY = Holder("token", "alice"), Holder("address", "192.0.2.1")


def patterns(*texts: str) -> tuple[Selector, ...]:
    return tuple(Selector("urlpattern", text) for text in texts)


class HeldPatternsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.held = HeldPatterns(total=5, per_holder={"token": 3, "address": 2})

    def assert_refused(
        self, status: int, said: str, holder: Holder, *texts: str, are_complex: bool = False
    ) -> None:
        with self.assertRaises(Refused) as caught:
            self.held.take(holder, patterns(*texts), are_complex=are_complex)
        refused = caught.exception
        self.assertEqual((status, 10.0), (refused.status, refused.retry_after))
        self.assertIn(said, refused.text)
        self.assertIn("limit of", refused.reason)

    def test_per_holder(self) -> None:
        """
        Each holder has its limit, by its kind; the refusal says which was met, and counts nothing.
        """
        self.held.take(ALICE, patterns("/a", "/b"))
        self.assert_refused(429, "At most 3 different patterns", ALICE, "/c", "/d")
        self.held.take(ALICE, patterns("/c"))
        self.assert_refused(429, "with one token", ALICE, "/d")
        self.held.take(ANYBODY, patterns("/a"))
        self.assert_refused(429, "with one address", ANYBODY, "/b", "/c")
        self.held.take(ANYBODY, patterns("/b"))

    def test_equal(self) -> None:
        """
        Equal patterns count once, for a holder and in total, until the last is given back.
        """
        for _ in range(10):
            self.held.take(ALICE, patterns("/a", "/b", "/c"))
        for _ in range(9):
            self.held.give_back(ALICE, patterns("/a", "/b", "/c"))
        self.assert_refused(429, "with one token", ALICE, "/d")
        self.held.give_back(ALICE, patterns("/a", "/b", "/c"))
        self.assertTrue(self.held.is_idle)
        self.held.take(ALICE, patterns("/d"))

    def test_total(self) -> None:
        """
        All holders together have a limit, too.
        """
        self.held.take(ALICE, patterns("/a", "/b", "/c"))
        self.held.take(ANYBODY, patterns("/d", "/e"))
        other = Holder("address", "192.0.2.2")
        self.assert_refused(503, "too many different patterns", other, "/f")
        self.held.take(other, patterns("/a", "/e"))

    def test_complex(self) -> None:
        """
        A twentieth of each limit may be complex patterns, and at least one.
        """
        self.held = HeldPatterns(total=60, per_holder={"token": 40, "address": 1})
        self.held.take(ALICE, patterns("/(a)", "/(b)"), are_complex=True)
        self.assert_refused(429, "2 different complex", ALICE, "/(c)", are_complex=True)
        self.held.take(ANYBODY, patterns("/(c)"), are_complex=True)
        bob = Holder("token", "bob")
        self.assert_refused(503, "complex", bob, "/(d)", are_complex=True)
        self.held.take(bob, patterns(*map(str, range(40))))
        self.held.give_back(ALICE, patterns("/(a)", "/(b)"), are_complex=True)
        self.held.take(bob, patterns("/(d)", "/(e)"), are_complex=True)

    def test_no_limit(self) -> None:
        """
        0 is no limit.
        """
        self.held = HeldPatterns(total=0, per_holder={"token": 0, "address": 0})
        for are_complex in (False, True):
            self.held.take(ALICE, patterns(*map(str, range(1000))), are_complex=are_complex)

    def test_never(self) -> None:
        """
        A subscriber that asks for more than its limit is refused for good, with 400: it would come
        back in vain.
        """
        self.held = HeldPatterns(total=60, per_holder={"token": 40, "address": 1})
        many = patterns(*map(str, range(41)))
        taken = TakenPatterns(self.held, ALICE)
        for pattern in many[:2]:
            taken.take_complex(pattern)
        for take, asked in ((taken.take, many), (taken.take_complex, many[2])):
            with self.assertRaises(Refused) as caught:
                take(asked)  # type: ignore[operator]
            self.assertEqual((400, None), (caught.exception.status, caught.exception.retry_after))
            self.assertIn("At most", caught.exception.text)

    def test_none(self) -> None:
        """
        A subscriber without patterns leaves nothing behind.
        """
        taken = TakenPatterns(self.held, ALICE)
        taken.give_back()
        self.assertTrue(self.held.is_idle)

    def test_given_back(self) -> None:
        """
        A subscriber gives back what it has taken, and nothing that was refused.
        """
        taken = TakenPatterns(self.held, ALICE)
        taken.take(patterns("/a", "/(b)"))
        taken.take_complex(*patterns("/(b)"))
        other = TakenPatterns(self.held, ALICE)
        self.assertRaises(Refused, other.take, patterns("/c", "/d"))
        other.give_back()
        other.take(patterns("/(e)"))
        self.assertRaises(Refused, other.take_complex, *patterns("/(e)"))
        for one in (other, taken):
            self.assertFalse(self.held.is_idle)
            one.give_back()
        self.assertTrue(self.held.is_idle)


class HeldPatternsModel(RuleBasedStateMachine):
    """
    Any takes and returns, against plain counting.
    """

    def __init__(self) -> None:
        super().__init__()
        self.held = HeldPatterns(total=4, per_holder={"token": 3, "address": 2})
        self.taken: list[tuple[Holder, tuple[Selector, ...]]] = []

    def distinct(self, holder: Holder | None) -> set[Selector]:
        return {one for who, some in self.taken if holder in (None, who) for one in some}

    @rule(
        holder=st.sampled_from((ALICE, ANYBODY, Holder("token", "bob"))),
        texts=st.lists(st.sampled_from("abcdef"), min_size=1, max_size=3, unique=True),
    )
    def take(self, holder: Holder, texts: list[str]) -> None:
        some = patterns(*texts)
        fits = len(self.distinct(holder) | set(some)) <= self.held.per_holder[holder.kind]
        fits = fits and len(self.distinct(None) | set(some)) <= 4
        try:
            self.held.take(holder, some)
        except Refused:
            assert not fits
        else:
            assert fits
            self.taken.append((holder, some))

    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        if self.taken:
            index = data.draw(st.integers(0, len(self.taken) - 1))
            self.held.give_back(*self.taken.pop(index))

    @invariant()
    def counts(self) -> None:
        expected = Counter(one for _, some in self.taken for one in some)
        assert (not expected) == self.held.is_idle


HeldPatternsModelTests = HeldPatternsModel.TestCase
