"""
Limits of text: characters that names may have, and limits of matchers.
"""

import sys
import unicodedata

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.errors import Refused
from ssetwist.mercure.topics._limits import _FORBIDDEN, DEFAULT_LIMITS, Limits, check_name

#: Every Unicode character.
CHARACTERS = "".join(map(chr, range(sys.maxunicode + 1)))


def refusal_of(name: str) -> str | None:
    """
    Return the reason why a name is refused; ``None`` if it is accepted.
    """
    try:
        check_name("topic", name)
    except Refused as refused:
        return refused.text
    return None


class CheckNameTests(SynchronousTestCase):
    """
    Names consist of visible characters.
    """

    def test_invisible(self) -> None:
        """
        Controls, format characters and lone surrogates are refused anywhere in a name; the error
        names the field and the character.
        """
        for character in "\0\n\x1f\x7f\x80\x85\x9f\xad\u200b\u202e\ufeff\U000e0041\ud800\udfff":
            problem = self.assertRaises(Refused, check_name, "match", f"é{character}b")
            self.assertEqual(400, problem.status)
            self.assertIn("match ", problem.text)
            self.assertIn(f"U+{ord(character):04X} at index 1", problem.text)

    def test_visible(self) -> None:
        """
        Blanks, letters of all scripts, and combining characters are accepted.
        """
        names = (
            "",
            "a b",
            " ",
            "\xa0",
            "https://example.com/é?x=1#y",
            "日本語",
            "e\u0301",
            "😀",
        )
        self.assertEqual([], [name for name in names if refusal_of(name) is not None])

    def test_categories(self) -> None:
        """
        Exactly the categories Cc, Cf and Cs are refused, and format characters that are newer than
        this Python.
        """
        refused = {*_FORBIDDEN.findall(CHARACTERS)}
        known = {one for one in CHARACTERS if unicodedata.category(one) in ("Cc", "Cf", "Cs")}
        self.assertEqual(set(), known - refused)
        self.assertEqual({"Cn"}, {"Cn", *map(unicodedata.category, refused - known)})

    def test_format_characters_of_unicode_17(self) -> None:
        """
        The 170 format characters of Unicode 17.0 are refused, even by a Python that knows fewer.
        """
        refused = map(unicodedata.category, _FORBIDDEN.findall(CHARACTERS))
        self.assertEqual(170, sum(1 for one in refused if one not in ("Cc", "Cs")))

    @given(st.text(st.characters(exclude_categories=("Cn",))))
    def test_any(self, name: str) -> None:
        """
        A text without forbidden characters is a name; otherwise the error names the first of them.
        """
        bad = [
            f"U+{ord(one):04X} at index {index}"
            for index, one in enumerate(name)
            if unicodedata.category(one) in ("Cc", "Cf", "Cs")
        ]
        refusal = refusal_of(name)
        self.assertEqual(bad[0] if bad else None, refusal and refusal.rpartition("found ")[2])


class LimitsTests(SynchronousTestCase):
    """
    Limits of matchers.
    """

    def test_of_grants(self) -> None:
        """
        Each higher limit of requests is one of tokens as well; a lower one is not.
        """
        for of_requests, of_tokens in (
            (Limits(99, 4095), DEFAULT_LIMITS),
            (Limits(101, 4095), Limits(101, 4096)),
            (Limits(99, 4097), Limits(100, 4097)),
            (Limits(101, 4097), Limits(101, 4097)),
        ):
            self.assertEqual(of_tokens, of_requests.of_grants())

    def test_size(self) -> None:
        """
        A matcher has as many bytes of UTF-8 as the limit says, and no invisible character; the
        error names the field.
        """
        limits = Limits(max_pattern=4)
        for matcher in ("", "abcd", "éé"):
            limits.check_matcher("match", matcher)
        for matcher, text in (
            ("abcde", "topic has more than 4 bytes"),
            ("ééa", "topic has more than 4 bytes"),
            ("a\n", "topic must not have control or invisible characters; found U+000A at index 1"),
        ):
            problem = self.assertRaises(Refused, limits.check_matcher, "topic", matcher)
            self.assertEqual((400, text), (problem.status, problem.text))
