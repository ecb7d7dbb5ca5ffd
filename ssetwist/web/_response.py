"""
Stream of one client's own events: the response to one request, fed by one source.
"""

from collections.abc import Callable
from math import inf

from twisted.web.server import NOT_DONE_YET, Request

from ..hub import DEFAULT_RECONNECTION_TIME, END, END_ID, EndReason
from ._head import answer_no_content, first_bytes, turn_away, write_head
from ._opener import outlet_for
from ._request import path_of
from ._send import Send
from ._sources import Source, pulling
from ._start import last_event_id
from .site import streams_of

#: Seconds that a source may take to end.
DEFAULT_CLOSE_TIMEOUT = 10.0


def stream(
    request: Request,
    source: Source,
    *,
    reconnection_time: float | None = DEFAULT_RECONNECTION_TIME,
    once: bool = True,
    close_timeout: float = DEFAULT_CLOSE_TIMEOUT,
    on_end: Callable[[EndReason], object] | None = None,
) -> int:
    """
    Answer a request with an event stream of its own::

        def render_GET(self, request):
            return stream(request, self.answer(request.args[b"q"][0].decode()))

    The source is pulled only as fast as the client reads.  As soon as the client has gone, the
    source is cancelled: in the same reactor turn its current wait is cancelled, and its ``finally``
    runs.  When the source ends, the stream ends.  When it raises, the exception is logged once and
    the stream is broken off, so that the client sees that something is missing; an ``EventSource``
    then asks again, and a new source begins.

    Under a :class:`ssetwist.web.Site` the stream has the heartbeat and time-outs of that server,
    and ends when it stops; under any other Site it has the defaults.

    :param source: An async iterator of events, an iterator of events, or a function.  The function
        is called with a :class:`Send`; the stream lasts until the coroutine or Deferred that it
        returns is done, or, if it returns ``None``, until the client goes or ``send.end()``.
    :param reconnection_time: Seconds after which a client that lost its stream comes back; ``None``
        to let the client choose.
    :param once: If true, tell an ``EventSource`` not to come back after the end of the source or
        ``send.end()``, because it would get everything again: the stream ends with an event of
        type ``end`` and the id ``#end``, and the next attempt gets 204.
    :param close_timeout: Seconds that the source may take to end: its ``aclose()`` after its last
        event, before the stream ends anyway; and what it does when it is cancelled, before it is
        cancelled once more.
    :param on_end: Called with the reason, in the reactor turn in which the end is known.
    :returns: ``NOT_DONE_YET``, to be returned from ``render``.
    :raises TypeError: If the source is anything else.
    :raises ValueError: If the time to close is not more than 0.
    :raises RuntimeError: If something has been written to the request already.
    """
    if not 0 < close_timeout < inf:
        raise ValueError(f"close_timeout {close_timeout!r} must be more than 0 seconds")
    assert request.site is not None, "only a request that is being rendered can be answered"
    streams = streams_of(request.site)
    # First thing: an outlet that is made after the end of the request never learns about it.
    outlet = outlet_for(request, streams)
    first = first_bytes(reconnection_time)
    send = Send(
        outlet,
        streams,
        last_words=END if once else b"",
        close_timeout=close_timeout,
        on_end=on_end,
    )
    pull = pulling(source, send)
    try:
        if not outlet.is_new:
            pass  # the client has gone already
        elif request.method == b"HEAD":
            write_head(request)
            request.finish()
        elif last_event_id(request) == END_ID:
            answer_no_content(request)
        elif streams.is_draining:
            request.write(turn_away(request, reconnection_time, streams))
            request.finish()
        else:
            outlet.open(first)
    except BaseException:
        pull.close()
        raise
    # Also without a stream: then the source is closed, and nothing is pulled.
    send.run(pull, path_of(request))
    return NOT_DONE_YET
