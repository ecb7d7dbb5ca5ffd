"""
All that a hub can be told, checked.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields

from ..eventstream import GAP
from ..hub import (
    DEFAULT_HEARTBEAT,
    DEFAULT_RECONNECTION_TIME,
    DEFAULT_STALL_TIMEOUT,
    MAX_TOPICS,
    ReplayPolicy,
    UnknownCursor,
    WhenBehind,
)
from ..log import DEFAULT_MAX_AGE, DEFAULT_MAX_BYTES, DEFAULT_MAX_COUNT
from ..mercure import (
    DEFAULT_LIMITS,
    DEFAULT_MAX_BODY,
    Limits,
    LoopbackOrigins,
    MercureSettings,
    Origins,
    TokenSettings,
    check_own_url,
    name_of_url,
)

#: Only this machine can connect, until somebody asks for more.
DEFAULT_LISTEN = ("tcp:8080:interface=127.0.0.1",)

#: No time is longer than a day, in seconds.
_DAY = 86400.0

#: How short each may be, in seconds, and whether it may be 0 for never.  Shorter ones would keep
#: the process busy with nothing else.
_LEAST_SECONDS = {
    "heartbeat": (0.1, True),
    "reconnection_time": (0.0, True),
    "tick": (0.001, True),
    "stall_timeout": (0.1, False),
    "drain_timeout": (0.0, True),
    "lifetime": (1.0, True),
    "log_age": (1.0, False),
}

#: How many threads may send.
_MOST_THREADS = 64


@dataclass(frozen=True, slots=True)
class HubConfig:
    """
    All that a :class:`HubService` can be told.  All times are in seconds.

    :ivar listen: Twisted endpoint strings.
    :ivar heartbeat: Silence until a comment is sent; 0 for never.
    :ivar reconnection_time: After what time a client that lost its stream comes back.
    :ivar tick: Between the events of the demonstration; 0 for none, ``None`` for a second while the
        hub is for development, and none otherwise.
    :ivar max_subscribers: 0 for as many as come.
    :ivar max_per_address: 0 for as many as come.
    :ivar stall_timeout: Without progress, until a client that is behind is cut.
    :ivar drain_timeout: Until a server that stops has cut those who do not read.
    :ivar lifetime: Until a stream ends and its client resumes, less up to a fifth; 0 for never.
    :ivar log_events: How many events are kept at most; 0 for none.
    :ivar log_bytes: How many bytes they may have together.
    :ivar log_age: After what time an event is forgotten.
    :ivar when_behind: What becomes of who was behind for too long.
    :ivar unknown_cursor: What they get who come back with an id that is not known (any more).
    :ivar gap: The type of the event that tells that events were missed; ``""`` for no such event.
    :ivar flush_threads: How many threads send to many subscribers; 0 for as many as there are
        cores that the process may use.
    :ivar tokens: Whose tokens are believed.
    :ivar authorize_url: Where the application is asked what a request may do; ``""`` for nowhere.
    :ivar anonymous: Whether public updates need no token.
    :ivar cors_origin: Whose pages may read what the hub answers.
    :ivar publish_origin: Whose pages may publish with a cookie, besides the hub's own.
    :ivar subscriptions: Whether the hub tells who is subscribed.
    :ivar max_body: Bytes that the body of a request may have.
    :ivar max_matchers: How many matchers a subscriber may ask for at a time.
    :ivar max_topics: How many topics an update may have.
    :ivar max_per_token: How many streams there may be with one token; 0 for as many as come.
    :ivar publish_rate: How many updates a second each publisher may publish; 0 for no limit.
    :raises ValueError: If a value makes no sense.
    """

    listen: Sequence[str] = DEFAULT_LISTEN
    heartbeat: float = DEFAULT_HEARTBEAT
    reconnection_time: float = DEFAULT_RECONNECTION_TIME
    tick: float | None = None
    max_subscribers: int = 0
    max_per_address: int = 0
    stall_timeout: float = DEFAULT_STALL_TIMEOUT
    drain_timeout: float = 10.0
    lifetime: float = 0.0
    log_events: int = DEFAULT_MAX_COUNT
    log_bytes: int = DEFAULT_MAX_BYTES
    log_age: float = DEFAULT_MAX_AGE
    when_behind: WhenBehind = WhenBehind.DISCONNECT
    unknown_cursor: UnknownCursor = UnknownCursor.LIVE
    gap: str = GAP
    flush_threads: int = 0
    tokens: TokenSettings = field(default_factory=TokenSettings)
    authorize_url: str = ""
    anonymous: bool = False
    cors_origin: Sequence[str] = ()
    publish_origin: Sequence[str] = ()
    subscriptions: bool = False
    max_body: int = DEFAULT_MAX_BODY
    max_matchers: int = DEFAULT_LIMITS.max_matchers
    max_topics: int = MAX_TOPICS
    max_per_token: int = 0
    publish_rate: float = 0.0

    def __post_init__(self) -> None:
        if isinstance(self.listen, str) or not self.listen:
            raise ValueError("listen must be one or more endpoint strings, in a tuple or a list")
        for one in fields(self):
            value = getattr(self, one.name)
            # Values of the environment are text, and are easily passed on as that.
            if type(one.default) in (int, float) and not isinstance(value, int | float):
                raise TypeError(f"{one.name} must be a number, not {value!r}")
        for name, (least, may_be_0) in _LEAST_SECONDS.items():
            value = getattr(self, name)
            if value is not None and not (least <= value <= _DAY or (may_be_0 and value == 0)):
                zero = "0, or " if may_be_0 and least else ""
                raise ValueError(
                    f"{name} {value:g} is not {zero}from {least:g} to {_DAY:g} seconds"
                )
        if not 0 <= self.flush_threads <= _MOST_THREADS:
            raise ValueError(f"flush_threads {self.flush_threads} is not from 0 to {_MOST_THREADS}")
        for name in ("max_body", "max_matchers", "max_topics"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} {getattr(self, name)} is not 1 or more")
        if min(self.log_events, self.log_bytes) < 0:
            raise ValueError("log_events and log_bytes must be 0 or more")
        if self.lifetime and not (self.log_events and self.log_bytes):
            raise ValueError(
                "lifetime needs a log: what is published while a client comes back would be lost"
            )
        if self.is_for_development:
            for name in ("cors_origin", "publish_origin"):
                if getattr(self, name) and _origins(name, self):
                    raise ValueError(
                        f"{name} has no meaning without a key: then only pages of this machine may "
                        "talk to the hub, and all of them"
                    )
        if self.authorize_url:
            try:
                name_of_url(self.authorize_url)
            except ValueError as problem:
                raise ValueError(f"authorize_url {problem}") from None
        if self.anonymous and self.authorize_url:
            raise ValueError("anonymous has no meaning with authorize_url, which decides of that")
        if self.tokens.audience and not self.has_keys:
            raise ValueError("audience has no meaning without a key: there is no token to check")
        if self.tokens.audience:
            try:
                check_own_url(self.tokens.audience)
            except ValueError as problem:
                raise ValueError(f"audience {problem}") from None
        self.mercure  # noqa: B018  # says so, if it cannot be
        policy = ReplayPolicy(self.when_behind, self.unknown_cursor, self.gap)
        object.__setattr__(self, "when_behind", policy.when_behind)  # they may be given by name
        object.__setattr__(self, "unknown_cursor", policy.unknown_cursor)

    @property
    def has_keys(self) -> bool:
        """
        Whether there are tokens that are believed.
        """
        return bool(self.tokens.publish or self.tokens.subscribe or self.tokens.jwks)

    @property
    def is_for_development(self) -> bool:
        """
        Whether nobody has said who may do what.  Then everyone may do everything, who is on this
        machine.
        """
        return not (self.has_keys or self.authorize_url)

    @property
    def seconds_between_ticks(self) -> float:
        """
        Seconds; 0 for no ticks.
        """
        if self.tick is None:
            return 1.0 if self.is_for_development else 0.0
        return self.tick

    @property
    def _issuers(self) -> tuple[str, ...]:
        """
        Who makes tokens, if it is somebody who can be asked for one.
        """
        issuer = self.tokens.issuer
        return (issuer,) if issuer and issuer != self.tokens.audience else ()

    @property
    def mercure(self) -> MercureSettings:
        """
        The same as the Mercure hub is told.
        """
        is_open = self.is_for_development
        cors_origins = _origins("cors_origin", self)
        return MercureSettings(
            url=self.tokens.audience,
            is_legacy_allowed=self.tokens.is_legacy_allowed,
            cors_origins=LoopbackOrigins() if is_open else cors_origins,
            publish_origins=_origins("publish_origin", self),
            checks_origin=not is_open,
            has_subscriptions=self.subscriptions,
            cookie=self.tokens.cookie_names[0],
            issuers=self._issuers,
            limits=Limits(max_matchers=self.max_matchers),
            max_body=self.max_body,
            max_topics=self.max_topics,
            max_per_token=self.max_per_token,
            publish_rate=self.publish_rate,
            reconnection_time=self.reconnection_time,
        )


def _origins(name: str, config: HubConfig) -> Origins:
    try:
        return Origins.of(getattr(config, name))
    except ValueError as problem:
        raise ValueError(f"{name} {problem}") from None
