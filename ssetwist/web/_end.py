"""
What is known and told of the end of a stream.
"""

from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.server import Request

from ..hub import EndReason
from ._head import path_of, peer_of
from ._insides import was_closed_by_client

_log = Logger()


def log_end(
    request: Request, reason: EndReason, *, duration: float, events: int, bytes_sent: int
) -> None:
    """
    Write the one line of a stream.  The access log has none for those that the client closed, which
    are most of them.
    """
    _log.info(
        "{peer} {path}: {reason} after {duration:.1f} s, {events} events, {bytes} bytes",
        peer=peer_of(request),
        path=path_of(request),
        reason=reason.value,
        duration=duration,
        events=events,
        bytes=bytes_sent,
    )


def reason_for(failure: Failure | None) -> EndReason:
    """
    Translate what a request tells those who wait for its end.
    """
    if failure is None:
        return EndReason.ENDED_BY_APPLICATION  # it called request.finish() behind our back
    if was_closed_by_client(failure):
        return EndReason.CLIENT_CLOSED
    return EndReason.CONNECTION_LOST
