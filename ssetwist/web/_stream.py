"""
The hub as a resource: a ``GET`` subscribes.
"""

from collections.abc import Callable

from twisted.logger import Logger
from twisted.web.error import UnsupportedMethod
from twisted.web.http import NOT_ALLOWED, SERVICE_UNAVAILABLE
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from ..eventstream import encode_comment, encode_reconnection_time
from ..hub import END_ID, EndReason, Hub, Subscriber
from ._head import address_of, answer_no_content, is_browser, last_event_id, write_head
from ._outlet import RequestOutlet

_log = Logger()

#: Seconds after which a client comes back, unless told otherwise; what browsers do by themselves.
DEFAULT_RETRY = 3.0

_METHODS = "GET, HEAD, OPTIONS"

#: How many times longer those wait for whom there is no room.
FULL_RETRY_FACTOR = 10


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

    isLeaf = True

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
        if self._hub.is_closed or self._hub.is_full(address):
            return self._turn_away(request)
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

    def _turn_away(self, request: Request) -> bytes:
        retry = (DEFAULT_RETRY if self._retry is None else self._retry) * FULL_RETRY_FACTOR
        # Not all of them at the same moment: between one and two times that.
        retry *= 1 + self._hub.streams.jitter()
        if is_browser(request):
            write_head(request)
            return encode_reconnection_time(retry)
        request.setResponseCode(SERVICE_UNAVAILABLE)
        request.setHeader("Retry-After", b"%d" % max(1, round(retry)))
        request.setHeader("Content-Type", "text/plain; charset=utf-8")
        return b"There is no room for one more subscriber; try again later.\n"


def first_bytes(retry: float | None) -> bytes:
    """
    Return what every stream begins with: bytes, so that nobody between holds the head back, and a
    line that is no event.
    """
    return encode_comment() if retry is None else encode_reconnection_time(retry)
