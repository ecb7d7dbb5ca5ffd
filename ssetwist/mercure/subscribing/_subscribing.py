"""
Subscribing: ``GET``, ``HEAD`` and ``QUERY`` at the hub's URL (section 3 of the checklist).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from twisted.logger import Logger
from twisted.web.server import Request

from ...errors import LogUnavailable, Refused
from ...hub import EARLIEST, END_ID, EndReason, Hub, Subscriber, View
from ...matching import Exact, Matchers, Steps, at_once, routes_of
from ...web.opening import (
    LAST_EVENT_ID_PARAMETERS,
    RequestOutlet,
    Start,
    StreamOpener,
    address_of,
    decode_id,
    is_browser,
)
from ..access import Authorizer, HttpAnswer
from ..rights import Action, Rights
from ..settings import MercureSettings
from ..topics import Selector, read_selectors
from ..updates import (
    EVENT_STREAM,
    FORM,
    media_type_of,
    read_body,
    read_form,
    reading_form,
    takes_event_stream,
)
from ._active import ActiveSubscriptions
from ._expirations import Expirations
from ._patterns import HeldPatterns, Holder, TakenPatterns
from ._subscriptions import ActiveSubscription, new_subscriber

#: Headers with the id of the event after which the stream begins, in both dialects (H6).
_RESUME_ID_HEADERS = ("Mercure-Last-Event-ID", "Last-Event-ID")

#: Seconds by which a stream ends before its token expires, so that it is never late (E8).
EXPIRY_MARGIN = 1.0

#: Seconds until a client should try again if its token has too many streams.
_LIMIT_RETRY_AFTER = 10.0

#: Forbids caches to keep an answer of 200 or 204, which they otherwise may, and to give it to
#: another client (RFC 9110, 15.1).
_NOT_KEPT = {"Cache-Control": "no-store"}

_log = Logger()

Pairs = Sequence[tuple[str, str]]


@dataclass(slots=True, eq=False)
class MercureSubscriber:
    """
    State of a Mercure subscriber until its end; it is the ``who`` of the hub's subscriber.
    """

    identity: str
    patterns: TakenPatterns | None = None
    subscriptions: tuple[ActiveSubscription, ...] = ()
    has_stream: bool = False

    def __str__(self) -> str:
        return self.identity

    def give_patterns_back(self) -> None:
        patterns, self.patterns = self.patterns, None
        if patterns is not None:
            patterns.give_back()


class Subscribing:
    def __init__(
        self,
        hub: Hub,
        authorizer: Authorizer,
        settings: MercureSettings,
        active: ActiveSubscriptions,
    ) -> None:
        self._hub = hub
        self._turns = hub.streams.turns
        self._authorizer = authorizer
        self._settings = settings
        self._base_url = settings.base_url
        self._announced_below = settings.path.rstrip("/")
        self._active = active
        self._opener = StreamOpener(hub, reconnection_time=settings.reconnection_time)
        self._streams_of: Counter[str] = Counter()  # by identity
        self._expirations = Expirations(hub.streams, _expire)
        self._patterns = HeldPatterns(
            settings.max_distinct_patterns,
            {
                "address": settings.max_distinct_patterns_per_address,
                "token": settings.max_distinct_patterns_per_token,
            },
        )

    @property
    def is_idle(self) -> bool:
        return not self._streams_of and self._patterns.is_idle and self._expirations.is_idle

    async def answer(self, request: Request) -> HttpAnswer | None:
        """
        Answer a request to subscribe.

        :returns: ``None`` if the request became a stream, or its client has gone.
        :raises Refused: If the request is refused.
        """
        outlet = self._opener.outlet(request)
        if not outlet.is_new:
            return None
        try:
            return await self._answer(request, outlet)
        except Refused as refused:
            # After any error an EventSource would give up for good, also if the error would pass.
            may_pass = refused.status == 503 or refused.retry_after is not None
            if not may_pass or not is_browser(request):
                raise
            if not outlet.refuse_early_bytes():
                _log.info("a browser is sent away for a while: {reason}", reason=refused.reason)
                self._turn_away(request)
            return None

    async def _answer(self, request: Request, outlet: RequestOutlet) -> HttpAnswer | None:
        if not takes_event_stream(request.requestHeaders.getRawHeaders(b"Accept", ())):
            raise Refused(406, f"Only {EVENT_STREAM} is available.")
        rights = await self._authorizer.authorize(request, Action.SUBSCRIBE)
        pairs, resume_id = await self._read(request)
        selectors = read_selectors(
            pairs, self._settings.limits, is_legacy=self._settings.is_legacy_allowed
        )
        if resume_id == END_ID:
            return HttpAnswer(204, headers=_NOT_KEPT)  # stops reconnecting (WHATWG HTML 9.2.3)
        subscriber = MercureSubscriber(rights.identity)
        patterns = tuple(one for one in selectors if one.is_pattern)
        try:
            # Limits come first: a client that gets no stream must not cost more than that.
            if patterns or self._settings.has_subscriptions:
                if outlet.refuse_early_bytes():
                    return None
                self._check_room(request, rights)
            if patterns:
                subscriber.patterns = TakenPatterns(self._patterns, _holder(request, rights))
                subscriber.patterns.take(patterns)
            compiling = self._compiling(selectors, subscriber.patterns)
            matchers = await self._turns.do(compiling) if patterns else at_once(compiling)
            if self._settings.has_subscriptions and request.method != b"HEAD":
                subscriber.subscriptions = await self._turns.do(self._describing(selectors, rights))
            is_known = resume_id is not None and await self._is_known(resume_id)
            if outlet.refuse_early_bytes():
                return None
            self._check_room(request, rights)
            if resume_id is not None:
                for name in _RESUME_ID_HEADERS:
                    request.setHeader(name, (resume_id if is_known else EARLIEST).encode())
            if request.method == b"HEAD":
                return HttpAnswer(200, media_type=EVENT_STREAM, headers=_NOT_KEPT)
            self._open(request, outlet, rights, matchers, Start(resume_id or None), subscriber)
            return None
        finally:
            if not subscriber.has_stream:  # otherwise its end gives them back
                subscriber.give_patterns_back()

    def _compiling(
        self, selectors: Sequence[Selector], taken: TakenPatterns | None
    ) -> Steps[Matchers]:
        """
        Make the matchers of selectors, and count the complex patterns among them one by one, so
        that a client compiles only one too many.

        :param taken: The patterns among them, if there are any.
        """
        matchers = []
        for one in selectors:
            matcher = one.matcher(self._base_url, self._settings.limits)
            matchers.append(matcher)
            if taken is not None and one.is_pattern:
                if not isinstance(matcher, Exact) and not routes_of(matcher):
                    taken.take_complex(one)
                yield
        return Matchers.of(matchers)

    def _describing(
        self, selectors: Sequence[Selector], rights: Rights
    ) -> Steps[tuple[ActiveSubscription, ...]]:
        """
        Make the subscriptions of a connection, each with its payload.
        """
        yield from self._active.announcing()
        name = new_subscriber()
        subscriptions = []
        for one in selectors:
            payload = yield from rights.finding_payload(one.match)
            subscriptions.append(ActiveSubscription(one.match_type, one.match, name, payload))
            yield
        return tuple(subscriptions)

    async def _is_known(self, resume_id: str) -> bool:
        try:
            return await self._hub.knows(resume_id)
        except LogUnavailable as unavailable:
            raise Refused(
                503,
                "The event log gives nothing now; try again later.",
                reason=str(unavailable),
                retry_after=unavailable.retry_after,
            ) from unavailable

    async def _read(self, request: Request) -> tuple[Pairs, str | None]:
        pairs = read_form(request.uri.partition(b"?")[2])
        if request.method == b"QUERY":
            pairs += await self._read_query(request)
        header = request.requestHeaders.getRawHeaders(b"Last-Event-ID", ())
        return pairs, _resume_id_of(header, pairs)

    async def _read_query(self, request: Request) -> Pairs:
        media_type = media_type_of(request.requestHeaders.getRawHeaders(b"Content-Type", ()))
        if not media_type:
            raise Refused(400, f"A single Content-Type header is required, of {FORM}.")
        if media_type != FORM:
            raise Refused(415, f"Content-Type must be {FORM}, not {media_type}.")
        body = read_body(request, self._settings.max_body)
        return await self._turns.do(reading_form(body))

    def _check_room(self, request: Request, rights: Rights) -> None:
        """
        Check that the client may get one more stream.

        :raises Refused: 429, if its token has too many streams; 503, if the hub has.
        """
        limit = self._settings.max_per_token
        has_too_many = limit and rights.identity and self._streams_of[rights.identity] >= limit
        if has_too_many:
            raise Refused(
                429,
                f"At most {limit} streams at a time are allowed with one token.",
                reason=f"the limit of {limit} streams with its token is reached",
                retry_after=_LIMIT_RETRY_AFTER,
            )
        if reason := self._opener.why_full(request):
            raise Refused(
                503,
                "No more subscribers can be taken now; try again later.",
                reason=reason,
                retry_after=self._hub.streams.time_away(self._settings.reconnection_time),
            )

    def _turn_away(self, request: Request) -> None:
        request.write(self._opener.turn_away(request))
        request.finish()

    def _open(
        self,
        request: Request,
        outlet: RequestOutlet,
        rights: Rights,
        matchers: Matchers,
        start: Start,
        mercure_subscriber: MercureSubscriber,
    ) -> None:
        self._enter(mercure_subscriber)
        try:
            subscriber = self._opener.open(
                request,
                outlet,
                self._view_of(rights.topics or matchers, rights),
                start,
                who=mercure_subscriber,
                on_end=self._ended,
            )
        except BaseException:
            self._leave(mercure_subscriber)
            raise
        if subscriber.end_reason is not None:
            return
        if rights.expires < inf:
            self._expirations.begin(subscriber, rights.expires - EXPIRY_MARGIN)
        if mercure_subscriber.subscriptions:
            self._active.begin(mercure_subscriber.subscriptions)

    def _view_of(self, matchers: Matchers, rights: Rights) -> View:
        path = self._announced_below
        return View(
            matchers,
            rights.subscribe,
            shows_ephemeral=False,
            # The grants last: there may be thousands.
            may_ask_for_announcements=self._settings.has_subscriptions
            and matchers.may_match_below(path)
            and rights.subscribe.may_match_below(path),
        )

    def _ended(self, subscriber: Subscriber, reason: EndReason) -> None:
        mercure_subscriber: Any = subscriber.who  # a MercureSubscriber
        self._expirations.forget(subscriber)
        self._leave(mercure_subscriber)
        if mercure_subscriber.subscriptions:
            self._active.end(mercure_subscriber.subscriptions)

    def _enter(self, mercure_subscriber: MercureSubscriber) -> None:
        mercure_subscriber.has_stream = True
        if mercure_subscriber.identity:
            self._streams_of[mercure_subscriber.identity] += 1

    def _leave(self, mercure_subscriber: MercureSubscriber) -> None:
        if not mercure_subscriber.has_stream:
            return
        mercure_subscriber.has_stream = False
        mercure_subscriber.give_patterns_back()
        if mercure_subscriber.identity:
            self._streams_of[mercure_subscriber.identity] -= 1
            if not self._streams_of[mercure_subscriber.identity]:
                del self._streams_of[mercure_subscriber.identity]


def _holder(request: Request, rights: Rights) -> Holder:
    if rights.identity:
        return Holder("token", rights.identity)
    return Holder("address", address_of(request))


def _expire(subscriber: Subscriber) -> None:
    subscriber.end(reason=EndReason.TOKEN_EXPIRED)


def _resume_id_of(header: Sequence[bytes], pairs: Pairs) -> str | None:
    """
    Return the id of the event that the client saw last, ``None`` without one.  The header precedes
    the parameters; of these the first counts, and those in the URL come first (S9).
    """
    if header:
        return decode_id(header[0])
    return next((value for name, value in pairs if name in LAST_EVENT_ID_PARAMETERS), None)
