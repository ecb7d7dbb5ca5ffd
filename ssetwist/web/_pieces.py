"""
Long bodies: responses that are made and sent piece by piece.
"""

from collections.abc import Generator
from contextlib import closing
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.server import Request
from zope.interface import implementer

from .._waiters import Waiters
from .._within import within
from ._request import path_of, peer_of
from .site import streams_of

_log = Logger()


def write_pieces(request: Request, pieces: Generator[bytes, None, None]) -> None:
    """
    Write the body of a response piece by piece, each in its own turn of the reactor and not before
    the client has taken the last one; then finish.  When the client goes, no more pieces are made.
    A client that takes nothing within the stall time-out of a stream is cut off.

    :param pieces: The pieces, each of a size that may be held for every client.
    """
    writing = Deferred.fromCoroutine(_write(request, pieces))
    request.notifyFinish().addErrback(lambda _: writing.cancel())

    def failed(problem: Failure) -> None:
        if problem.check(CancelledError):
            return
        if problem.check(_NotTaken):
            peer, path = peer_of(request), path_of(request)
            _log.info("{peer} {path}: cut off, because it takes nothing", peer=peer, path=path)
        else:
            _log.failure("a response could not be made, and is broken off", problem)
        transport: Any = request.transport  # a transport under HTTP has this method
        transport.abortConnection()

    writing.addErrback(failed)


class _NotTaken(Exception):
    """
    The client's fault: it has not taken the pieces in time.
    """


async def _write(request: Request, pieces: Generator[bytes, None, None]) -> None:
    assert request.site is not None, "only a request that is being rendered can be answered"
    streams = streams_of(request.site)
    turns, clock = streams.turns, streams.clock
    room = _Room()
    request.registerProducer(room, True)
    with closing(pieces):
        for piece in () if request.method == b"HEAD" else pieces:
            request.write(piece)
            await turns.next()
            if room.is_full:
                emptied = room.emptied.wait()
                await within(streams.stall_timeout, emptied, clock, late=_NotTaken)
    request.unregisterProducer()
    request.finish()


@implementer(IPushProducer)
class _Room:
    """
    Room on a connection, as its transport tells it.
    """

    def __init__(self) -> None:
        self.is_full = False
        self.emptied: Waiters[None] = Waiters()

    def pauseProducing(self) -> None:
        self.is_full = True

    def resumeProducing(self) -> None:
        self.is_full = False
        self.emptied.fire(None)

    def stopProducing(self) -> None:
        self.is_full = True  # the connection is gone, which the request tells in a moment
