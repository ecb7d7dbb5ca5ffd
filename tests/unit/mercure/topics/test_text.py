"""
Which characters names may have.
"""

import sys
import unicodedata

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.errors import Refused
from ssetwist.mercure.topics._text import _FORBIDDEN, check_name

#: Every character there is.
CHARACTERS = tuple(map(chr, range(sys.maxunicode + 1)))


class CheckNameTests(SynchronousTestCase):
    """
    Names are made of visible characters.
    """

    def test_invisible(self) -> None:
        """
        Controls, format characters and lone surrogates are refused, wherever they stand; the error
        names the field and the character.
        """
        for character in "\0\n\x1f\x7f\x80\x85\x9f\xad\u200b\u202e\ufeff\U000e0041\ud800\udfff":
            problem = self.assertRaises(Refused, check_name, "match", f"é{character}b")
            self.assertEqual(400, problem.status)
            self.assertIn("match ", problem.text)
            self.assertIn(f"U+{ord(character):04X} at index 1", problem.text)

    def test_visible(self) -> None:
        """
        Blanks, letters of all scripts, and what joins to the letter before it are not.
        """
        for name in (
            "",
            "a b",
            " ",
            "\xa0",
            "https://example.com/é?x=1#y",
            "日本語",
            "e\u0301",
            "😀",
        ):
            check_name("topic", name)

    def test_categories(self) -> None:
        """
        What is refused is exactly Cc, Cf and Cs, but for format characters that are newer than this
        Python.
        """
        refused = {one for one in CHARACTERS if _FORBIDDEN.match(one)}
        known = {one for one in CHARACTERS if unicodedata.category(one) in ("Cc", "Cf", "Cs")}
        self.assertEqual(set(), known - refused)
        self.assertEqual({"Cn"}, {"Cn", *map(unicodedata.category, refused - known)})

    def test_pinned(self) -> None:
        """
        There are the 170 format characters of Unicode 17.0, whatever this Python knows.
        """
        others = ("Cc", "Cs")
        self.assertEqual(
            170,
            sum(
                1
                for one in CHARACTERS
                if _FORBIDDEN.match(one) and unicodedata.category(one) not in others
            ),
        )

    @given(st.text(st.characters(exclude_categories=("Cc", "Cf", "Cs", "Cn"))))
    def test_all_visible(self, name: str) -> None:
        """
        A text without them is a name.
        """
        check_name("topic", name)
