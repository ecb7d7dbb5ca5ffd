"""
Options of an event source: two lists of them, and their checks.
"""

import re
from dataclasses import MISSING, fields
from inspect import Parameter, signature
from math import nan
from typing import get_type_hints

from twisted.trial.unittest import SynchronousTestCase

from ssetwist.client import Backoff, EventSource
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

    def test_values(self) -> None:
        """
        By default, a source asks for events with ``GET`` and without gzip, waits half a minute for
        a response, and takes five minutes of silence for a lost connection.
        """
        options = SourceOptions(url="http://a/")
        self.assertEqual(
            ("GET", None, "", False, 30.0, 300.0),
            (
                options.method,
                options.body,
                options.last_event_id,
                options.gzip,
                options.connect_timeout,
                options.silence_timeout,
            ),
        )
        self.assertEqual(Backoff(1.0, 30.0, 60.0, 3600.0), options.backoff)

    def test_wrong(self) -> None:
        """
        Options check themselves, before anything is done with them.
        """
        wrong: dict[type[Exception], dict[str, tuple[object, ...]]] = {
            ValueError: {
                "url": ("x", "ftp://a/"),
                "method": ("a b", ""),
                "connect_timeout": (0, -1, nan),
                "silence_timeout": (0, -1, nan),
                "max_line": (0, -1),
                "max_event": (0, -1),
                "last_event_id": ("a\nb",),
                "cookies": ({"a": "b\n"},),
            },
            TypeError: {
                "body": ("text",),
                "headers": (1,),
                "cookies": (1, {"a": 1}),
                "backoff": (1.0,),
                "fresh_headers": ({},),
                "policy": (True,),
                "on_open": (1,),
                "on_interruption": (1,),
                "on_comment": (1,),
            },
        }
        for kind, options in wrong.items():
            for name, values in options.items():
                for value in values:
                    with self.subTest(option=name, value=value), self.assertRaises(kind):
                        SourceOptions(**{"url": "http://a/", name: value})

    def test_unknown(self) -> None:
        """
        An option that does not exist is a ``TypeError`` that names it.
        """
        with self.assertRaisesRegex(TypeError, "topic"):
            SourceOptions(url="http://a/", topic="x")
