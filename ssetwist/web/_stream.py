"""
The hub as a resource: a ``GET`` subscribes.
"""

from collections.abc import Callable

from twisted.logger import Logger
from twisted.web.error import UnsupportedMethod
from twisted.web.http import NOT_ALLOWED
from twisted.web.pages import notFound
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET, Request

from ..hub import DEFAULT_RETRY, END_ID, EndReason, Hub, Subscriber
from ._head import address_of, answer_no_content, first_bytes, last_event_id, turn_away, write_head
from ._outlet import RequestOutlet

_log = Logger()

_METHODS = "GET, HEAD, OPTIONS"


class EventStreamResource(Resource):
    """
    An event stream of everything that the hub publishes (WHATWG HTML 9.2).

    ``GET`` subscribes; the head and the first bytes leave at once.  ``HEAD`` gets the same head and
    subscribes nobody.  An outer compressor is taken off with a warning.

    When the hub is full, or closed, a browser gets 200, a longer ``retry`` and the end, because any
    other answer would make its ``EventSource`` give up for ever; others get 503 with
    ``Retry-After``.

    :param retry: Seconds after which a client that lost its stream comes back; 0 for at once,
        ``None`` to leave it to the client.
    :param on_start: Called with each new subscriber.
    :param on_end: Called with the subscriber and the reason, in the reactor turn in which the end
        of its stream is known, after the hub has let go of it.
    """

    def __init__(
        self,
        hub: Hub,
        *,
        retry: float | None = DEFAULT_RETRY,
        on_start: Callable[[Subscriber], object] | None = None,
        on_end: Callable[[Subscriber, EndReason], object] | None = None,
    ) -> None:
        super().__init__()
        self._hub = hub
        self._retry = retry
        self._on_start = on_start
        self._on_end = on_end
        self._first_bytes = first_bytes(retry)

    def getChild(self, path: bytes, request: Request) -> IResource:
        """
        Be there with a slash at the end, too; there is nothing below.
        """
        return notFound() if path else self

    def render(self, request: Request) -> bytes | int:
        """
        Answer ``GET``, ``HEAD`` and ``OPTIONS``, and any other method with 405.
        """
        try:
            return super().render(request)  # type: ignore[no-any-return]  # one of ours below
        except UnsupportedMethod:
            request.setResponseCode(NOT_ALLOWED)
            request.setHeader("Allow", _METHODS)
            request.setHeader("Content-Type", "text/plain; charset=utf-8")
            return b"This is an event stream; there is nothing but to GET it.\n"

    def render_GET(self, request: Request) -> bytes | int:
        # First thing: a request tells of its end only those who asked before.
        outlet = RequestOutlet(request, self._hub.streams)
        if not outlet.is_new:
            return NOT_DONE_YET
        if last_event_id(request) == END_ID:
            answer_no_content(request)
            return NOT_DONE_YET
        address = address_of(request)
        hub = self._hub
        if hub.is_closed or hub.streams.is_draining or hub.is_full(address):
            return turn_away(request, self._retry, hub.streams)
        outlet.open(self._first_bytes)
        subscriber = self._hub.subscribe(outlet, address=address, on_end=self._on_end)
        if self._on_start is not None:
            try:
                self._on_start(subscriber)
            except Exception:
                _log.failure("the on_start callback of a subscriber failed")
        return NOT_DONE_YET

    def render_HEAD(self, request: Request) -> bytes:
        write_head(request)
        return b""

    def render_OPTIONS(self, request: Request) -> int:
        request.setHeader("Allow", _METHODS)
        answer_no_content(request)
        return NOT_DONE_YET
