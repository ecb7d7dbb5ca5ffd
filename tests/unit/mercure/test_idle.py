"""
Whether a Mercure hub still holds anything for anybody.
"""

from dataclasses import replace

from tests.unit.mercure.case import ALICE, ResourceCase


class IdleTests(ResourceCase):
    """
    ``MercureResource.is_idle``.
    """

    def test_subscription(self) -> None:
        """
        It is not idle while a subscription is active, also one of nobody that is known.
        """
        self.authorizer.people["somebody"] = replace(ALICE, identity="")
        self.assertTrue(self.resource.is_idle)
        client = self.ask(name="somebody")
        self.assertFalse(self.resource.is_idle)
        client.close()
        self.assertTrue(self.resource.is_idle)

    def test_stream_of_token(self) -> None:
        """
        Nor while a stream is counted for a token, also where no subscriptions are told of.
        """
        self.make(replace(self.settings, has_subscriptions=False))
        self.assertTrue(self.resource.is_idle)
        client = self.ask()
        self.assertFalse(self.resource.is_idle)
        client.close()
        self.assertTrue(self.resource.is_idle)
