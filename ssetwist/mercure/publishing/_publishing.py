"""
Publishing: ``POST`` at the hub's URL (section 5 of the checklist).
"""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass

from twisted.internet.defer import Deferred, DeferredList, FirstError, succeed
from twisted.web.server import Request

from ...errors import HubClosed, LogUnavailable, Refused
from ...hub import Hub
from ...matching import Matchers, Steps
from ...web.opening import address_of, header_of
from ..access import Authorizer, HttpAnswer, Source, origin_of
from ..rights import Action, Rights
from ..settings import MercureSettings
from ..updates import (
    FORM,
    JSON,
    JSON_LINES,
    Update,
    answer_line,
    lines_of,
    media_type_of,
    read_body,
    reading_form,
    update_from_form,
    update_from_json,
)
from ._idempotency import Idempotency, idempotency_key
from ._rate import Rate

#: Seconds after which a publisher may try again if the hub is closed.
_CLOSED_RETRY_AFTER = 5.0


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
        self._turns = hub.streams.turns
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
        if media_type not in (None, FORM, JSON):
            raise Refused(415, f"Content-Type must be {FORM}, {JSON} or {JSON_LINES}.")
        is_json = media_type == JSON
        update = await self._turns.do(self._reading(body, publisher, is_json=is_json))
        # No line break at the end: clients take the whole body for the id (P5).
        return HttpAnswer(200, (await self._publish_once(update, body, publisher)).encode())

    def _reading(self, body: bytes, publisher: _Publisher, *, is_json: bool) -> Steps[Update]:
        """
        Read an update, check that its publisher may publish it, and look for its subscribers.
        """
        if is_json:
            update = yield from update_from_json(body, self._base_url)
        else:
            pairs = yield from reading_form(body)
            update = yield from update_from_form(pairs, self._base_url)
        limit = self._settings.max_topics
        if len(update.topics) > limit:
            raise Refused(413, f"topic must not be there more than {limit} times")
        for number, topic in enumerate(update.topics):
            if number and not publisher.granted.is_quick:
                yield
            if not (yield from publisher.granted.matching((topic,))):  # each topic (P4)
                reason = f"it does not grant publishing to {topic[:100]!r}"
                raise publisher.rights.refusal(reason)
        yield from self._hub.preparing(update.topics, private=update.is_private)
        return update

    def _check_source(self, request: Request) -> None:
        """
        Check the page that a request comes from, if the right to publish may be the browser's: from
        a cookie, a password, a client certificate or an address (C6).
        """
        source, settings = Source.of(request), self._settings
        scheme = (header_of(request, b"Authorization") or "").partition(" ")[0].lower()
        # A page that may send a token may also send a worthless one, so a token excuses no page.
        # Older browsers may not name the page of a form, but a form cannot send a token.
        has_cookie = request.requestHeaders.hasHeader(b"Cookie")
        may_be_form = scheme != "bearer" and (has_cookie or bool(scheme))
        if settings.checks_origin and (source.has_page or may_be_form):
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

        # All lines begin before the first is waited for, so that the log can take them together.
        answers: list[Deferred[bytes]] = []
        try:
            await self._turns.do(self._beginning(lines_of(body), publisher, answers))
        except BaseException:  # the client has gone, for example
            DeferredList(answers, consumeErrors=True).cancel()
            raise
        try:
            answered = await DeferredList(answers, fireOnOneErrback=True, consumeErrors=True)
        except FirstError as first:  # wraps the error: the client has gone, for example
            first.subFailure.raiseException()
        return HttpAnswer(200, b"".join(line for _, line in answered), JSON_LINES)

    def _beginning(
        self,
        lines: Iterable[tuple[int, bytes]],
        publisher: _Publisher,
        answers: list[Deferred[bytes]],
    ) -> Steps[None]:
        """
        Begin to publish lines, one after the other.

        :param answers: Gets the answer to each.
        """

        async def answer(number: int, line: bytes, update: Update) -> bytes:
            try:
                id = await self._publish_once(update, line, publisher, number)
                return answer_line(number, id)
            except Refused as refused:
                return answer_line(number, refused)

        for number, line in lines:
            try:
                update = yield from self._reading(line, publisher, is_json=True)
            except Refused as refused:
                answers.append(succeed(answer_line(number, refused)))
            else:
                answers.append(Deferred.fromCoroutine(answer(number, line, update)))
            yield

    def _publish_once(
        self, update: Update, body: bytes, publisher: _Publisher, *line: int
    ) -> Deferred[str]:
        """
        Publish an update, unless that has been done under the same key.

        :param line: The number of the line in a request of several.
        """
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
