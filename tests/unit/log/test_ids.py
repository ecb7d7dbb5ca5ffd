"""
Ids that a log gives.
"""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ssetwist import Event
from ssetwist.log import MAX_ID, position_of, render_id
from ssetwist.log._ids import new_epoch

EPOCHS = st.text("0123456789abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=32)


class CursorTests(SynchronousTestCase):
    """
    Ids and positions.
    """

    @given(EPOCHS, st.integers(0, 10**18 - 1))
    def test_read_out(self, epoch: str, position: int) -> None:
        """
        The position is read from an id.
        """
        self.assertEqual(position, position_of(epoch, render_id(epoch, position)))

    @given(st.text())
    def test_pitfall_D_garbage(self, text: str) -> None:
        """
        Any text of a client is either a position or not, and never raises.
        """
        position = position_of("a1", text)
        if position is not None:
            self.assertEqual(text, render_id("a1", position))

    @given(EPOCHS, EPOCHS, st.integers(0, 10**9))
    def test_another_life(self, epoch: str, other: str, position: int) -> None:
        """
        An id of another log, or of another life of this one, is not a position here.
        """
        expected = position if epoch == other else None
        self.assertEqual(expected, position_of(epoch, render_id(other, position)))

    def test_spellings(self) -> None:
        """
        Each position is written in one way only.
        """
        for text in (
            "#a1.01",
            "#a1.",
            "#a1.-1",
            "#a1.+1",
            "#a1.1_0",
            "#a1.\u0661",
            "#a1.1\n",
            " #a1.1",
            "a1.1",
            "#A1.1",
            "#a1.1.1",
            "#a1." + "1" * MAX_ID,
            "",
        ):
            self.assertIsNone(position_of("a1", text), text)

    def test_pitfall_cross_origin(self) -> None:
        """
        An id never makes a cross-origin request need a preflight.
        """
        id = render_id(new_epoch(), 10**18 - 1)
        self.assertLessEqual(len(id), 128)
        self.assertFalse(set(id) & set('"():<>?@[\\]{}\x7f') or min(id) <= " ")
        Event(id=id)

    def test_epochs(self) -> None:
        """
        Two logs never have the same epoch.
        """
        self.assertEqual(1000, len({new_epoch() for _ in range(1000)}))
