"""
The common base of tests of publishers, and tokens that no issuer would make.
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

    :param topics: Topics: a string is an exact one, anything else is taken unchanged.
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
    Return a token of 1.0 for all topics, with only the required claims.  ``changes`` set claims and
    members of the header; ``None`` removes one.
    """
    claims = {
        "iss": HUB,
        "aud": HUB,
        "exp": time.time() + 3600,
        "authorization_details": [detail("publish", "*"), detail("subscribe", "*")],
        **changes,
    }
    kept = {name: value for name, value in claims.items() if value is not None}
    # Without blanks, because the head of a request must be below 16 KiB.
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
    Return a token of 0.x with this claim ``mercure`` and other claims.
    """
    granted = {"publish": ["*"], "subscribe": ["*"]} if mercure is None else mercure
    return signed(
        {"mercure": granted, **claims}, key, algorithm, **{"typ": "JWT", **(header or {})}
    )


class PublisherCase(MercureCase):
    """
    Tests of publications that count the events in the log.  Subscriptions are not announced,
    because their announcements would count.
    """

    options = ("--anonymous",)

    def head_of(self, hub: MercureHub) -> int:
        """
        Return the number of events that a hub has published.
        """
        return hub.service.hub.log.head

    @contextmanager
    def assert_publishes(self, number: int, at: MercureHub | None = None) -> Iterator[None]:
        """
        Check the number of events that are published during a block.
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
        Publish a raw body; by default with a token for all topics.
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
        Check that a publication is refused with a status and a message that names a field, and that
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
    Send raw bytes, and wait for one whole response.
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
    Send a request with these header fields, in this order; a name may occur twice.
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
    Collect the log lines of all hubs during a block.
    """
    lines: list[str] = []

    def observe(event: LogEvent) -> None:
        lines.append(formatEvent(event))

    globalLogPublisher.addObserver(observe)
    try:
        yield lines
    finally:
        globalLogPublisher.removeObserver(observe)
