"""
The hub at its URL.  HTTP begins and ends here: each request goes to the part that answers it, and
every error becomes a response.
"""

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from ..errors import Refused
from ..hub import Hub
from ..web.opening import is_over, path_of, peer_of
from .access import (
    Authorizer,
    CheckedAuthorizer,
    HttpAnswer,
    allow_origin,
    answer_options,
    answer_to,
    json_answer,
)
from .discovery import metadata
from .publishing import Publishing
from .rights import Action
from .settings import MercureSettings
from .subscribing import ActiveSubscriptions, Subscribing, SubscriptionApi

_log = Logger()

_METHODS = ((Action.SUBSCRIBE, "GET, HEAD, QUERY"), (Action.PUBLISH, "POST"))

_API_METHODS = "GET, HEAD, OPTIONS"


class MercureResource(Resource):
    """
    A Mercure hub, of 1.0 and of 0.x, with its subscription API below it.

    :param hub: The hub that it publishes to and streams from.
    :param authorizer: Decides what each request may do, within the ``authorize_timeout`` of the
        settings.  If it does not, or answers with something else than ``Rights``, the request gets
        503.
    :ivar max_body: Maximum size of a request's body in bytes, from the settings.
    :ivar reads_form: True; our Site then leaves forms to this resource, which knows its own limits.
    """

    isLeaf = True
    reads_form = True

    def __init__(
        self, hub: Hub, authorizer: Authorizer, settings: MercureSettings | None = None
    ) -> None:
        super().__init__()
        for name in ("can_allow", "authorize"):
            if not callable(getattr(authorizer, name, None)):
                raise TypeError(f"authorizer must be an Authorizer; {authorizer!r} lacks {name}()")
        self.settings = settings = MercureSettings() if settings is None else settings
        self.max_body = settings.max_body  # our Site reads it before the body comes
        clock = hub.streams.clock
        authorizer = CheckedAuthorizer(authorizer, clock, timeout=settings.authorize_timeout)
        self._authorizer = authorizer
        self.active = ActiveSubscriptions(hub, settings.path)
        self._publishing = Publishing(hub, authorizer, settings)
        self._subscribing = Subscribing(hub, authorizer, settings, self.active)
        self._api = SubscriptionApi(hub, authorizer, settings, self.active)

    @property
    def is_idle(self) -> bool:
        """
        True while no subscription is active, and no stream is counted for any token.  Tests check
        it at their end, together with :attr:`ssetwist.Hub.is_idle`.
        """
        return self.active.is_idle and self._subscribing.is_idle

    def render(self, request: Request) -> int:
        allow_origin(request, self.settings.cors_origins)
        answering = Deferred.fromCoroutine(self._answer(request))
        if not answering.called:
            request.notifyFinish().addErrback(lambda _: answering.cancel())
        answering.addErrback(_failed, request)
        return NOT_DONE_YET

    async def _answer(self, request: Request) -> None:
        try:
            answer = await self._route(request)
        except Refused as refused:
            _log.info(
                "{status} to {peer} {method} {path}: {reason}",
                status=refused.status,
                peer=peer_of(request),
                method=request.method.decode("latin-1")[:20],
                path=path_of(request),
                reason=refused.reason,
            )
            answer = answer_to(refused, self.settings.metadata_url)
        if answer is not None and not is_over(request):
            answer.write(request)

    async def _route(self, request: Request) -> HttpAnswer | None:
        below = len(request.postpath or ())
        if below and any(request.postpath or ()):
            return await self._route_below(request, below)
        method = request.method
        if method == b"OPTIONS":
            return answer_options(request, self._methods())
        if method == b"POST" and self._authorizer.can_allow(Action.PUBLISH):
            return await self._publishing.answer(request)
        is_subscription = method in (b"GET", b"HEAD", b"QUERY")
        if is_subscription and self._authorizer.can_allow(Action.SUBSCRIBE):
            return await self._subscribing.answer(request)
        return _not_allowed(self._methods())

    async def _route_below(self, request: Request, segments: int) -> HttpAnswer:
        rest = request.path.split(b"/")[-segments:]  # still encoded, unlike postpath
        path = "/".join((self.settings.path.rstrip("/"), *(one.decode("latin-1") for one in rest)))
        if request.method == b"OPTIONS":
            return answer_options(request, _API_METHODS)
        if request.method not in (b"GET", b"HEAD"):
            return _not_allowed(_API_METHODS)
        return await self._api.answer(request, path)

    def _methods(self) -> str:
        allowed = [name for action, name in _METHODS if self._authorizer.can_allow(action)]
        return ", ".join((*allowed, "OPTIONS"))


class MetadataResource(Resource):
    """
    Tells clients how to get a token for a hub (RFC 9728); to be mounted at ``metadata_path``.
    """

    isLeaf = True

    def __init__(self, settings: MercureSettings) -> None:
        super().__init__()
        assert settings.url is not None, "a hub without a URL cannot have this document"
        self._settings = settings
        self._answer = json_answer(
            metadata(
                settings.url,
                authorization_servers=settings.issuers,
                cookie=settings.cookie,
                has_subscriptions=settings.has_subscriptions,
            ),
            headers={"Cache-Control": "public, max-age=3600", "Access-Control-Allow-Origin": "*"},
        )

    def render_GET(self, request: Request) -> int:
        self._answer.write(request)
        return NOT_DONE_YET


def _not_allowed(methods: str) -> HttpAnswer:
    text = f"Allowed methods: {methods}.\n"
    return HttpAnswer(405, text.encode(), headers={"Allow": methods})


def _failed(problem: Failure, request: Request) -> Any:
    """
    End a request that failed: its client has gone, which cancelled it; or something is broken.
    """
    if problem.check(CancelledError) and is_over(request):
        return
    _log.failure("a request to the hub failed", problem)
    if not is_over(request) and not request.startedWriting:
        HttpAnswer(500, b"An internal error occurred.\n").write(request)
