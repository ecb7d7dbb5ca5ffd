"""
Presenting a token to the hub, and what it says of those that it does not accept.
"""

from tests.conformance.mercure_hub import MercureHub, Response
from tests.conformance.mercure_publisher import FORM, PublisherCase, ask, log_lines

COOKIE = "__Secure-mercure_access_token"

LEGACY_COOKIE = "mercureAuthorization"

#: A page of the hub itself, which may publish with a cookie.
OWN_PAGE = ("Origin", "https://hub.example")

BODY = b"topic=/a"

#: What is said of every token that is not accepted.
GENERIC = b"The token is not accepted.\n"


class TokenCase(PublisherCase):
    """
    Tests of who is let in.
    """

    def publish_with(
        self, *fields: tuple[str, str], at: MercureHub | None = None, query: str = ""
    ) -> Response:
        """
        Publish with header fields, and nothing else to be known by.
        """
        return ask(at or self.hub, "POST", [("Content-Type", FORM), *fields], BODY, query)

    def subscribe_with(
        self, *fields: tuple[str, str], at: MercureHub | None = None, query: str = ""
    ) -> Response:
        """
        Ask for the head of a stream, the same way.
        """
        return ask(at or self.hub, "HEAD", fields, b"", f"?match=/a{query}")

    def assert_accepted(self, token: str, at: MercureHub | None = None) -> None:
        """
        Check that a token may publish and subscribe.
        """
        bearer = ("Authorization", f"Bearer {token}")
        self.assert_status(200, self.publish_with(bearer, at=at))
        self.assert_status(200, self.subscribe_with(bearer, at=at))

    def assert_invalid(self, token: str, why: str, at: MercureHub | None = None) -> None:
        """
        Check that a token is good for nothing, that its peer does not learn why, and that the log
        does.
        """
        bearer = ("Authorization", f"Bearer {token}")
        with log_lines() as lines, self.assert_publishes(0, at):
            published = self.publish_with(bearer, at=at)
            subscribed = self.subscribe_with(bearer, at=at)
        self.assert_status(401, published)
        self.assert_status(401, subscribed)
        self.assertEqual(GENERIC, published.body)
        self.assertIn('error="invalid_token"', published.headers["WWW-Authenticate"])
        told = [line for line in lines if line.startswith("401 to 127.0.0.1")]
        self.assertEqual(2, len(told), lines)
        self.assertIn(why, told[0])
        self.assertIn(why, told[1])

    def assert_malformed(self, response: Response) -> None:
        """
        Check that a token was not presented as it must be.
        """
        self.assert_status(400, response)
        self.assertIn('error="invalid_request"', response.headers["WWW-Authenticate"])
