"""
Topics that belong to the hub itself.
"""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.mercure.topics._reserved import _own_path, is_reserved

HUB = "https://hub.example/.well-known/mercure"

#: Characters that need no escape in a path.
UNRESERVED = "ABCXYZabcxyz0189-._~"


class ReservedTests(SynchronousTestCase):
    """
    Topics in the namespace of the hub.
    """

    def test_reserved(self) -> None:
        """
        A topic that resolves to the hub's path, or below it, is reserved in any spelling.
        """
        for topic in (
            HUB,
            f"{HUB}/subscriptions/exact/a/b",
            "/.well-known/mercure",
            "/.well-known/mercure/",
            "/.well-known/mercure?x",
            "/.well-known/mercure#x",
            "mercure",  # relative to the hub's URL
            "mercure/x",
            "mercure?x",
            "./mercure",
            "?x",
            "#x",
            "",
            "//other/.well-known/mercure#f",
            "https://other/.well-known/mercure/x",
            "https:mercure",
            "other:/.well-known/mercure/x",
            "/.well-known/%6Dercure/x",
            "/.well-known/%6dercure",
            "/%2Ewell%2Dknown/mercure",
            "/a/../.well-known/mercure",
            "/a/%2E%2e/.well-known/mercure",
            "/.well-known/./mercure",
            "\\.well-known\\mercure",
            "https:\\\\other\\.well-known\\mercure\\x",
            "  /.well-known/mercure ",  # URLs drop blanks at both ends
        ):
            self.assertTrue(is_reserved(topic, HUB), topic)

    def test_free(self) -> None:
        """
        Other topics are free, even if they resemble the hub's path or are not URLs.
        """
        for topic in (
            "a",
            "mercure2",
            "mercure2/x",
            "/mercure",
            "/.WELL-KNOWN/mercure",
            "/.well-known/mercur",
            "/.well-known//mercure",
            "/.well-known%2Fmercure",  # an escaped slash is another character
            "/.well-known/%256Dercure",  # an escape of an escape is another character
            "urn:uuid:1",
            "urn:.well-known/mercure",
            "https://other/?/.well-known/mercure",
            "https://other/x/.well-known/mercure",
            "https://[/.well-known/mercure",
            "\ud800",
        ):
            self.assertFalse(is_reserved(topic, HUB), topic)

    def test_other_path(self) -> None:
        """
        The namespace follows the hub's path (T5).
        """
        for topic in (
            "/events/x",
            "https://b/events",
            "https://b/events/x",
            "http://b:8080/events/",
        ):
            self.assertTrue(is_reserved(topic, "https://a/events"), topic)
        for topic in ("https://b/Events", "https://b/events2", "https://events/x"):
            self.assertFalse(is_reserved(topic, "https://a/events"), topic)
        self.assertFalse(is_reserved("/.well-known/mercure", "https://a/events"))
        self.assertTrue(is_reserved("/events/x", "https://a/events/"))
        self.assertTrue(is_reserved("/~events", "https://a/%7Eevents"))
        self.assertTrue(is_reserved("/anything", "https://a"))

    def test_once(self) -> None:
        """
        The hub's own path is found once, and not for each topic.
        """
        _own_path.cache_clear()
        for number in range(100):
            is_reserved(f"/{number}", HUB)
        self.assertEqual(1, _own_path.cache_info().misses)

    @given(st.text(UNRESERVED, min_size=1), st.data())
    def test_escapes(self, segment: str, data: st.DataObject) -> None:
        """
        Percent-encoding of ordinary characters makes no difference: a topic is still reserved, or
        still free.
        """
        forms = st.sampled_from((str, lambda one: f"%{ord(one):02x}", lambda one: f"%{ord(one):X}"))
        topic = "".join(data.draw(forms)(one) for one in segment)
        for hub_url in (HUB, "https://a/.well-known/abc", f"https://a/.well-known/{segment}"):
            self.assertEqual(
                is_reserved(f"/.well-known/{segment}", hub_url),
                is_reserved(f"/.well-known/{topic}", hub_url),
            )
