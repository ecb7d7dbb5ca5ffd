"""
Settings of a Mercure hub, with their defaults.
"""

from dataclasses import dataclass, field
from math import inf
from urllib.parse import urlsplit

from ..errors import InvalidOption
from ..hub import DEFAULT_RECONNECTION_TIME, MAX_TOPICS
from .access import Origins
from .discovery import metadata_url
from .tokens import hub_url
from .topics import DEFAULT_LIMITS, Limits

#: The path of a hub that does not know its own URL (T5).
DEFAULT_PATH = "/.well-known/mercure"

#: The base of relative patterns and topics if the hub does not know its own URL.  Its scheme and
#: host are never seen by any client.
_UNKNOWN_URL = f"https://localhost{DEFAULT_PATH}"

#: Seconds for a decision about access.  A hub's keys may have to be fetched first.
DEFAULT_AUTHORIZE_TIMEOUT = 10.0

#: Bytes that the body of a publication, or of a ``QUERY``, may have.
DEFAULT_MAX_BODY = 1024 * 1024


def check_own_url(url: str) -> None:
    """
    Check a hub's own URL.  It must have a path, because the hub is served there.

    :raises ValueError: If it is not the URL of a hub.
    """
    hub_url(url)
    if not urlsplit(url).path:
        raise ValueError(f"it must have a path, such as {DEFAULT_PATH}")


@dataclass(frozen=True, slots=True)
class MercureSettings:
    """
    Settings of a Mercure hub.

    :ivar url: The hub's own URL, as clients know it; ``None`` if the hub does not know it.
    :ivar is_legacy_allowed: If true, the hub speaks 0.x in addition to 1.0.
    :ivar cors_origins: Origins of pages that may read the hub's answers.
    :ivar publish_origins: Origins of pages that may publish with a right that browsers give by
        themselves, besides the hub's own: a cookie, a password, a client certificate, an address.
    :ivar checks_origin: If true, a page that publishes with such a right must have one of these
        origins.  Set it to false only if another part checks the origin.
    :ivar has_subscriptions: If true, the hub tells clients about its subscriptions.
    :ivar cookie: The cookie that a token may be in, for the metadata; ``None`` for no cookie.
    :ivar issuers: URLs of the issuers of its tokens, for the metadata.
    :ivar limits: Limits of a single request.
    :ivar max_body: Bytes that the body of a request may have.
    :ivar max_topics: Topics that one update may have.
    :ivar max_per_token: Streams that one identity may have; 0 for no limit.
    :ivar max_distinct_patterns: Different patterns that all subscribers may ask for at a time; 0
        for no limit.  At most a twentieth of these, and of the next two, may be complex.
    :ivar max_distinct_patterns_per_address: The same for anonymous subscribers from one address.
    :ivar max_distinct_patterns_per_token: The same for subscribers with one identity.
    :ivar authorize_timeout: Seconds within which the authorizer must decide about a request.
    :ivar publish_rate: Updates a second that each publisher may publish on average; 0 for no limit.
    :ivar reconnection_time: Seconds after which a client that lost its stream reconnects; ``None``
        to leave it to the client.
    :raises InvalidOption: If a value makes no sense.
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
    max_distinct_patterns: int = 10_000
    max_distinct_patterns_per_address: int = 1000
    max_distinct_patterns_per_token: int = 1000
    authorize_timeout: float = DEFAULT_AUTHORIZE_TIMEOUT
    publish_rate: float = 0.0
    reconnection_time: float | None = DEFAULT_RECONNECTION_TIME

    def __post_init__(self) -> None:
        if self.url is not None:
            try:
                check_own_url(self.url)
            except ValueError as problem:
                raise InvalidOption("url", f"{self.url!r}: {problem}") from None
        if not 0 < self.max_topics <= MAX_TOPICS:
            raise InvalidOption("max_topics", f"{self.max_topics} is not from 1 to {MAX_TOPICS}")
        for name in (
            "max_body",
            "max_distinct_patterns",
            "max_distinct_patterns_per_address",
            "max_distinct_patterns_per_token",
            "max_per_token",
            "publish_rate",
        ):
            if not 0 <= getattr(self, name) < inf:
                raise InvalidOption(name, f"{getattr(self, name)} is not 0 or more")
        if not 0 < self.authorize_timeout < inf:
            raise InvalidOption(
                "authorize_timeout", f"{self.authorize_timeout} is not more than 0 seconds"
            )

    @property
    def base_url(self) -> str:
        """
        The base of relative patterns and topics (X2).
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
        The URL of the document that says how to get a token; empty if the hub does not know its
        own URL.
        """
        return metadata_url(self.url) if self.url else ""
