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
from ...matching import Matcher, routes_of
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
from ..topics import (
    NO_PATTERNS,
    Selection,
    Selector,
    compile_patterns,
    patterns_of,
    read_selectors,
    select,
)
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
        if not takes_event_stream(request.requestHeaders.getRawHeaders(b"Accept", ())):
            raise Refused(406, f"Only {EVENT_STREAM} is available.")
        try:
            rights = await self._authorizer.authorize(request, Action.SUBSCRIBE)
        except Refused as refused:
            if refused.status != 503 or not is_browser(request) or outlet.refuse_early_bytes():
                raise
            # The answer is not known now.  After any error an EventSource would give up for good.
            self._turn_away(request)
            return None
        pairs, resume_id = await self._read(request)
        selectors = read_selectors(
            pairs, self._settings.limits, is_legacy=self._settings.is_legacy_allowed
        )
        if resume_id == END_ID:
            return HttpAnswer(204, headers=_NOT_KEPT)  # stops reconnecting (WHATWG HTML 9.2.3)
        subscriber = MercureSubscriber(rights.identity)
        try:
            compiled = NO_PATTERNS
            if patterns := patterns_of(selectors):
                # Limits come first: a client that gets no stream must not cost more than that.
                if outlet.refuse_early_bytes() or self._is_turned_away(request, rights):
                    return None
                subscriber.patterns = TakenPatterns(self._patterns, _holder(request, rights))
                compiled = await self._compile(patterns, subscriber.patterns)
            selection = select(selectors, compiled, self._settings.limits, base_url=self._base_url)
            is_known = resume_id is not None and await self._is_known(resume_id)
            if outlet.refuse_early_bytes() or self._is_turned_away(request, rights):
                return None
            if resume_id is not None:
                for name in _RESUME_ID_HEADERS:
                    request.setHeader(name, (resume_id if is_known else EARLIEST).encode())
            if request.method == b"HEAD":
                return HttpAnswer(200, media_type=EVENT_STREAM, headers=_NOT_KEPT)
            subscriber.subscriptions = self._subscriptions_of(selection, rights)
            self._open(request, outlet, rights, selection, Start(resume_id or None), subscriber)
            return None
        except Refused as refused:
            if refused.retry_after is None or not is_browser(request):
                raise
            _log.info("a browser is sent away for a while: {reason}", reason=refused.reason)
            self._turn_away(request)
            return None
        finally:
            if not subscriber.has_stream:  # otherwise its end gives them back
                subscriber.give_patterns_back()

    async def _compile(
        self, patterns: Sequence[Selector], taken: TakenPatterns
    ) -> dict[Selector, Matcher]:
        """
        Make the matchers of patterns, unless there are too many.
        """
        taken.take(patterns)
        compiling = compile_patterns(patterns, self._settings.limits, base_url=self._base_url)
        compiled = await self._hub.streams.turns.do(compiling)
        taken.take_complex([one for one, matcher in compiled.items() if not routes_of(matcher)])
        return compiled

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
        return await self._hub.streams.turns.do(reading_form(body))

    def _is_turned_away(self, request: Request, rights: Rights) -> bool:
        """
        Return false if the client may get one more stream; otherwise answer it and return true.

        A browser gets an answer that makes it come back later, other clients get an error.
        """
        limit = self._settings.max_per_token
        has_too_many = limit and rights.identity and self._streams_of[rights.identity] >= limit
        if not has_too_many and self._opener.has_room(request):
            return False
        if has_too_many and not is_browser(request):
            raise Refused(
                429,
                f"At most {limit} streams at a time are allowed with one token.",
                reason=f"the limit of {limit} streams with its token is reached",
                retry_after=_LIMIT_RETRY_AFTER,
            )
        self._turn_away(request)
        return True

    def _turn_away(self, request: Request) -> None:
        request.write(self._opener.turn_away(request))
        request.finish()

    def _open(
        self,
        request: Request,
        outlet: RequestOutlet,
        rights: Rights,
        selection: Selection,
        start: Start,
        mercure_subscriber: MercureSubscriber,
    ) -> None:
        self._enter(mercure_subscriber)
        try:
            subscriber = self._opener.open(
                request,
                outlet,
                self._view_of(selection, rights),
                start,
                who=mercure_subscriber,
                on_end=self._ended,
            )
        except BaseException:
            self._leave(mercure_subscriber)
            raise
        if subscriber.end_reason is not None:
            return
        if mercure_subscriber.subscriptions:
            self._active.begin(mercure_subscriber.subscriptions)
        if rights.expires < inf:
            self._expirations.begin(subscriber, rights.expires - EXPIRY_MARGIN)

    def _view_of(self, selection: Selection, rights: Rights) -> View:
        matchers, path = rights.topics or selection.matchers, self._announced_below
        return View(
            matchers,
            rights.subscribe,
            shows_ephemeral=False,
            # The grants last: there may be thousands.
            may_ask_for_announcements=self._settings.has_subscriptions
            and matchers.may_match_below(path)
            and rights.subscribe.may_match_below(path),
        )

    def _subscriptions_of(
        self, selection: Selection, rights: Rights
    ) -> tuple[ActiveSubscription, ...]:
        if not self._settings.has_subscriptions:
            return ()
        name = new_subscriber()
        return tuple(
            ActiveSubscription(one.match_type, one.match, name, rights.payload_of(one.match))
            for one in selection.subscriptions
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
