"""
The Mercure hub is idle when it holds nothing for any client.
"""

from dataclasses import replace

from tests.unit.mercure.case import ALICE, ResourceCase


class IdleTests(ResourceCase):
    """
    The property ``MercureResource.is_idle``.
    """

    def test_subscription(self) -> None:
        """
        The resource is not idle while a subscription is active, even of an anonymous client.
        """
        self.authorizer.people["somebody"] = replace(ALICE, identity="")
        self.assertTrue(self.resource.is_idle)
        client = self.ask(name="somebody")
        self.assertFalse(self.resource.is_idle)
        client.close()
        self.assertTrue(self.resource.is_idle)

    def test_stream_of_token(self) -> None:
        """
        The resource is not idle while a stream is counted for a token, even without the API.
        """
        self.make(replace(self.settings, has_subscriptions=False))
        self.assertTrue(self.resource.is_idle)
        client = self.ask()
        self.assertFalse(self.resource.is_idle)
        client.close()
        self.assertTrue(self.resource.is_idle)
