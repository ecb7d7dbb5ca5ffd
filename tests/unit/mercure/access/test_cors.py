"""
CORS headers that every answer has.
"""

from ssetwist.mercure import MercureSettings, Origins
from tests.memory import Client
from tests.unit.mercure.test_resource import ResourceCase


class VaryTests(ResourceCase):
    """
    The header ``Vary``, for caches between the hub and pages of several origins.
    """

    settings = MercureSettings(cors_origins=Origins.of(["https://a.example"]))

    def values(self, client: Client, name: bytes) -> list[bytes]:
        """
        Return the values of a header of the answer; its head is in lower case.
        """
        fields = [line.partition(b": ") for line in client.head.split(b"\r\n")]
        return [value for field, _, value in fields if field == name]

    def test_always(self) -> None:
        """
        Every answer varies with the origin, even one that allows nothing; otherwise a cache would
        give it to a page that may read the answer.
        """
        for origin, allowed in (
            ({"Origin": "https://a.example"}, [b"https://a.example"]),
            ({"Origin": "https://b.example"}, []),
            ({}, []),
        ):
            client = self.ask("", name="bob", **origin)
            self.assertEqual(allowed, self.values(client, b"access-control-allow-origin"))
            self.assertEqual([b"origin"], self.values(client, b"vary"), origin)
