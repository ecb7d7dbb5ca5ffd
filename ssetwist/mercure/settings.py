"""
What a Mercure hub can be told, and what it does unless told otherwise.
"""

from dataclasses import dataclass, field
from math import inf
from urllib.parse import urlsplit

from ..hub import DEFAULT_RECONNECTION_TIME, MAX_TOPICS
from .access import Origins
from .discovery import metadata_url
from .tokens import hub_url
from .topics import DEFAULT_LIMITS, Limits

#: Where a hub is unless told otherwise (T5).
DEFAULT_PATH = "/.well-known/mercure"

#: What patterns and topics are relative to, where the hub does not know its own URL.  Scheme and
#: host of it are never seen by anybody.
_UNKNOWN_URL = f"https://localhost{DEFAULT_PATH}"

#: Bytes that the body of a publication, or of a ``QUERY``, may have.
DEFAULT_MAX_BODY = 1024 * 1024


def check_own_url(url: str) -> None:
    """
    Check a hub's own URL.  The hub is at its path, so there must be one.

    :raises ValueError: If it is none.
    """
    hub_url(url)
    if not urlsplit(url).path:
        raise ValueError(f"it must have a path, such as {DEFAULT_PATH}")


@dataclass(frozen=True, slots=True)
class MercureSettings:
    """
    What a Mercure hub can be told.

    :ivar url: The hub's own URL, as clients know it; ``None`` if it does not know that.
    :ivar is_legacy_allowed: Whether it speaks 0.x as well as 1.0.
    :ivar cors_origins: Whose pages may read its answers.
    :ivar publish_origins: Whose pages may publish with a cookie, besides its own.
    :ivar checks_origin: Whether a publication with a cookie must come from one of these.  Not where
        somebody else sees to it, and nobody is known by a cookie.
    :ivar has_subscriptions: Whether it tells who is subscribed.
    :ivar cookie: The cookie that a token may be in, for the metadata; ``None`` for none.
    :ivar issuers: Who makes tokens for it, for the metadata.
    :ivar limits: What one request may ask for.
    :ivar max_body: Bytes of a body.
    :ivar max_topics: How many topics one update may have.
    :ivar max_per_token: How many streams one identity may have; 0 for as many as come.
    :ivar publish_rate: How many updates in a second each publisher may publish, on the average;
        0 for no limit.
    :ivar reconnection_time: Seconds after which a client that lost its stream comes back; ``None``
        to leave it to the client.
    :raises ValueError: If a value makes no sense.
    """

    url: str | None = None
    is_legacy_allowed: bool = True
    cors_origins: Origins = field(default_factory=Origins)
    publish_origins: Origins = field(default_factory=Origins)
    checks_origin: bool = True
    has_subscriptions: bool = False
    cookie: str | None = None
    issuers: tuple[str, ...] = ()
    limits: Limits = DEFAULT_LIMITS
    max_body: int = DEFAULT_MAX_BODY
    max_topics: int = MAX_TOPICS
    max_per_token: int = 0
    publish_rate: float = 0.0
    reconnection_time: float | None = DEFAULT_RECONNECTION_TIME

    def __post_init__(self) -> None:
        if self.url is not None:
            try:
                check_own_url(self.url)
            except ValueError as problem:
                raise ValueError(f"url {self.url!r}: {problem}") from None
        if not 0 < self.max_topics <= MAX_TOPICS:
            raise ValueError(f"max_topics {self.max_topics} is not from 1 to {MAX_TOPICS}")
        for name in ("max_body", "max_per_token", "publish_rate"):
            if not 0 <= getattr(self, name) < inf:
                raise ValueError(f"{name} {getattr(self, name)} must be 0 or more")

    @property
    def base_url(self) -> str:
        """
        What patterns and topics are relative to (X2).
        """
        return self.url or _UNKNOWN_URL

    @property
    def path(self) -> str:
        """
        The path of the hub as clients know it.
        """
        return urlsplit(self.base_url).path

    @property
    def metadata_url(self) -> str:
        """
        Where it is written how to get a token; empty if the hub does not know its own URL.
        """
        return metadata_url(self.url) if self.url else ""
