"""
Reading strict JSON.
"""

import json

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.mercure.updates._strict_json import (
    MAX_DIGITS,
    MAX_MARKS,
    _marks,
    _without_strings,
    read_object,
)


def marks_of(value: object) -> int:
    """
    Return the number of commas and brackets of a list of lists, outside of strings.
    """
    if not isinstance(value, list):
        return 0
    return max(1, len(value)) + sum(map(marks_of, value))


class ReadObjectTests(SynchronousTestCase):
    """
    Reading a JSON object from bytes.
    """

    def problem(self, text: bytes) -> str:
        """
        Return the reason why a text is refused.
        """
        return str(self.assertRaises(ValueError, read_object, text, "it"))

    def test_object(self) -> None:
        """
        An object is read, with blanks around it and values of any type.
        """
        self.assertEqual(
            {"a": [1, 1.5, None, True, "é🐈"], "": {}},
            read_object(
                '\n {"a": [1, 1.5, null, true, "é\\ud83d\\udc08"], "": {}}\r\n'.encode(), "it"
            ),
        )

    def test_place(self) -> None:
        """
        A syntax error is reported with its line and column, and without the content.
        """
        for text, expected in (
            (b'{"identity":\n s3cret}', "it is not JSON: Expecting value at line 2, column 2"),
            (b'{"topics": ["a"', "it is not JSON: Expecting ',' delimiter at line 1, column 16"),
            (b"", "it is not JSON: Expecting value at line 1, column 1"),
            (b" ", "it is not JSON: Expecting value at line 1, column 2"),
            (b"{}{}", "it is not JSON: Extra data at line 1, column 3"),
            (b"\xef\xbb\xbf{}", "it is not JSON: "),
        ):
            self.assertIn(expected, self.problem(text))
            self.assertNotIn("s3cret", self.problem(text))

    def test_utf8(self) -> None:
        """
        Only UTF-8 is read; an error names the first byte that is wrong.
        """
        self.assertEqual("it is not UTF-8 at byte 2", self.problem(b'{"\xff'))
        self.assertEqual("it is not UTF-8 at byte 0", self.problem("{}".encode("utf-16")))
        self.assertIn("it is not JSON", self.problem("{}".encode("utf-16-le")))

    def test_numbers(self) -> None:
        """
        NaN, infinities and numbers with more digits than Python reads are refused.
        """
        for number in (b"NaN", b"Infinity", b"-Infinity", b"9" * (MAX_DIGITS + 1), b"9" * 5000):
            for text in (b'{"a": %b}' % number, number):
                self.assertEqual(
                    "it has a number that is too long or not in JSON", self.problem(text)
                )

    def test_deep(self) -> None:
        """
        Deep nesting is refused without a crash.
        """
        for text in (b"[" * 9000, b'{"a":' * 4500):
            self.assertEqual("it is nested too deeply", self.problem(text))

    def test_too_many_marks(self) -> None:
        """
        A text with more marks than a text may have is refused before it is read, so the rest of it
        does not matter.
        """
        for piece in (b"0,", b'"",', b"[],", b"{},", b'"a":1,', b'"a":{', b"["):
            said = self.problem(b'{"a":[' + piece * (MAX_MARKS + 1))
            self.assertEqual(
                "it has more than 10000 commas, colons and brackets outside of strings", said
            )

    def test_marks(self) -> None:
        """
        Marks count outside of strings only, whatever the strings have.
        """
        values = b'{"a":[' + b"0," * (MAX_MARKS - 3) + b"0]}"
        self.assertEqual(MAX_MARKS - 2, len(read_object(values, "it")["a"]))
        for piece in (b",", b":", b"[", b"{", b'\\",', b"\\\\,", b'\\\\\\",', b"\\u0022,"):
            text = b'{"a":"%b","b":["\\\\",""]}' % (piece * MAX_MARKS * 2)
            self.assertEqual(["\\", ""], read_object(text, "it")["b"], piece)

    @given(st.recursive(st.text('"\\,:[{a') | st.just(0), st.lists), st.booleans())
    def test_counted(self, value: object, is_escaped: bool) -> None:
        """
        In any document the marks outside of strings are counted as a reader of JSON sees them.
        """
        text = json.dumps({"a": value, "b": json.dumps(value)}, ensure_ascii=is_escaped).encode()
        self.assertEqual(4 + marks_of(value), _marks(_without_strings(text)))

    def test_not_an_object(self) -> None:
        """
        A JSON value other than an object is refused.
        """
        for text in (b"null", b"true", b"[]", b'"*"', b"1", b'[{"a": 1}]'):
            self.assertEqual("it is not a JSON object", self.problem(text))

    @given(st.binary(max_size=30))
    def test_any(self, text: bytes) -> None:
        """
        Any bytes are read, or refused with a message that begins with the subject.
        """
        try:
            self.assertIsInstance(read_object(text, "the answer"), dict)
        except ValueError as problem:
            self.assertTrue(str(problem).startswith("the answer "), problem)
