"""
What tests of who publishes have in common, tokens that no issuer would make included.
"""

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from socket import create_connection
from typing import Any

from twisted.logger import LogEvent, formatEvent, globalLogPublisher

from tests.conformance.mercure_hub import HUB, PATIENCE, SECRET, MercureCase, MercureHub, Response
from tests.unit.mercure.fake_tokens import signed

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
JSON_LINES = "application/x-ndjson"

DETAIL_TYPE = "https://mercure.rocks/authorization-detail"


def detail(action: str, *topics: Any, **members: Any) -> dict[str, Any]:  # any JSON values
    """
    Return an authorization detail.

    :param topics: Exact ones as texts; everything else stays as it is.
    """
    entries = [{"match": one} if isinstance(one, str) else one for one in topics]
    return {"type": DETAIL_TYPE, "actions": [action], "topics": entries, **members}


def access_token(
    key: Any = SECRET,  # bytes, or one of the keys of cryptography
    algorithm: str = "HS256",
    *,
    header: Mapping[str, Any] | None = None,
    **changes: Any,  # any JSON value
) -> str:
    """
    Return a token of 1.0 that may do everything, and has no more than it must, but for these
    claims and members of its header; what is ``None`` is left out.
    """
    claims = {
        "iss": HUB,
        "aud": HUB,
        "exp": time.time() + 3600,
        "authorization_details": [detail("publish", "*"), detail("subscribe", "*")],
        **changes,
    }
    kept = {name: value for name, value in claims.items() if value is not None}
    # Without blanks: the head of a request has room for 16 KiB.
    text = json.dumps(kept, ensure_ascii=False, separators=(",", ":")).encode()
    return signed(text, key, algorithm, **{"typ": "at+jwt", **(header or {})})


def legacy_token(
    mercure: Any = None,  # any JSON value
    key: Any = SECRET,  # as above
    algorithm: str = "HS256",
    *,
    header: Mapping[str, Any] | None = None,
    **claims: Any,  # any JSON value
) -> str:
    """
    Return a token of 0.x with this claim, and others.
    """
    granted = {"publish": ["*"], "subscribe": ["*"]} if mercure is None else mercure
    return signed(
        {"mercure": granted, **claims}, key, algorithm, **{"typ": "JWT", **(header or {})}
    )


class PublisherCase(MercureCase):
    """
    Tests of publications, which see whether anything was published.  Subscriptions are not
    announced: that would be published, too.
    """

    options = ("--anonymous",)

    def head_of(self, hub: MercureHub) -> int:
        """
        Return how many events its log has had.
        """
        return hub.service.hub.log.head

    @contextmanager
    def assert_publishes(self, number: int, at: MercureHub | None = None) -> Iterator[None]:
        """
        Check how many events are published meanwhile.
        """
        hub = at or self.hub
        before = self.head_of(hub)
        yield
        self.assertEqual(number, self.head_of(hub) - before)

    def post(
        self,
        body: bytes | str,
        media_type: str | None = FORM,
        headers: Mapping[str, str] | None = None,
        *,
        token: str | None = None,
        at: MercureHub | None = None,
    ) -> Response:
        """
        Publish with a raw body, unless told otherwise with a token that may publish anything.
        """
        hub = at or self.hub
        fields = dict(headers or {})
        if media_type is not None:
            fields["Content-Type"] = media_type
        if token is None and not headers:
            token = hub.mint(publish=["*"])
        return hub.request("POST", None, fields, body, token=token)

    def assert_refuses(
        self,
        status: int,
        named: str,
        fields: Iterable[tuple[str, str]] | Mapping[str, str] | bytes,
        **options: Any,  # as MercureHub.publish and post have them
    ) -> Response:
        """
        Check that a publication is refused with a status, in words that name a field, and that
        nothing is published.
        """
        with self.assert_publishes(0):
            if isinstance(fields, bytes):
                response = self.post(fields, **options)
            else:
                response = self.hub.publish(fields, **options)
        self.assert_status(status, response)
        self.assertIn(named, response.body.decode())
        return response


def exchange(hub: MercureHub, *sent: bytes) -> Response:
    """
    Send bytes as they are, and wait for one whole answer.
    """
    with create_connection(("127.0.0.1", hub.port), PATIENCE) as connection:
        for some in sent:
            connection.sendall(some)
        response = HTTPResponse(connection)
        response.begin()
        return Response(response.status, response.headers, response.read())


def ask(
    hub: MercureHub,
    method: str,
    fields: Sequence[tuple[str, str]] = (),
    body: bytes = b"",
    path: str = "",
) -> Response:
    """
    Ask with header fields in their order, of which there may be several with one name.
    """
    connection = HTTPConnection("127.0.0.1", hub.port, timeout=PATIENCE)
    try:
        connection.putrequest(method, f"{hub.path}{path}")
        for name, value in fields:
            connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        response = connection.getresponse()
        return Response(response.status, response.headers, response.read())
    finally:
        connection.close()


@contextmanager
def log_lines() -> Iterator[list[str]]:
    """
    Collect what all hubs log meanwhile.
    """
    lines: list[str] = []

    def observe(event: LogEvent) -> None:
        lines.append(formatEvent(event))

    globalLogPublisher.addObserver(observe)
    try:
        yield lines
    finally:
        globalLogPublisher.removeObserver(observe)
