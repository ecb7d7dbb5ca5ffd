"""
What ``python -m ssetwist`` says of itself.
"""

import contextlib
import io

from twisted.trial.unittest import SynchronousTestCase

from ssetwist import __version__
from ssetwist.__main__ import parse


class VersionTests(SynchronousTestCase):
    """
    Its version.
    """

    def test_version(self) -> None:
        """
        It is that of the package.
        """
        with contextlib.redirect_stdout(io.StringIO()) as output:
            ended = self.assertRaises(SystemExit, parse, ["--version"])
        self.assertEqual((0, f"ssetwist {__version__}\n"), (ended.code, output.getvalue()))
