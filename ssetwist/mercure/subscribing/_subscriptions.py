"""
Active subscriptions in both dialects: their documents, and the updates that announce them.
"""

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from ...eventstream import DEFAULT_TYPE, Event
from ..access import to_json
from ..updates import RESERVED_TYPE, Update

#: The media types of the documents.
JSON = "application/json"
JSON_LD = "application/ld+json"

#: Bytes of a piece of a collection, and subscriptions that are looked at for it: either takes about
#: a millisecond.
_PIECE, _LOOKED_AT = 16 * 1024, 1000

_CONTEXT = {"@context": "https://mercure.rocks/"}


def new_subscriber() -> str:
    """
    Return a unique name for a connection, which reveals nothing about it.
    """
    return uuid4().urn


def subscriptions_path(hub_path: str) -> str:
    return f"{hub_path.rstrip('/')}/subscriptions"


@dataclass(frozen=True, slots=True)
class ActiveSubscription:
    """
    One matcher of one connection, described in the dialect of the request that asked for it.

    :ivar match_type: The type of the matcher; ``None`` for a topic selector of 0.x.
    :ivar match: The matcher, or the selector, as the client wrote it.
    :ivar subscriber: The name of the connection.
    :ivar payload: The payload from its token, any JSON value; ``None`` without one.
    """

    match_type: str | None
    match: str
    subscriber: str
    payload: Any = None

    @property
    def is_legacy(self) -> bool:
        return self.match_type is None

    def path(self, hub_path: str) -> str:
        """
        Return its path, which is also its id and the topic of its announcements.
        """
        kind = () if self.match_type is None else (self.match_type,)
        segments = (quote(text, safe="") for text in (*kind, self.match, self.subscriber))
        return "/".join((subscriptions_path(hub_path), *segments))

    def document(self, hub_path: str, *, is_active: bool = True) -> dict[str, Any]:  # JSON
        document: dict[str, Any] = {"id": self.path(hub_path)}
        if self.match_type is None:
            document |= {"type": "Subscription", "topic": self.match}
        else:
            document |= {
                "type": "subscription",
                "match_type": self.match_type,
                "match": self.match,
            }
        document |= {"subscriber": self.subscriber, "active": is_active}
        if self.payload is not None:
            document["payload"] = self.payload
        return document

    def announcement(self, hub_path: str, *, is_active: bool) -> Update:
        document = self.document(hub_path, is_active=is_active)
        event = Event.with_json(
            _CONTEXT | document if self.is_legacy else document,
            type=DEFAULT_TYPE if self.is_legacy else RESERVED_TYPE,
        )
        return Update((self.path(hub_path),), event, is_private=True)


def single(
    subscription: ActiveSubscription, hub_path: str, *, last_event_id: str
) -> dict[str, Any]:  # a JSON object
    """
    Return the document that answers a request for one subscription.

    :param last_event_id: The newest event that the document includes.  0.x has it in the
        document, 1.0 in the ``Link`` header.
    """
    document = subscription.document(hub_path)
    if subscription.is_legacy:
        return _CONTEXT | document | {"lastEventID": last_event_id}
    return document


def collection(
    path: str,
    subscriptions: Iterable[ActiveSubscription | None],
    hub_path: str,
    *,
    is_legacy: bool,
    last_event_id: str,
) -> Generator[bytes, None, None]:
    """
    Return the pieces of the document that answers a request for several subscriptions.

    :param path: The path of the request, still encoded.
    :param subscriptions: The subscriptions that it selects, all in the same dialect; ``None`` for
        one that it does not select.
    """
    if is_legacy:
        head = {**_CONTEXT, "id": path, "type": "Subscriptions", "lastEventID": last_event_id}
    else:
        head = {"id": path, "type": "subscriptions"}
    piece = to_json(head)[:-1] + b',"subscriptions":['
    separator = b""
    for number, subscription in enumerate(subscriptions, start=1):
        if subscription is not None:
            piece += separator + to_json(subscription.document(hub_path))
            separator = b","
        if len(piece) >= _PIECE or not number % _LOOKED_AT:
            yield piece
            piece = b""
    yield piece + b"]}"
