"""
Configuration of a hub, checked.  An option is added here, and nowhere else.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf

from ..errors import InvalidOption
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
    DEFAULT_AUTHORIZE_TIMEOUT,
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
from ..mercure.access import MAX_ASKED
from . import _options as option
from ._listening import read_endpoint


@option.documented
@dataclass(frozen=True, slots=True)
class HubConfig:
    """
    Configuration of a :class:`HubService`.

    ``twistd ssetwist`` has an option for each field but ``tokens``; ``Hub``, ``Site``,
    ``MercureSettings`` and ``Limits`` get the fields that have the names of their parameters.
    The fields are described by ``help(HubConfig)``, and by ``twistd ssetwist --help``.

    :ivar tokens: The keys and rules by which tokens are accepted.
    :raises InvalidOption: If a value makes no sense.
    :raises TypeError: If a value that must be a number, or true or false, is something else.
    """

    listen: Sequence[str] = option.texts(
        ("tcp:8080:interface=127.0.0.1",),  # only this machine can connect
        "a Twisted endpoint string to listen on; repeatable",
        read=read_endpoint,
    )
    # Times below the least would keep the process busy with nothing else.
    heartbeat: float = option.decimal(
        DEFAULT_HEARTBEAT, "of silence after which a comment is sent; 0 for never", least=0.1
    )
    reconnection_time: float = option.decimal(
        DEFAULT_RECONNECTION_TIME, "after which a client that lost its stream reconnects"
    )
    tick: float | None = option.decimal(
        None,
        "between two events of the demonstration; 0 for none; by default 1 without a key and "
        "without --authorize-url, otherwise 0",
        least=0.001,
    )
    max_connections: int = option.number(
        0,
        "connections allowed at the same time; for one more, the connection that has waited the "
        "longest for a request is closed; 0 for no limit, except that twistd keeps 64 of the files "
        "that it may open for other things, 17 more for each further --listen and up to 500 for "
        "--authorize-url, and a reactor that uses select can watch 1024",
    )
    max_subscribers: int = option.number(
        0,
        "subscribers allowed at the same time; 0 for no limit, except that twistd keeps 32 "
        "connections for other requests, or half of them if that is less",
    )
    max_per_address: int = option.number(
        0,
        "subscribers allowed from one IP address; 0 for no limit; behind a proxy all clients have "
        "the address of the proxy",
    )
    stall_timeout: float = option.decimal(
        DEFAULT_STALL_TIMEOUT,
        "without progress after which a client that does not read is disconnected",
        least=0.1,
        may_be_0=False,
    )
    drain_timeout: float = option.decimal(
        10.0, "after a stop signal within which clients that do not read are disconnected"
    )
    lifetime: float = option.decimal(
        0.0,
        "after which a stream ends and its client resumes, shortened by up to 20% at random; 0 for "
        "never",
        least=1.0,
    )
    log_events: int = option.number(
        DEFAULT_MAX_COUNT, "events kept for clients that reconnect; 0 for none"
    )
    log_bytes: int = option.number(
        DEFAULT_MAX_BYTES,
        "bytes that the kept events may have together, as they are sent; in memory they take at "
        "least twice that",
    )
    log_age: float = option.decimal(
        DEFAULT_MAX_AGE, "after which an event is forgotten", least=1.0, may_be_0=False
    )
    when_behind: WhenBehind = option.choice(  # noqa: RUF009  # it makes a field
        WhenBehind.DISCONNECT,
        "what happens to a client so far behind that the log has forgotten what it missed: "
        "disconnect (it reconnects and is told of the gap), skip (it is told of the gap and "
        "continues with new events) or latest (it is told of the gap; and whenever it is behind, "
        "it gets only the newest event of each topic)",
    )
    unknown_cursor: UnknownCursor = option.choice(  # noqa: RUF009  # it makes a field
        UnknownCursor.LIVE,
        "what a client gets if its Last-Event-ID is unknown or too old, after it has been told of "
        "the gap: live (new events) or all (everything that is kept)",
    )
    gap: str = option.text(
        GAP,
        "the type of the event that tells of a gap; empty for no such event",
        lambda gap: ReplayPolicy(gap=gap),
    )
    flush_threads: int = option.number(
        0,
        "threads that send to many clients; 1 for the main thread alone, 0 for one per core",
        most=64,
    )
    tokens: TokenSettings = field(default_factory=TokenSettings)
    authorize_url: str = option.text(
        "",
        "the URL of the application that decides what a request may do: it is sent the cookies and "
        "headers of the request, and allows it with a status of 2xx; it is asked about at most "
        f"{MAX_ASKED} requests at a time, and at most half as many as --max-connections",
        name_of_url,
    )
    authorize_timeout: float = option.decimal(
        DEFAULT_AUTHORIZE_TIMEOUT,
        "within which the application at --authorize-url must answer, and any other decision about "
        "access be made; without an answer the request gets 503",
        least=0.1,
        may_be_0=False,
    )
    anonymous: bool = option.flag(
        "let everyone read public events; without a key everyone may anyway"
    )
    cors_origin: Sequence[str] = option.texts(
        (),
        "an origin whose pages may read what the hub answers, such as https://example.com; with an "
        "asterisk for all subdomains; an asterisk alone allows every origin, but without cookies; "
        "repeatable",
        Origins.of,
    )
    publish_origin: Sequence[str] = option.texts(
        (),
        "an origin, besides the hub's own, whose pages may publish by a cookie, or as "
        "--authorize-url allows; pages with a token in a header that the hub itself checks need no "
        "such origin; repeatable",
        Origins.of,
    )
    subscriptions: bool = option.flag(
        "show the active subscriptions to clients with a right to them, by updates and at "
        "/.well-known/mercure/subscriptions; these updates, two for each topic or pattern of a "
        "client, never push other events out of the log: besides these it keeps up to a quarter of "
        "--log-events and of --log-bytes of them"
    )
    max_body: int = option.number(
        DEFAULT_MAX_BODY, "bytes that the body of a request may have", least=1
    )
    max_matchers: int = option.number(
        DEFAULT_LIMITS.max_matchers,
        "topics or patterns that a client may ask for at a time; a token may have as many, and "
        f"{DEFAULT_LIMITS.max_matchers} in any case",
        least=1,
    )
    max_distinct_patterns: int = option.number(
        10_000,
        "different patterns that all clients may ask for at the same time; 0 for no limit; each "
        "takes 2 to 4 KB of memory, 25 KB at most, and a complex one 75 to 250 KB: one that is not "
        "a path of a few segments such as /rooms/:room or /rooms/*; at most a twentieth of these, "
        "and of the next two, may be complex",
    )
    max_distinct_patterns_per_address: int = option.number(
        1000,
        "different patterns that clients without a token may ask for at the same time from one IP "
        "address; 0 for no limit; behind a proxy all clients have the address of the proxy",
    )
    max_distinct_patterns_per_token: int = option.number(
        1000,
        "different patterns that clients with one token, or with tokens of one subject (sub), may "
        "ask for at the same time; 0 for no limit",
    )
    max_topics: int = option.number(
        MAX_TOPICS, f"topics that an event may have, at most {MAX_TOPICS}", least=1, most=MAX_TOPICS
    )
    max_per_token: int = option.number(
        0, "streams allowed with one token, or with tokens of one subject (sub); 0 for no limit"
    )
    publish_rate: float = option.decimal(
        0.0,
        "that each publisher may publish on average; 0 for no limit",
        unit="events a second",
        most=inf,
    )
    max_pattern: int = option.number(
        DEFAULT_LIMITS.max_pattern,
        "bytes that each topic or pattern that a client asks for may have, in UTF-8",
        least=1,
    )

    def __post_init__(self) -> None:
        option.check_options(self)
        if self.lifetime and not (self.log_events and self.log_bytes):
            problem = "it needs a log, or events published while a client reconnects are lost"
            raise InvalidOption("lifetime", problem)
        for name in ("cors_origin", "publish_origin"):
            if self.is_for_development and getattr(self, name):
                problem = "it has no meaning without a key: pages of this machine alone have access"
                raise InvalidOption(name, problem)
        if self.anonymous and self.authorize_url:
            problem = "it has no meaning with authorize_url: the application decides about that"
            raise InvalidOption("anonymous", problem)
        if self.tokens.audience:
            try:
                if not self.has_keys:
                    raise ValueError("it has no meaning without a key: there is no token to check")
                check_own_url(self.tokens.audience)
            except ValueError as problem:
                raise InvalidOption("audience", str(problem)) from None

    @property
    def has_keys(self) -> bool:
        """
        True if there are keys to check tokens with.
        """
        return bool(self.tokens.publish or self.tokens.subscribe or self.tokens.jwks)

    @property
    def is_for_development(self) -> bool:
        """
        True if neither keys nor an application decide about access.  Then every client on this
        machine may do everything.
        """
        return not (self.has_keys or self.authorize_url)

    @property
    def max_asked(self) -> int:
        """
        Maximum number of requests to the application at a time.  Each takes a connection, so there
        are at most half as many as connections of clients.
        """
        if not self.max_connections:
            return MAX_ASKED
        return min(MAX_ASKED, max(1, self.max_connections // 2))

    @property
    def seconds_between_ticks(self) -> float:
        """
        Seconds between two events of the demonstration; 0 for none.
        """
        if self.tick is None:
            return 1.0 if self.is_for_development else 0.0
        return self.tick

    @property
    def mercure(self) -> MercureSettings:
        """
        Settings of the Mercure hub.
        """
        tokens, is_open = self.tokens, self.is_for_development
        # Clients are told of an issuer to ask for a token; a hub that issues its own is not one.
        is_elsewhere = tokens.issuer and tokens.issuer != tokens.audience
        return option.call_with_options(
            MercureSettings,
            self,
            url=tokens.audience,
            is_legacy_allowed=tokens.is_legacy_allowed,
            cors_origins=LoopbackOrigins() if is_open else Origins.of(self.cors_origin),
            publish_origins=Origins.of(self.publish_origin),
            checks_origin=not is_open,
            has_subscriptions=self.subscriptions,
            cookie=tokens.cookie_names[0],
            issuers=(tokens.issuer,) if is_elsewhere else (),
            limits=option.call_with_options(Limits, self),
        )
