"""
Regular expressions in URL patterns.
"""

import re

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.errors import InvalidMatcher
from ssetwist.mercure.topics._regexp import read_regexp

#: Pieces that make and break regular expressions.
PIECES = (
    "a",
    ".",
    "[",
    "]",
    "^",
    "(?:",
    "(",
    ")",
    "{2}",
    "{2,}",
    "{",
    "*",
    "?",
    "|",
    r"\d",
    r"\W",
    "é",
)


def cost(regexp: str) -> int:
    """
    Return what a regular expression costs.
    """
    return read_regexp(f"({regexp})", 0).cost


class ReadRegexpTests(SynchronousTestCase):
    """
    What may be in them, and what it costs.
    """

    def test_read(self) -> None:
        """
        It is read up to its own parenthesis, from wherever it begins.
        """
        for pattern, start, expected in (
            ("(a)", 0, "(a)"),
            ("/:id(a|b)/c", 4, "(a|b)"),
            ("(a(?:b(?:c)+)?)(d)", 0, "(a(?:b(?:c)+)?)"),
            (r"(\(\))", 0, r"(\(\))"),
            (r"([a^\]])x", 0, r"([a^\]])"),
            (r"(\u{1F600}\u00e9\x41\n\-)", 0, r"(\u{1F600}\u00e9\x41\n\-)"),
        ):
            regexp = read_regexp(pattern, start)
            self.assertEqual(expected, regexp.text)
            self.assertEqual(start + len(expected), regexp.end)

    def test_sets(self) -> None:
        """
        Letters that stand for many characters are written as browsers take them.
        """
        for given_, expected in (
            (r"(\d+)", "([0-9]+)"),
            (r"([\w-])", "([[0-9A-Za-z_]-])"),
            (r"([^\s])", r"([^[\t\n\v\f\r ]])"),
            (r"(\D\W\S)", r"([^0-9][^0-9A-Za-z_][^\t\n\v\f\r ])"),
            (r"(\\d)", r"(\\d)"),
        ):
            self.assertEqual(expected, read_regexp(given_, 0).text)

    def test_refused(self) -> None:
        """
        What only some know, what brings other scripts, and what has no end is refused by name.
        """
        for regexp, what in (
            (r"\p{L}", r"\p{"),
            (r"\P{L}", r"\P{"),
            (r"[\p{L}]", r"\p{"),
            (r"(a)\1", "(a)"),
            (r"\1", r"\1"),
            (r"\U0001F600", r"\U0"),
            (r"\x{41}", r"\x{"),
            ("(?i:a)", "(?i"),
            ("(?=a)", "(?="),
            ("(?<n>a)", "(?<"),
            ("a{,5}", "{,5"),
            ("a{1e3}", "{1e"),
            ("a{10000}", "{10"),
            ("é", "é"),
            ("[]a]", "[]"),
            ("[^]a]", "[]"),
            ("[(?:]", "(?:"),
            ("[)]", ")"),
        ):
            problem = self.assertRaises(InvalidMatcher, read_regexp, f"({regexp})", 0)
            self.assertIn(f"has {what!r}"[:-1], str(problem), regexp)
        for endless in ("(", "(a", "((?:a)", "([a", "([a[b]"):
            self.assertRaises(InvalidMatcher, read_regexp, endless, 0)
        problem = self.assertRaises(InvalidMatcher, read_regexp, "(a", 0)
        self.assertIn("without an end", str(problem))

    def test_repeated(self) -> None:
        """
        What is repeated costs as much each time: characters, classes and groups, and what had been
        repeated before.
        """
        for one in ("a", ".", "[a-z]", "[^a]", "(?:ab|c)", "(?:a{3})"):
            for count, times in (("{50}", 50), ("{7,50}", 50), ("{49,}", 50), ("{5}{10}", 50)):
                self.assertGreaterEqual(cost(one + count), times * cost(one), one + count)
            for count in ("{0}", "{0,0}", "*", "+", "?", "*?", "{1}"):
                self.assertGreaterEqual(cost(one + count), cost(one), one + count)
        self.assertGreaterEqual(cost("(?:(?:ab){10}){10}"), 100 * cost("ab"))
        self.assertGreaterEqual(cost("(?:ab)*{100}"), 100 * cost("ab"))

    def test_wide(self) -> None:
        """
        What may be almost any character, or one from afar, costs more than one of a few.
        """
        for wide in (".", r"\D", r"\W", r"\S", "[^a]", r"[\W]", r"[a[^b]]", r"[\u{80}-\u{10ffff}]"):
            for narrow in ("a", r"\d", r"\w", "[0-9A-Za-z_]"):
                self.assertGreater(cost(wide), 10 * cost(narrow), (wide, narrow))

    @given(st.lists(st.sampled_from(PIECES), max_size=12))
    def test_any(self, pieces: list[str]) -> None:
        """
        Whatever it is, it is read or refused; and of what is read no part has been lost.
        """
        text = "".join(["(", *pieces, ")"])
        try:
            regexp = read_regexp(text, 0)
        except InvalidMatcher:
            return
        written = regexp.text.replace("[0-9]", r"\d").replace("[^0-9A-Za-z_]", r"\W")
        self.assertEqual(text[: regexp.end], written)
        self.assertFalse(re.search(r"[^\0-\x7f]", regexp.text))
