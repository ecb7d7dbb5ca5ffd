"""
The document of RFC 9728.
"""

from twisted.trial.unittest import SynchronousTestCase

from ssetwist.mercure._metadata import metadata, metadata_path, metadata_url

HUB = "https://hub.example/.well-known/mercure"


class MetadataTests(SynchronousTestCase):
    """
    What is in it, and where it is.
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
            matcher_types=("exact", "urlpattern", "x"),
            has_subscriptions=True,
        )
        self.assertEqual(["https://as.example"], document["authorization_servers"])
        self.assertEqual("__Secure-mercure_access_token", document["mercure_cookie"])
        self.assertEqual(["exact", "urlpattern", "x"], document["mercure_matcher_types_supported"])
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
