"""
The table of clauses, ``docs/conformance-mercure.rst``, and the tests that it names.
"""

import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).resolve().parents[2]


class TableTests(SynchronousTestCase):
    """
    Names of tests in the table and in the files.
    """

    def setUp(self) -> None:
        table = (ROOT / "docs" / "conformance-mercure.rst").read_text("utf-8")
        files = set(re.findall(r"``(tests/conformance/test_mercure_\w+\.py)``", table))
        sources = [(ROOT / file).read_text("utf-8") for file in files]
        self.named = set(re.findall(r"``(test_\w+)``", table))
        self.tests = set(re.findall(r"def (test_\w+)", "".join(sources)))

    def test_named_tests_are_there(self) -> None:
        """
        Each test that the table names exists in one of the files that it names.
        """
        self.assertEqual(set(), self.named - self.tests)

    def test_all_tests_are_named(self) -> None:
        """
        Each test of these files is named in the table.
        """
        self.assertEqual(set(), self.tests - self.named)
