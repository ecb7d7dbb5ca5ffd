"""
Entity tags.
"""

import re

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.mercure.subscribing._etag import etag, is_current

#: Any id that UTF-8 can encode.
ids = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


class EtagTests(SynchronousTestCase):
    """
    The entity tag of the state after an event.
    """

    def test_readable(self) -> None:
        """
        Characters that are valid in a tag are not escaped.
        """
        for id in ("#e1f.12", "urn:uuid:bb3de268", "https://example.com/a?b=c&d#e", "earliest"):
            self.assertEqual(f'"{id}"', etag(id))

    @given(ids)
    def test_valid(self, id: str) -> None:
        """
        Any id makes a valid tag (RFC 9110, 8.8.3), and a client with that tag is up to date.
        """
        tag = etag(id)
        self.assertRegex(tag, re.compile(r'"[!#-~]*"\Z', re.ASCII))
        self.assertTrue(is_current(tag, tag))

    @given(ids, ids)
    def test_different(self, one: str, other: str) -> None:
        """
        Different ids make different tags.
        """
        self.assertEqual(one == other, is_current(etag(one), etag(other)))

    def test_percent(self) -> None:
        """
        An id with an escape such as ``%41`` and its decoded form have different tags.
        """
        self.assertNotEqual(etag('"'), etag("%22"))

    def test_header(self) -> None:
        """
        One matching tag in the header is enough, even a weak tag, which compressing proxies make.
        """
        for header, expected in (
            (None, False),
            ("", False),
            ("*", True),
            ('"a"', True),
            ('"b", "a"', True),
            ('"b","a"', True),
            ('W/"a"', True),
            ('"b"', False),
            ('"a b"', False),
            ("a", False),
        ):
            self.assertEqual(expected, is_current(header, etag("a")), header)
