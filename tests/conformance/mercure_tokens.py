"""
The common base of tests of tokens.
"""

from tests.conformance.mercure_hub import MercureHub, Response
from tests.conformance.mercure_publisher import FORM, PublisherCase, ask, log_lines

COOKIE = "__Secure-mercure_access_token"

LEGACY_COOKIE = "mercureAuthorization"

#: The hub's own origin, with pages that may publish by cookie.
OWN_PAGE = ("Origin", "https://hub.example")

BODY = b"topic=/a"

#: The body of the answer to every bad token.
GENERIC = b"The token is not accepted.\n"


class TokenCase(PublisherCase):
    """
    Tests of tokens.
    """

    def publish_with(
        self, *fields: tuple[str, str], at: MercureHub | None = None, query: str = ""
    ) -> Response:
        """
        Publish, authorized by these header fields only.
        """
        return ask(at or self.hub, "POST", [("Content-Type", FORM), *fields], BODY, query)

    def subscribe_with(
        self, *fields: tuple[str, str], at: MercureHub | None = None, query: str = ""
    ) -> Response:
        """
        Ask for the head of a stream, authorized by these header fields only.
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
        Check that a token is refused for both actions, and that the reason is in the log, but not
        in the answer.
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
        Check that a response says that the token was presented in a malformed way.
        """
        self.assert_status(400, response)
        self.assertIn('error="invalid_request"', response.headers["WWW-Authenticate"])
