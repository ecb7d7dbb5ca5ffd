"""
Discovery of a hub, and its metadata (section 13 of the checklist).
"""

import json
from typing import Any

from ssetwist.mercure import link
from tests.conformance.mercure_hub import HUB, KEYS, PATH, MercureHub, hub
from tests.conformance.mercure_publisher import DETAIL_TYPE, PublisherCase

METADATA = "/.well-known/oauth-protected-resource"


class LinkTests(PublisherCase):
    """
    The ``Link`` header of a publisher's resource: the hub makes its value, and the application
    sends it.
    """

    def test_L1_link(self) -> None:
        """
        A resource links to its hub with ``rel="mercure"``.
        """
        self.assertEqual(f'<{HUB}>; rel="mercure"', link(HUB))

    def test_L2_attributes(self) -> None:
        """
        The link may name the newest event in the resource, and the type and media type of events;
        an attribute that is not given is left out.
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
        Fetch the document.
        """
        response = at.request("GET", f"{METADATA}{path}")
        self.assert_status(200, response)
        self.assertEqual("application/json", response.headers["Content-Type"])
        document: dict[str, Any] = json.loads(response.body)
        return document

    def test_L5_document(self) -> None:
        """
        The document names the hub, the ways to get and to send tokens, and the features.
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
        The document does not name keys, because the hub does not publish any.
        """
        self.assertNotIn("jwks_uri", self.metadata(self.hub))

    def test_L5_subscriptions(self) -> None:
        """
        The document tells if the hub lists its subscriptions.
        """
        self.assertIs(False, self.metadata(self.hub)["mercure_subscriptions"])

    def test_L5_matcher_types(self) -> None:
        """
        The document does not list matcher types, which means exact and urlpattern.
        """
        self.assertNotIn("mercure_matcher_types_supported", self.metadata(self.hub))

    def test_L5_cookie(self) -> None:
        """
        The document names the cookie that the operator has chosen.
        """
        document = self.metadata(hub(*KEYS, "--cookie-name=mine"))
        self.assertEqual("mine", document["mercure_cookie"])

    def test_L5_head(self) -> None:
        """
        ``HEAD`` gets the head of the answer to ``GET``; other methods are refused.
        """
        found = self.hub.request("HEAD", f"{METADATA}{PATH}")
        self.assert_status(200, found)
        self.assertEqual(b"", found.body)
        self.assert_status(405, self.hub.request("POST", f"{METADATA}{PATH}", body=b"x"))

    def test_L5_path(self) -> None:
        """
        The path of the document is made from the path of the hub.
        """
        made = self.fresh_hub(KEYS[0], "--audience=https://h.example/events")
        self.assertEqual("https://h.example/events", self.metadata(made, "/events")["resource"])
        self.assert_status(404, made.request("GET", f"{METADATA}{PATH}"))

    def test_L5_unknown_url(self) -> None:
        """
        A hub without a configured URL does not serve the document, and does not guess its name.
        """
        self.assert_status(404, hub(KEYS[0]).request("GET", f"{METADATA}{PATH}"))

    def test_L6_resource(self) -> None:
        """
        The document names the hub by the URL that tokens have as their audience, from which its own
        path is made.
        """
        document = self.metadata(self.hub)
        token = self.hub.mint(publish=["*"], audience=document["resource"])
        self.assert_status(200, self.hub.publish({"topic": "/a"}, token=token))
