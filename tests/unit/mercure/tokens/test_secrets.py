"""
Reading keys from files and environment variables.
"""

import os
import traceback
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.mercure.tokens._keys import MAX_KEY_BYTES
from ssetwist.mercure.tokens._secrets import read_secret
from tests.unit.mercure.fake_tokens import SECRET, file, public_pem


class SecretTests(SynchronousTestCase):
    """
    Reading a secret from its source.
    """

    def test_variable(self) -> None:
        """
        A secret may be in an environment variable, as any bytes.
        """
        environ = {"KEY": "s3cret\udcff\n"}
        self.assertEqual(b"s3cret\xff\n", read_secret("env:KEY", environ=environ))

    def test_own_environment(self) -> None:
        """
        The default environment is that of the process.
        """
        self.assertTrue(read_secret("env:PATH"))

    def test_no_variable(self) -> None:
        """
        The error for a variable that is not set names it, if it looks like the name of a variable.
        """
        for source, expected in (
            ("env:KEY", "the environment variable KEY is not set, or empty"),
            ("env:EMPTY", "the environment variable EMPTY is not set, or empty"),
            ("env:s3cret", "the environment variable is not set, or empty"),
            ("env:", "the environment variable is not set, or empty"),
        ):
            error = self.assertRaises(ValueError, read_secret, source, environ={"EMPTY": ""})
            self.assertEqual(expected, str(error))

    def test_file(self) -> None:
        """
        A secret may be in a file; a line break at its end is dropped.
        """
        for content, expected in (
            (SECRET, SECRET),
            (SECRET + b"\n", SECRET),
            (SECRET + b"\r\n", SECRET),
            (SECRET + b"\n\n", SECRET + b"\n"),
            (SECRET + b" ", SECRET + b" "),
            (public_pem("P-256"), public_pem("P-256")),
        ):
            path = file(self, content)
            self.assertEqual(expected, read_secret(path))
            self.assertEqual(expected, read_secret(f"file:{path}"))

    def test_missing_file(self) -> None:
        """
        The error for a missing file does not repeat its name, which might be the secret.
        """
        for source in ("file:s3cret", "s3cret/x\0", "s3cret" * 1000, "s3cret"):
            error = self.assertRaises(ValueError, read_secret, source)
            text = "".join(traceback.format_exception(error))
            self.assertNotIn("s3cret", text.replace("s3cret.py", ""))
        self.assertIn("env:NAME, file:PATH or the path", str(error))

    def test_unreadable(self) -> None:
        """
        A file that exists but cannot be read gives an error with the reason.
        """
        folder = str(Path(file(self, b"")).parent)
        for source in (folder, f"file:{folder}"):
            error = self.assertRaises(ValueError, read_secret, source)
            self.assertEqual("the file cannot be read: Is a directory", str(error))

    def test_forbidden(self) -> None:
        """
        A file without permission to read gives an error with the reason.
        """
        path = file(self, SECRET)
        Path(path).chmod(0)
        if os.geteuid() == 0:  # root may read everything
            os.seteuid(65534)
            self.addCleanup(os.seteuid, 0)
        error = self.assertRaises(ValueError, read_secret, path)
        self.assertEqual("the file cannot be read: Permission denied", str(error))

    def test_empty_source(self) -> None:
        """
        An empty source, as an unset variable of a shell leaves it, gives an error that says so.
        """
        for source in ("", "file:"):
            error = self.assertRaises(ValueError, read_secret, source)
            self.assertTrue(str(error).startswith("it is empty; it must say where"), str(error))

    def test_size(self) -> None:
        """
        A file that is empty, or too large, is refused.
        """
        for content, expected in ((b"", "is empty"), (b"x" * (MAX_KEY_BYTES + 1), "65536 bytes")):
            error = self.assertRaises(ValueError, read_secret, file(self, content))
            self.assertIn(expected, str(error))
        self.assertEqual(9, len(read_secret(file(self, b"x" * 9), max_bytes=9)))

    @given(st.text(st.characters(), min_size=20))
    def test_any_text(self, text: str) -> None:
        """
        A text that is given as the key itself is never repeated in the error.
        """
        error = self.assertRaises(ValueError, read_secret, f"s3cret{text}")
        self.assertNotIn(text, str(error))
