"""
Regular expressions in URL patterns.
"""

import re

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.errors import InvalidMatcher
from ssetwist.mercure.topics._regexp import read_regexp

#: Pieces of valid and invalid regular expressions.
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
    Return the cost of a regular expression.
    """
    return read_regexp(f"({regexp})", 0).cost


class ReadRegexpTests(SynchronousTestCase):
    """
    Syntax that is allowed, and its cost.
    """

    def test_read(self) -> None:
        """
        An expression is read from any index in the pattern to its own closing parenthesis.
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
        Escapes for sets of characters are replaced by the sets that browsers use.
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
        Syntax that only browsers or only the library knows, sets with other scripts, and unclosed
        expressions are refused; the error names the syntax.
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
        self.assertIn("has an unclosed parenthesis", str(problem))

    def test_repeated(self) -> None:
        """
        A repeated character, class or group costs at least as much as if it were written out that
        often.
        """
        for one in ("a", ".", "[a-z]", "[^a]", "(?:ab|c)", "(?:a{3})"):
            for count, times in (("{50}", 50), ("{7,50}", 50), ("{49,}", 50), ("{5}{10}", 50)):
                self.assertGreaterEqual(cost(one + count), times * cost(one), one + count)
            for count in ("{0}", "{0,0}", "*", "+", "?", "*?", "{1}"):
                self.assertGreaterEqual(cost(one + count), cost(one), one + count)
        self.assertGreaterEqual(cost("(?:(?:ab){10}){10}"), 100 * cost("ab"))
        self.assertGreaterEqual(cost("(?:ab)*{100}"), 100 * cost("ab"))

    def test_wide_sets(self) -> None:
        """
        A set with almost all characters, or with characters outside ASCII, costs more than a small
        one.
        """
        for wide in (".", r"\D", r"\W", r"\S", "[^a]", r"[\W]", r"[a[^b]]", r"[\u{80}-\u{10ffff}]"):
            for narrow in ("a", r"\d", r"\w", "[0-9A-Za-z_]"):
                self.assertGreater(cost(wide), 10 * cost(narrow), (wide, narrow))

    @given(st.lists(st.sampled_from(PIECES), max_size=12))
    def test_any(self, pieces: list[str]) -> None:
        """
        Any text is refused or read; a text that is read stays the same, except for the replaced
        sets.
        """
        text = "".join(["(", *pieces, ")"])
        try:
            regexp = read_regexp(text, 0)
        except InvalidMatcher:
            return
        written = regexp.text.replace("[0-9]", r"\d").replace("[^0-9A-Za-z_]", r"\W")
        self.assertEqual(text[: regexp.end], written)
        self.assertFalse(re.search(r"[^\0-\x7f]", regexp.text))
