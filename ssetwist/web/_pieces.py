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
from .site import streams_of

_log = Logger()


def write_pieces(request: Request, pieces: Generator[bytes, None, None]) -> None:
    """
    Write the body of a response piece by piece, each in its own turn of the reactor and not before
    the client has taken the last one; then finish.  When the client goes, no more pieces are made.

    :param pieces: The pieces, each of a size that may be held for every client.
    """
    writing = Deferred.fromCoroutine(_write(request, pieces))
    request.notifyFinish().addErrback(lambda _: writing.cancel())

    def failed(problem: Failure) -> None:
        if problem.check(CancelledError) is None:
            _log.failure("a response could not be made, and is broken off", problem)
            transport: Any = request.transport  # a transport under HTTP has this method
            transport.abortConnection()

    writing.addErrback(failed)


async def _write(request: Request, pieces: Generator[bytes, None, None]) -> None:
    assert request.site is not None, "only a request that is being rendered can be answered"
    turns = streams_of(request.site).turns
    room = _Room()
    request.registerProducer(room, True)
    with closing(pieces):
        for piece in () if request.method == b"HEAD" else pieces:
            request.write(piece)
            await turns.next()
            if room.is_full:
                await room.emptied.wait()
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
