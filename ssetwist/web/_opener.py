"""
Steps from a request to a subscriber, the same for every resource that streams a hub's events.
"""

from collections.abc import Callable

from twisted.web.server import Request

from ..eventstream import encode_id
from ..hub import DEFAULT_RECONNECTION_TIME, EndReason, Hub, Streams, Subscriber, View
from ._head import first_bytes, let_go, turn_away
from ._http1 import ChannelOutlet, Http10Outlet, SocketOutlet
from ._http2 import Http2Outlet
from ._insides import is_http2, socket_of
from ._outlet import RequestOutlet
from ._request import address_of, is_event_source
from ._start import Start
from .site import descriptor_of


def outlet_for(request: Request, streams: Streams) -> RequestOutlet:
    """
    Make the outlet that fits the connection of a request.  Call this first thing in ``render``: an
    outlet that is made after the end of the request never learns about it.
    """
    descriptor = descriptor_of(request.transport)
    # With TLS the descriptor is further down than the transport of the request.
    is_plain = descriptor is not None and descriptor is request.transport
    if is_http2(request):
        return Http2Outlet(request, streams)
    if request.clientproto != b"HTTP/1.1":
        return Http10Outlet(request, streams)
    if is_plain and socket_of(descriptor) is not None:
        return SocketOutlet(request, streams)
    return ChannelOutlet(request, streams)


class StreamOpener:
    """
    Opener of one hub's streams.

    :param reconnection_time: Seconds after which a client that lost its stream comes back; 0 for at
        once, ``None`` to let the client choose.
    """

    def __init__(
        self, hub: Hub, *, reconnection_time: float | None = DEFAULT_RECONNECTION_TIME
    ) -> None:
        self.hub = hub
        self._reconnection_time = reconnection_time
        self._first_bytes = first_bytes(reconnection_time)

    def outlet(self, request: Request) -> RequestOutlet:
        """
        Make the outlet of a request, first thing in ``render``, as :func:`outlet_for` does.
        """
        return outlet_for(request, self.hub.streams)

    def why_full(self, request: Request) -> str:
        """
        Return the reason why no more subscribers can come from the address of the request; ``""``
        if one can.
        """
        if self.hub.is_closed or self.hub.streams.is_draining:
            return "the hub is stopping"
        return self.hub.why_full(address_of(request))

    def turn_away(self, request: Request) -> bytes:
        """
        Answer a client that cannot be taken now; return the body.
        """
        return turn_away(request, self._reconnection_time, self.hub.streams)

    def open(
        self,
        request: Request,
        outlet: RequestOutlet,
        view: View,
        start: Start,
        *,
        who: object = None,
        on_end: Callable[[Subscriber, EndReason], object] | None = None,
    ) -> Subscriber:
        """
        Write the head of the stream, subscribe, and drop the headers and the body of the request.
        If the subscribing fails, the connection is cut: the client sees it, and comes back.
        """
        first = self._first_bytes
        if start.is_live and is_event_source(request):
            first += encode_id(self.hub.resume_id)
        outlet.open(first)
        try:
            address = address_of(request)
            let_go(request)
            return self.hub.subscribe(
                outlet,
                view,
                last_event_id=start.last_event_id,
                last=start.last,
                address=address,
                who=who,
                on_end=on_end,
            )
        except BaseException:
            outlet.abort(EndReason.ENDED_BY_APPLICATION)
            raise
