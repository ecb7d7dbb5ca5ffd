"""
How a hub is found, and what it says of itself (section 13 of the checklist).
"""

import json
from typing import Any

from ssetwist.mercure import link
from tests.conformance.mercure_hub import HUB, KEYS, PATH, MercureHub, hub
from tests.conformance.mercure_publisher import DETAIL_TYPE, PublisherCase

METADATA = "/.well-known/oauth-protected-resource"


class LinkTests(PublisherCase):
    """
    What a publisher's resource says.  It is the application's; we make the header.
    """

    def test_L1_link(self) -> None:
        """
        A resource leads to its hub with ``rel="mercure"``.
        """
        self.assertEqual(f'<{HUB}>; rel="mercure"', link(HUB))

    def test_L2_attributes(self) -> None:
        """
        It may name the newest event that it has in it, and the media type and type of what comes;
        what is not given is left out.
        """
        value = link(HUB, last_event_id='#a"\\b', type="price", content_type="application/json")
        self.assertIn(r'; last-event-id="#a\"\\b"', value)
        self.assertIn('; type="price"; content-type="application/json"', value)
        self.assertNotIn("type", link(HUB, last_event_id="#a"))


class MetadataTests(PublisherCase):
    """
    The document of RFC 9728.
    """

    def metadata(self, at: MercureHub, path: str = PATH) -> dict[str, Any]:
        """
        Get the document.
        """
        response = at.request("GET", f"{METADATA}{path}")
        self.assert_status(200, response)
        self.assertEqual("application/json", response.headers["Content-Type"])
        document: dict[str, Any] = json.loads(response.body)
        return document

    def test_L5_document(self) -> None:
        """
        It says what the hub is called, how and where tokens are had, and what there is.
        """
        expected = {
            "resource": HUB,
            "bearer_methods_supported": ["header"],
            "authorization_details_types_supported": [DETAIL_TYPE],
            "authorization_servers": ["https://issuer.example"],
            "mercure_cookie": "__Secure-mercure_access_token",
            "mercure_subscriptions": True,
        }
        made = hub(*KEYS, "--subscriptions", "--issuer=https://issuer.example")
        self.assertEqual(expected, self.metadata(made))

    def test_L5_no_keys(self) -> None:
        """
        It does not say where keys are: the hub publishes none.
        """
        self.assertNotIn("jwks_uri", self.metadata(self.hub))

    def test_L5_subscriptions(self) -> None:
        """
        It says whether the hub tells who is subscribed.
        """
        self.assertIs(False, self.metadata(self.hub)["mercure_subscriptions"])

    def test_L5_matcher_types(self) -> None:
        """
        There are exact and urlpattern, of which it says nothing: that means these two.
        """
        self.assertNotIn("mercure_matcher_types_supported", self.metadata(self.hub))

    def test_L5_cookie(self) -> None:
        """
        It names the cookie that the operator has chosen.
        """
        document = self.metadata(hub(*KEYS, "--cookie-name=mine"))
        self.assertEqual("mine", document["mercure_cookie"])

    def test_L5_head(self) -> None:
        """
        ``HEAD`` is answered like ``GET``, without the document; other methods are not.
        """
        found = self.hub.request("HEAD", f"{METADATA}{PATH}")
        self.assert_status(200, found)
        self.assertEqual(b"", found.body)
        self.assert_status(405, self.hub.request("POST", f"{METADATA}{PATH}", body=b"x"))

    def test_L5_path(self) -> None:
        """
        Its path follows that of the hub.
        """
        made = self.fresh_hub(KEYS[0], "--audience=https://h.example/events")
        self.assertEqual("https://h.example/events", self.metadata(made, "/events")["resource"])
        self.assert_status(404, made.request("GET", f"{METADATA}{PATH}"))

    def test_L5_unknown_url(self) -> None:
        """
        A hub that does not know its URL has no such document; its name would be a guess.
        """
        self.assert_status(404, hub(KEYS[0]).request("GET", f"{METADATA}{PATH}"))

    def test_L6_resource(self) -> None:
        """
        The name in it is the one that its URL is made of, and the one that tokens must be for.
        """
        document = self.metadata(self.hub)
        token = self.hub.mint(publish=["*"], audience=document["resource"])
        self.assert_status(200, self.hub.publish({"topic": "/a"}, token=token))
