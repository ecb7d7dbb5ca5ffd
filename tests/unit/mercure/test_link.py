"""
The Link header that leads to a hub.
"""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.mercure._link import link

HUB = "/.well-known/mercure"


class LinkTests(SynchronousTestCase):
    """
    Its value.
    """

    def test_least(self) -> None:
        """
        It is enough to say where the hub is.
        """
        self.assertEqual(f'<{HUB}>; rel="mercure"', link(HUB))

    def test_most(self) -> None:
        """
        A client may be told after which event it holds, and what comes then.
        """
        self.assertEqual(
            f'<{HUB}>; rel="mercure"; last-event-id="#e.1"; type="mercure"; '
            'content-type="application/json"',
            link(HUB, last_event_id="#e.1", type="mercure", content_type="application/json"),
        )

    def test_escaped(self) -> None:
        """
        What would end the value, or the target, is escaped.
        """
        self.assertEqual(
            r'</a%3Eb>; rel="mercure"; last-event-id="a\"b\\c"',
            link("/a>b", last_event_id=r'a"b\c'),
        )

    @given(st.text(max_size=20), st.text(max_size=20))
    def test_any(self, url: str, id: str) -> None:
        """
        Nothing in it can end the header, nor is any of it what HTTP does not allow.
        """
        for character in link(url, last_event_id=id):
            self.assertFalse(character < " " or character == "\x7f", character)
