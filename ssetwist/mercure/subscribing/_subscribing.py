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

from ...errors import Refused
from ...eventstream import Event
from ...hub import EARLIEST, END_ID, EndReason, Hub, Subscriber, View
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
from ..topics import Selection, Selector, read_selectors, select
from ..updates import EVENT_STREAM, FORM, media_type_of, read_body, read_form, takes_event_stream
from ._active import ActiveSubscriptions
from ._expirations import Expirations
from ._patterns import HeldPatterns, Holder
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


def has_id(topics: tuple[str, ...], event: Event) -> bool:
    """
    Return true if an event has an id, as every update has (E5).  The filter of all streams.
    """
    return event.id is not None


@dataclass(slots=True, eq=False)
class MercureSubscriber:
    """
    State of a Mercure subscriber until its end; it is the ``who`` of the hub's subscriber.
    """

    identity: str
    holder: Holder
    patterns: Sequence[Selector] = ()
    complex_patterns: Sequence[Selector] = ()
    subscriptions: tuple[ActiveSubscription, ...] = ()
    has_stream: bool = False

    def __str__(self) -> str:
        return self.identity


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
        # Limits come first: a client that gets no stream must not cost more than that.
        if outlet.refuse_early_bytes() or self._is_turned_away(request, rights):
            return None
        pairs, resume_id = self._read(request)
        selectors = read_selectors(
            pairs, self._settings.limits, is_legacy=self._settings.is_legacy_allowed
        )
        if resume_id == END_ID:
            return HttpAnswer(204, headers=_NOT_KEPT)  # stops reconnecting (WHATWG HTML 9.2.3)
        subscriber = MercureSubscriber(rights.identity, _holder(request, rights))
        try:
            selection = await self._select(selectors, subscriber)
            is_known = resume_id is not None and await self._hub.log.find(resume_id) is not None
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
                self._give_patterns_back(subscriber)

    async def _select(
        self, selectors: Sequence[Selector], subscriber: MercureSubscriber
    ) -> Selection:
        """
        Make the matchers of selectors, unless there are too many patterns.
        """
        patterns = tuple(one for one in selectors if one.is_pattern)
        self._patterns.take(subscriber.holder, patterns)
        subscriber.patterns = patterns
        selecting = select(selectors, self._settings.limits, base_url=self._base_url)
        selection = await self._hub.streams.turns.do(selecting)
        complex = selection.complex
        self._patterns.take(subscriber.holder, complex, are_complex=True)
        subscriber.complex_patterns = complex
        return selection

    def _give_patterns_back(self, subscriber: MercureSubscriber) -> None:
        self._patterns.give_back(subscriber.holder, subscriber.patterns)
        self._patterns.give_back(subscriber.holder, subscriber.complex_patterns, are_complex=True)

    def _read(self, request: Request) -> tuple[Pairs, str | None]:
        pairs = read_form(request.uri.partition(b"?")[2])
        if request.method == b"QUERY":
            pairs += self._read_query(request)
        header = request.requestHeaders.getRawHeaders(b"Last-Event-ID", ())
        return pairs, _resume_id_of(header, pairs)

    def _read_query(self, request: Request) -> Pairs:
        media_type = media_type_of(request.requestHeaders.getRawHeaders(b"Content-Type", ()))
        if not media_type:
            raise Refused(400, f"A single Content-Type header is required, of {FORM}.")
        if media_type != FORM:
            raise Refused(415, f"Content-Type must be {FORM}, not {media_type}.")
        return read_form(read_body(request, self._settings.max_body))

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
                View(rights.topics or selection.matchers, rights.subscribe, has_id),
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
        self._give_patterns_back(mercure_subscriber)
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
