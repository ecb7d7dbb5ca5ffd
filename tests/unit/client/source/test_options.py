"""
Options of an event source: two lists of them, and their checks.
"""

import re
from dataclasses import MISSING, fields
from inspect import Parameter, signature
from typing import get_type_hints

from twisted.trial.unittest import SynchronousTestCase

from ssetwist.client import EventSource
from ssetwist.client.source import SharedKeywords, SourceKeywords, SourceOptions

#: Keywords for which ``subscribe`` has words of its own.
NOT_SHARED = {"last_event_id", "on_open"}


class ListsTests(SynchronousTestCase):
    """
    Dataclass and keywords list the same options.
    """

    def test_same_types(self) -> None:
        """
        Each option has the same type in both lists; only the URL is not a keyword.
        """
        options = get_type_hints(SourceOptions)
        self.assertIs(str, options.pop("url"))
        self.assertEqual(options, get_type_hints(SourceKeywords))

    def test_shared(self) -> None:
        """
        ``subscribe`` has all keywords of ``EventSource`` except those that it renames or wraps.
        """
        shared = get_type_hints(SharedKeywords)
        self.assertEqual(get_type_hints(SourceKeywords).keys() - NOT_SHARED, shared.keys())

    def test_signature(self) -> None:
        """
        ``help(EventSource)`` shows each option as a keyword with its default.
        """
        shown = signature(EventSource).parameters
        self.assertEqual(["url", "reactor", "client"], list(shown)[:3])
        self.assertEqual(
            {field.name: field.default for field in fields(SourceOptions) if field.name != "url"},
            {name: shown[name].default for name in list(shown)[3:]},
        )
        kinds = {parameter.kind for name, parameter in shown.items() if name != "url"}
        self.assertEqual({Parameter.KEYWORD_ONLY}, kinds)
        self.assertNotIn(MISSING, [parameter.default for parameter in shown.values()])

    def test_documented(self) -> None:
        """
        The docstring of ``EventSource`` has one field for each option.
        """
        documented = re.findall(r":keyword (\w+):", EventSource.__doc__ or "")
        self.assertEqual(sorted(get_type_hints(SourceKeywords)), sorted(documented))


class ChecksTests(SynchronousTestCase):
    """
    Checks of options; the tests of attempts try them through a source.
    """

    def test_url(self) -> None:
        """
        The URL is kept as browsers write it.
        """
        self.assertEqual("http://example.com/", SourceOptions(url="HTTP://EXAMPLE.com:80").url)

    def test_defaults(self) -> None:
        """
        The defaults pass the checks; of the time-outs, only the one for silence may be ``None``.
        """
        self.assertIsNone(SourceOptions(url="http://a/", silence_timeout=None).silence_timeout)
        with self.assertRaises(TypeError):
            SourceOptions(url="http://a/", connect_timeout=None)

    def test_unknown(self) -> None:
        """
        An option that does not exist is a ``TypeError`` that names it.
        """
        with self.assertRaisesRegex(TypeError, "topic"):
            SourceOptions(url="http://a/", topic="x")
