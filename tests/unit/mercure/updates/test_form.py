"""
Reading forms.
"""

import contextlib
import sys
from collections.abc import Callable
from functools import partial
from urllib.parse import unquote_to_bytes

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.errors import Refused
from ssetwist.mercure.updates._form import MAX_FIELDS, PIECE, _unquote, read_form, reading_form
from tests.cost import assert_linear

HEX = b"0123456789ABCDEFabcdef"


def parse(form: bytes) -> list[tuple[bytes, bytes]]:
    """
    Read a form byte by byte, as the URL Standard describes it (5.1).
    """
    pairs = []
    for sequence in form.split(b"&"):
        if not sequence:
            continue
        parts = [bytearray(), bytearray()]
        part, index = 0, 0
        while index < len(sequence):
            byte = sequence[index]
            digits = sequence[index + 1 : index + 3]
            if byte == ord("=") and not part:
                part = 1
            elif byte == ord("+"):
                parts[part].append(ord(" "))
            elif byte == ord("%") and len(digits) == 2 and digits[0] in HEX and digits[1] in HEX:
                parts[part].append(int(digits, 16))
                index += 2
            else:
                parts[part].append(byte)
            index += 1
        pairs.append((bytes(parts[0]), bytes(parts[1])))
    return pairs


def calls_of(act: Callable[[], object]) -> int:
    """
    Return how many functions a call runs, including functions of Python itself; errors are ignored.
    """
    calls = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        with contextlib.suppress(Refused):
            act()
    finally:
        sys.setprofile(before)
    return calls


class ReadFormTests(SynchronousTestCase):
    """
    Names and values of a form.
    """

    def test_examples(self) -> None:
        """
        Values are kept that other parsers lose, split or change.
        """
        for form, expected in (
            (b"", []),
            (b"&&", []),
            (b"a=1&b=2&a=3", [("a", "1"), ("b", "2"), ("a", "3")]),
            (b"private", [("private", "")]),
            (b"private=", [("private", "")]),
            (b"=x", [("", "x")]),
            (b"=", [("", "")]),
            (b"a=b=c", [("a", "b=c")]),
            (b"a=1;b=2", [("a", "1;b=2")]),
            (b"a+b=c+d%2B", [("a b", "c d+")]),
            (b"a=100%&b=%zz&c=%4&d=%%41", [("a", "100%"), ("b", "%zz"), ("c", "%4"), ("d", "%A")]),
            (b"a=%2541", [("a", "%41")]),
            (b"a=%26%3D&%C3%A9=\xc3\xa9", [("a", "&="), ("é", "é")]),
            (b"a=%0D%0A%00", [("a", "\r\n\0")]),
            (b"a=%EF%BB%BFb", [("a", "\ufeffb")]),
        ):
            self.assertEqual(expected, read_form(form), form)

    def test_not_utf8(self) -> None:
        """
        A value that is not in UTF-8, escaped or not, is refused; the error names the field.
        """
        for form in (b"x=1&data=%FF", b"data=\xe9", b"data=%ED%A0%80", b"data=%C0%80"):
            problem = self.assertRaises(Refused, read_form, form)
            self.assertEqual(
                (400, "the field 'data' is not in UTF-8"), (problem.status, problem.text)
            )

    def test_name_not_utf8(self) -> None:
        """
        A name that is not in UTF-8 is refused; the error shows its readable beginning.
        """
        problem = self.assertRaises(Refused, read_form, b"caf\xe9=1")
        self.assertIn("'caf\ufffd'", problem.text)
        problem = self.assertRaises(Refused, read_form, b"%0Ax" * 1000 + b"\xff=1")
        self.assertIn(r"'\nx\nx", problem.text)
        self.assertLess(len(problem.text), 120)

    def test_too_many(self) -> None:
        """
        A form has at most 2,000 fields.
        """
        self.assertEqual(MAX_FIELDS, len(read_form(b"&".join([b"a"] * MAX_FIELDS))))
        problem = self.assertRaises(Refused, read_form, b"&".join([b"a"] * (MAX_FIELDS + 1)))
        self.assertEqual(413, problem.status)

    def test_too_many_are_not_read(self) -> None:
        """
        A form with too many fields is refused before any field is read, so its content does not
        matter.
        """
        for field in (b"%FF=1", b"\xff", b"a", b""):
            problem = self.assertRaises(Refused, read_form, field + b"&" * MAX_FIELDS)
            self.assertEqual(413, problem.status)
            calls = calls_of(lambda field=field: read_form(field + b"&" * 2**20))
            self.assertLess(calls, 100, field)

    def test_steps(self) -> None:
        """
        A large form is decoded in many steps, each of which reads a small part of it, whatever it
        has: long fields, or many short ones.
        """
        for piece in (b"%41", b"%", b"%4", b"+%41"):
            for form in (
                b"a=" + piece * 2**16 + b"&%" + piece * 2**16,
                b"&".join([b"a=" + piece * 2**12] * 16),
                b"&".join([piece * 2**7] * MAX_FIELDS),
            ):
                count = sum(1 for _ in reading_form(form))
                self.assertGreater(count, len(form) // (2 * PIECE) - 1, (piece, form[:10]))
        self.assertGreater(sum(1 for _ in reading_form(b"&".join([b"a"] * MAX_FIELDS))), 10)
        self.assertEqual(0, sum(1 for _ in reading_form(b"&".join([b"a=" + b"x" * 100] * 9))))

    @given(st.integers(-4, 4), st.lists(st.sampled_from([b"%", b"4", b"1", b"%41"]), max_size=6))
    def test_cut(self, offset: int, pieces: list[bytes]) -> None:
        """
        Escapes are read alike wherever a step ends.
        """
        value = b"x" * (PIECE + offset) + b"".join(pieces)
        expected = unquote_to_bytes(value).decode()
        self.assertEqual([("a", expected)], read_form(b"a=" + value))

    @given(st.binary(max_size=60) | st.text("%=4F_ \n\r\t?a", max_size=40).map(str.encode))
    def test_escapes(self, text: bytes) -> None:
        """
        Escapes are decoded as the standard library does it, in any text.
        """
        self.assertEqual(unquote_to_bytes(text.replace(b"+", b" ")), _unquote(text))

    def test_linear(self) -> None:
        """
        Reading a form takes time in proportion to its length, for any content.
        """
        for piece in (b"%41", b"%", b"+", b"%4", b"x", b"="):
            assert_linear(lambda size, piece=piece: partial(read_form, b"a=" + piece * size), 2**12)
        for field in (b"a=&", b"&", b"%41&"):
            assert_linear(lambda size, field=field: partial(read_form, field * size), 100)

    @given(
        st.lists(st.sampled_from([b"%", b"4", b"1", b"c3", b"a9", b"+", b"=", b"&", b"\xc3", b"z"]))
    )
    def test_oracle(self, pieces: list[bytes]) -> None:
        """
        A form is read as the URL Standard says, or refused if a field is not UTF-8.
        """
        form = b"".join(pieces)
        try:
            expected = [(name.decode(), value.decode()) for name, value in parse(form)]
        except UnicodeDecodeError:
            self.assertRaises(Refused, read_form, form)
            return
        self.assertEqual(expected, read_form(form))
