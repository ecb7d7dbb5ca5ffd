"""
CORS headers that every answer has.
"""

from dataclasses import replace

from twisted.web.resource import Resource
from twisted.web.server import Request

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

    def test_beside_another(self) -> None:
        """
        A field ``Vary`` that the application has set stays.
        """
        resource = self.resource

        class Varying(Resource):
            isLeaf = True

            def render(self, request: Request) -> int:
                request.setHeader("Vary", "Accept-Encoding")
                return resource.render(request)

        self.site.resource = Varying()
        client = self.ask("", name="bob")
        self.assertEqual([b"accept-encoding", b"origin"], self.values(client, b"vary"))

    def test_permissions(self) -> None:
        """
        A page of a trusted origin may read the answer and the headers that clients need, with its
        credentials; if every origin is trusted, without them.  Other pages get no permission.
        """
        exposed = (
            b"link, etag, mercure-last-event-id, last-event-id, www-authenticate, retry-after, "
            b"accept-query"
        )
        for origins, origin, allowed, credentials in (
            (["https://a.example"], "https://a.example", [b"https://a.example"], [b"true"]),
            (["*"], "https://a.example", [b"*"], []),
            (["https://a.example"], "https://b.example", [], []),
        ):
            self.make(replace(self.settings, cors_origins=Origins.of(origins)))
            client = self.ask("", name="bob", Origin=origin)
            self.assertEqual(allowed, self.values(client, b"access-control-allow-origin"))
            name = b"access-control-allow-credentials"
            self.assertEqual(credentials, self.values(client, name))
            name = b"access-control-expose-headers"
            self.assertEqual([exposed] if allowed else [], self.values(client, name))

    def test_preflight(self) -> None:
        """
        ``OPTIONS`` tells the methods, and a trusted page also which of them and which headers its
        scripts may use, and for how long that counts.
        """
        for origin, is_allowed in (("https://a.example", True), ("https://b.example", False)):
            client = self.ask("", method="OPTIONS", Origin=origin)
            self.assertEqual(204, self.status(client))
            methods = b"get, head, query, post, options"
            self.assertEqual([methods], self.values(client, b"allow"))
            for name, value in (
                (b"access-control-allow-methods", methods),
                (
                    b"access-control-allow-headers",
                    b"authorization, cache-control, content-type, idempotency-key, last-event-id, "
                    b"if-none-match",
                ),
                (b"access-control-max-age", b"7200"),
            ):
                self.assertEqual([value] if is_allowed else [], self.values(client, name))

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
