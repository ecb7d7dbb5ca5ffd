"""
What is known and told of the end of a stream.
"""

from twisted.internet.error import ConnectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.server import Request

from ..hub import EndReason
from ._head import path_of, peer_of

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
    # This is all that tells a reset HTTP/2 stream, which is how a browser closes one, from a
    # broken connection.
    if failure.check(ConnectionDone) or "Stream reset" in str(failure.value):
        return EndReason.CLIENT_CLOSED
    return EndReason.CONNECTION_LOST
