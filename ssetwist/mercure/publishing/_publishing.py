"""
Publishing: ``POST`` at the hub's URL (section 5 of the checklist).
"""

from collections.abc import Hashable
from dataclasses import dataclass

from twisted.internet.defer import CancelledError, Deferred, DeferredList, FirstError
from twisted.internet.task import deferLater
from twisted.web.server import Request

from ...errors import HubClosed, LogUnavailable, Refused
from ...hub import Hub
from ...matching import Matchers
from ...web.opening import address_of, header_of
from ..access import Authorizer, HttpAnswer, Source, origin_of
from ..rights import Action, Rights
from ..settings import MercureSettings
from ..updates import (
    FORM,
    JSON,
    JSON_LINES,
    PIECE,
    Update,
    answer_line,
    lines_of,
    media_type_of,
    read_body,
    read_form,
    reading_form,
    update_from_form,
    update_from_json,
)
from ._idempotency import Idempotency, idempotency_key
from ._rate import Rate

#: Seconds after which a publisher may try again if the hub is closed.
_CLOSED_RETRY_AFTER = 5.0

#: Seconds after which publishing lines lets the reactor do something else: a thousand lines may
#: have a hundred thousand topics, and each topic is checked.
_MAX_LINES_TIME = 0.02


@dataclass(frozen=True, slots=True)
class _Publisher:
    """
    The publisher of a request.

    :ivar name: Its identity, or its address; limits are counted by it.
    :ivar key: The idempotency key of its request, if there is one.
    """

    name: str
    rights: Rights
    granted: Matchers
    key: str | None


class Publishing:
    def __init__(self, hub: Hub, authorizer: Authorizer, settings: MercureSettings) -> None:
        self._hub = hub
        self._authorizer = authorizer
        self._settings = settings
        self._base_url = settings.base_url
        clock = hub.streams.clock
        self._rate = Rate(clock, settings.publish_rate)
        self._answers: Idempotency[str] = Idempotency(clock)

    async def answer(self, request: Request) -> HttpAnswer:
        """
        Answer a request to publish: with 200 once the log has stored everything.

        :raises Refused: If the request is refused; nothing has been published then.
        """
        # A client that may not publish does not learn what else is wrong with its request (P7).
        rights = await self._authorizer.authorize(request, Action.PUBLISH)
        if rights.is_ambient:
            self._check_source(request)
        publisher = self._publisher(request, rights)
        headers = request.requestHeaders
        media_type = media_type_of(headers.getRawHeaders(b"Content-Type", ()))
        body = read_body(request, self._settings.max_body)
        if media_type == JSON_LINES:
            return await self._publish_lines(body, publisher)
        if media_type in (None, FORM):
            if len(body) <= PIECE:
                pairs = read_form(body)
            else:
                pairs = await self._hub.streams.turns.do(reading_form(body))
            update = update_from_form(pairs, self._base_url)
        elif media_type == JSON:
            update = update_from_json(body, self._base_url)
        else:
            raise Refused(415, f"Content-Type must be {FORM}, {JSON} or {JSON_LINES}.")
        # No line break at the end: clients take the whole body for the id (P5).
        return HttpAnswer(200, (await self._publish_once(update, body, publisher)).encode())

    def _check_source(self, request: Request) -> None:
        """
        Check the page that a request comes from, if the right to publish may be the browser's: from
        a cookie, a password, a client certificate or an address (C6).
        """
        source, settings = Source.of(request), self._settings
        scheme = (header_of(request, b"Authorization") or "").partition(" ")[0].lower()
        has_cookie = request.requestHeaders.hasHeader(b"Cookie")
        if scheme == "bearer":
            # The application has accepted it, or its sender.  A page needs the permission of a
            # preflight to send a token; but then it may be a worthless one, beside a cookie.
            may_be_browser = source.has_page and (has_cookie or settings.cors_origins.are_all)
        else:
            may_be_browser = source.has_page or has_cookie or bool(scheme)
        if may_be_browser and settings.checks_origin:
            settings.publish_origins.check_source(
                source, _own_origin(request, settings.url), is_certain=settings.url is not None
            )

    def _publisher(self, request: Request, rights: Rights) -> _Publisher:
        if rights.publish is None:
            raise rights.refusal("it says nothing of publishing")
        return _Publisher(
            rights.identity or address_of(request),
            rights,
            rights.publish,
            idempotency_key(request.requestHeaders.getRawHeaders(b"Idempotency-Key")),
        )

    async def _publish_lines(self, body: bytes, publisher: _Publisher) -> HttpAnswer:
        """
        Publish each line on its own, in order; an error in one line does not affect the others.
        """

        async def publish(number: int, line: bytes) -> bytes:
            try:
                update = update_from_json(line, self._base_url)
                id = await self._publish_once(update, line, publisher, number)
                return answer_line(number, id)
            except Refused as refused:
                return answer_line(number, refused)

        # All lines begin before the first is waited for, so that the log can take them together.
        clock = self._hub.streams.clock
        answers: list[Deferred[bytes]] = []
        until = clock.seconds() + _MAX_LINES_TIME
        try:
            for line in lines_of(body):
                if clock.seconds() > until:
                    await deferLater(clock, 0)
                    until = clock.seconds() + _MAX_LINES_TIME
                answers.append(Deferred.fromCoroutine(publish(*line)))
        except CancelledError:  # the client has gone
            DeferredList(answers, consumeErrors=True).cancel()
            raise
        try:
            answered = await DeferredList(answers, fireOnOneErrback=True, consumeErrors=True)
        except FirstError as first:  # wraps the error: the client has gone, for example
            first.subFailure.raiseException()
        return HttpAnswer(200, b"".join(line for _, line in answered), JSON_LINES)

    def _publish_once(
        self, update: Update, body: bytes, publisher: _Publisher, *line: int
    ) -> Deferred[str]:
        """
        Check that a publisher may publish an update, and publish it unless that has been done under
        the same key.

        :param line: The number of the line in a request of several.
        """
        for topic in update.topics:
            if not publisher.granted.match((topic,)):  # each topic (P4)
                reason = f"it does not grant publishing to {topic[:100]!r}"
                raise publisher.rights.refusal(reason)
        limit = self._settings.max_topics
        if len(update.topics) > limit:
            raise Refused(413, f"topic must not be there more than {limit} times")
        if publisher.key is None:
            return Deferred.fromCoroutine(self._publish(update, publisher))
        key: Hashable = (publisher.name, publisher.key, *line)
        return self._answers.once(
            key, body, lambda: Deferred.fromCoroutine(self._publish(update, publisher))
        )

    async def _publish(self, update: Update, publisher: _Publisher) -> str:
        if wait := self._rate.take(publisher.name):
            raise Refused(429, "This publisher is too fast.", retry_after=wait)
        try:
            return await self._hub.publish(update.topics, update.event, private=update.is_private)
        except HubClosed:
            problem = "The hub is stopping; try again later."
            raise Refused(503, problem, retry_after=_CLOSED_RETRY_AFTER) from None
        except LogUnavailable as unavailable:
            if unavailable.is_uncertain:
                text = "The event log has not answered in time; the update may have been published."
                raise Refused(504, text, reason=str(unavailable)) from unavailable
            raise Refused(
                503,
                "The event log takes nothing now; try again later.",
                reason=str(unavailable),
                retry_after=unavailable.retry_after,
            ) from unavailable


def _own_origin(request: Request, url: str | None) -> str:
    if url is None:
        scheme = "https" if request.isSecure() else "http"
        url = f"{scheme}://{header_of(request, b'Host') or ''}"
    return origin_of(url) or ""
