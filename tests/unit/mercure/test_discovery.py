"""
How clients find a hub.
"""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.mercure.discovery import link, metadata, metadata_path, metadata_url

PATH = "/.well-known/mercure"
HUB = f"https://hub.example{PATH}"


class LinkTests(SynchronousTestCase):
    """
    The Link header that leads to a hub.
    """

    def test_least(self) -> None:
        """
        It is enough to say where the hub is.
        """
        self.assertEqual(f'<{PATH}>; rel="mercure"', link(PATH))

    def test_most(self) -> None:
        """
        A client may be told after which event it holds, and what comes then.
        """
        self.assertEqual(
            f'<{PATH}>; rel="mercure"; last-event-id="#e.1"; type="mercure"; '
            'content-type="application/json"',
            link(PATH, last_event_id="#e.1", type="mercure", content_type="application/json"),
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


class MetadataTests(SynchronousTestCase):
    """
    The document of RFC 9728: what is in it, and where it is.
    """

    def test_least(self) -> None:
        """
        What there is none of is left out.
        """
        self.assertEqual(
            {
                "resource": HUB,
                "bearer_methods_supported": ["header"],
                "authorization_details_types_supported": [
                    "https://mercure.rocks/authorization-detail"
                ],
                "mercure_subscriptions": False,
            },
            metadata(HUB),
        )

    def test_most(self) -> None:
        """
        All that there is is told.
        """
        document = metadata(
            HUB,
            authorization_servers=("https://as.example",),
            cookie="__Secure-mercure_access_token",
            has_subscriptions=True,
        )
        self.assertEqual(["https://as.example"], document["authorization_servers"])
        self.assertEqual("__Secure-mercure_access_token", document["mercure_cookie"])
        self.assertIs(True, document["mercure_subscriptions"])

    def test_place(self) -> None:
        """
        The well-known path stands between the host and the path of the hub (RFC 9728, 3.1).
        """
        well_known = "/.well-known/oauth-protected-resource"
        for hub, document in (
            (HUB, f"https://hub.example{well_known}/.well-known/mercure"),
            ("http://[::1]:3000/hub", f"http://[::1]:3000{well_known}/hub"),
            ("https://hub.example/", f"https://hub.example{well_known}"),
            ("https://hub.example", f"https://hub.example{well_known}"),
            ("https://hub.example/a/", f"https://hub.example{well_known}/a/"),
            ("https://hub.example/hub?x=1", f"https://hub.example{well_known}/hub?x=1"),
        ):
            self.assertEqual(document, metadata_url(hub))
        self.assertEqual(f"{well_known}/.well-known/mercure", metadata_path("/.well-known/mercure"))
