"""
The token of both commands of the client.
"""

import os
import string

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.commands._options import token_of
from ssetwist.mercure.tokens import MAX_TOKEN
from tests.unit.mercure.fake_tokens import scratch

TOKEN = "eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl"

#: Space that editors, shells and copying leave around a token.
BLANKS = st.text(string.whitespace, max_size=4)


class TokenTests(SynchronousTestCase):
    """
    Places of the token.
    """

    def setUp(self) -> None:
        self.file = scratch(self)
        self.addCleanup(os.environ.pop, "SSETWIST_TEST_TOKEN", None)

    def read(self, text: str) -> list[str]:
        """
        Return the token that is read from a file with this text, and from a variable.
        """
        self.file.write_bytes(text.encode())
        os.environ["SSETWIST_TEST_TOKEN"] = text
        tokens = []
        for source in (str(self.file), f"file:{self.file}", "env:SSETWIST_TEST_TOKEN"):
            read = token_of(source)
            assert read is not None
            tokens.append(read())
        return tokens

    @given(BLANKS, BLANKS)
    def test_space_around(self, before: str, after: str) -> None:
        """
        Blanks and line breaks around a token are dropped, in a file and in a variable.
        """
        self.assertEqual([TOKEN] * 3, self.read(before + TOKEN + after))

    def test_longest(self) -> None:
        """
        The longest allowed token may be on a line of a file.
        """
        token = TOKEN + "x" * (MAX_TOKEN - len(TOKEN))
        self.assertEqual([token] * 3, self.read(f"{token}\r\n"))

    def test_too_long(self) -> None:
        """
        A file that is longer than any token is refused, whatever is in it.
        """
        problem = str(self.assertRaises(ValueError, self.read, TOKEN + " " * MAX_TOKEN))
        self.assertIn(f"--token: the file is larger than {MAX_TOKEN + 2} bytes", problem)

    def test_other_space_around(self) -> None:
        """
        Space that is not ASCII belongs to the text, which then is not a token.
        """
        for blank in "\x85\xa0":
            self.file.write_bytes(f"{TOKEN}{blank}".encode("latin-1"))
            problem = str(self.assertRaises(ValueError, token_of, str(self.file)))
            self.assertIn("--token: the token has characters", problem)

    @given(st.sampled_from(string.whitespace))
    def test_space_within(self, blank: str) -> None:
        """
        Blanks inside a token are refused; the message does not show the token.
        """
        text = TOKEN.replace(".", blank, 1)
        problem = str(self.assertRaises(ValueError, self.read, text))
        self.assertIn("--token: ", problem)
        self.assertNotIn(TOKEN[-10:], problem)

    def test_called_a_token(self) -> None:
        """
        A message about a source of a token calls it a token, although it is read like a key.
        """
        for source in ("", "no-such-file", TOKEN):
            problem = str(self.assertRaises(ValueError, token_of, source))
            self.assertTrue(problem.startswith("--token: it "), problem)
            self.assertIn("where the token is: env:NAME, file:PATH", problem)
            self.assertNotIn("key", problem)

    def test_without_option(self) -> None:
        """
        Without the option no token is sent.
        """
        self.assertIsNone(token_of(None))
