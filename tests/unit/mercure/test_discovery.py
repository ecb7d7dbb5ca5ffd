"""
Discovery of a hub.
"""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.mercure.discovery import link, metadata, metadata_path, metadata_url

PATH = "/.well-known/mercure"
HUB = f"https://hub.example{PATH}"


class LinkTests(SynchronousTestCase):
    """
    The ``Link`` header that leads to a hub.
    """

    def test_url_only(self) -> None:
        """
        A link needs only the URL of the hub.
        """
        self.assertEqual(f'<{PATH}>; rel="mercure"', link(PATH))

    def test_all_attributes(self) -> None:
        """
        A link may name the newest event in the response, and the type of the events.
        """
        self.assertEqual(
            f'<{PATH}>; rel="mercure"; last-event-id="#e.1"; type="mercure"; '
            'content-type="application/json"',
            link(PATH, last_event_id="#e.1", type="mercure", content_type="application/json"),
        )

    def test_escaped(self) -> None:
        """
        Characters that would end the value or the target are escaped.
        """
        self.assertEqual(
            r'</a%3Eb>; rel="mercure"; last-event-id="a\"b\\c"',
            link("/a>b", last_event_id=r'a"b\c'),
        )

    @given(st.text(max_size=20), st.text(max_size=20))
    def test_any(self, url: str, id: str) -> None:
        """
        A link never has characters that headers forbid.
        """
        for character in link(url, last_event_id=id):
            self.assertFalse(character < " " or character == "\x7f", character)


class MetadataTests(SynchronousTestCase):
    """
    The document of RFC 9728, and its place.
    """

    def test_required_members(self) -> None:
        """
        The document leaves out members without a value.
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

    def test_all_members(self) -> None:
        """
        The document names the issuers, the cookie and the subscription API, if the hub has them.
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
        The well-known path is between the host and the path of the hub (RFC 9728, 3.1).
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
