"""
Entity tags.
"""

import re

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.mercure.subscribing._etag import etag, is_current

#: An id that has UTF-8.
ids = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


class EtagTests(SynchronousTestCase):
    """
    The tag of what was true after an event.
    """

    def test_readable(self) -> None:
        """
        What is harmless is left as it is.
        """
        for id in ("#e1f.12", "urn:uuid:bb3de268", "https://example.com/a?b=c&d#e", "earliest"):
            self.assertEqual(f'"{id}"', etag(id))

    @given(ids)
    def test_valid(self, id: str) -> None:
        """
        Whatever the id, it is a tag (RFC 9110, 8.8.3), and it is current.
        """
        tag = etag(id)
        self.assertRegex(tag, re.compile(r'"[!#-~]*"\Z', re.ASCII))
        self.assertTrue(is_current(tag, tag))

    @given(ids, ids)
    def test_different(self, one: str, other: str) -> None:
        """
        After another event it is another.
        """
        self.assertEqual(one == other, is_current(etag(one), etag(other)))

    def test_percent(self) -> None:
        """
        An id that looks percent-encoded is not taken for the one that it would be.
        """
        self.assertNotEqual(etag('"'), etag("%22"))

    def test_header(self) -> None:
        """
        One of several is enough, also a weak one, which a proxy that compresses makes of it.
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
