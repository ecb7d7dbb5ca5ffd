"""
Insides of Twisted that this package relies on, each with its reason.

Twisted does not document these names.  ``tests/unit/server/test_insides.py`` tests them with the
oldest supported Twisted and with the newest.  If it fails, mend this file.
"""

import select
import sys
from collections.abc import Callable, Iterable
from selectors import SelectSelector
from typing import Any

from twisted.internet.base import ReactorBase
from twisted.internet.selectreactor import SelectReactor
from twisted.logger import FileLogObserver, FilteringLogObserver, ILogObserver, LogBeginner
from twisted.web.client import HTTPConnectionPool, _HTTP11ClientFactory

from .._reactor import AnyReactor


class _QuietFactory(_HTTP11ClientFactory):
    noisy = False


def quiet_pool(reactor: AnyReactor) -> HTTPConnectionPool:
    """
    Return a pool that does not log its connections: there may be as many as there are visitors.
    """
    pool = HTTPConnectionPool(reactor)
    pool._factory = _QuietFactory
    return pool


def poller_of(reactor: AnyReactor) -> Any:  # an untyped object of the select module
    """
    Return the ``epoll`` object of a reactor; ``None`` if it uses something else.
    """
    poller = getattr(reactor, "_poller", None)
    return poller if isinstance(poller, getattr(select, "epoll", ())) else None


def set_poller(reactor: AnyReactor, poller: object) -> None:
    reactor._poller = poller


def most_descriptors(reactor: AnyReactor) -> int | None:
    """
    Return how many descriptors a reactor can watch; ``None`` if it has no limit of its own.

    ``select`` has one: the size of an ``fd_set``, which Python does not tell.  On Unix it is a
    limit on their numbers, and the kernel always gives the lowest one that is free.
    """
    selector = getattr(getattr(reactor, "_asyncioEventloop", None), "_selector", None)
    if isinstance(reactor, SelectReactor) or isinstance(selector, SelectSelector):
        return 512 if sys.platform == "win32" else 1024
    return None


def selectables_of(reactor: AnyReactor) -> dict[int, object]:
    """
    Return the objects that a reactor with such a poller reads from and writes to, by descriptor.
    """
    selectables: dict[int, object] = reactor._selectables
    return selectables


def interest_of(reactor: AnyReactor) -> Callable[[int], int]:
    """
    Return a function that tells for which events such a reactor has registered a descriptor.
    """
    reads: set[int] = reactor._reads
    writes: set[int] = reactor._writes

    def interest(descriptor: int) -> int:
        return (select.EPOLLIN if descriptor in reads else 0) | (
            select.EPOLLOUT if descriptor in writes else 0
        )

    return interest


def accept_at_most(port: object, number: int) -> None:
    """
    Let a port accept at most so many connections in its next turn.
    """
    if hasattr(port, "numberAccepts"):
        port.numberAccepts = number


def bound_accepts(port: Any, most: int) -> None:  # any port
    """
    Let a port accept at most so many connections in each turn.  Twisted begins with a hundred, and
    takes 20 more each time for as long as others wait.
    """
    if not hasattr(port, "numberAccepts"):
        return
    accept = port.doRead

    def doRead() -> object:  # noqa: N802  # Twisted's name
        port.numberAccepts = min(port.numberAccepts, most)
        return accept()

    port.doRead = doRead


def before_logging_begins(
    beginner: LogBeginner, call: Callable[[Iterable[ILogObserver]], object]
) -> None:
    """
    Call a function with the observers, before the first of them gets an event.

    ``twistd`` begins with its observers after it has made the service and before it starts it,
    ``python -m twisted`` after it has started it; neither tells of this moment.  If this is called
    again before that, only the last function counts.
    """
    name = "beginLoggingTo"

    def begin(observers: Iterable[ILogObserver], *options: Any, **others: Any) -> None:
        delattr(beginner, name)
        observers = list(observers)
        call(observers)
        beginner.beginLoggingTo(observers, *options, **others)

    setattr(beginner, name, begin)


def file_observer_of(observer: object) -> FileLogObserver | None:
    """
    Return the observer that writes to a file: this one, or the one behind filters.
    """
    while isinstance(observer, FilteringLogObserver):
        observer = observer._observer
    return observer if isinstance(observer, FileLogObserver) else None


def file_of(observer: FileLogObserver) -> Any:  # a text file or a LogFile
    return observer._outFile


def set_file(observer: FileLogObserver, file: Any) -> None:  # anything with write and flush
    observer._outFile = file


def wrap_files(log_file: Any, wrap: Callable[[Any], Any]) -> None:  # a LogFile, and its files
    """
    Wrap the file that a ``LogFile`` writes to, now and whenever it opens another.
    """
    open_file = log_file._openFile

    def _openFile() -> None:  # noqa: N802  # Twisted's name
        open_file()
        log_file._file = wrap(log_file._file)

    log_file._openFile = _openFile
    log_file._file = wrap(log_file._file)


def open_file_of(log_file: Any) -> Any:  # as above
    """
    Return the file that a ``LogFile`` writes to; open one if a rotation that failed has left none.
    """
    if log_file._file.closed:
        log_file._openFile()
    return log_file._file


def measure_by(reactor: AnyReactor, seconds: Callable[[], float]) -> None:
    """
    Let a reactor measure durations by another clock, also those of calls that are pending.

    A reactor that is not based on Twisted's ``ReactorBase`` stays as it is.
    """
    if not isinstance(reactor, ReactorBase):
        return
    change = seconds() - reactor.seconds()
    reactor.seconds = seconds
    # Cancelled calls as well, because all stand in one order.
    for call in (*reactor._pendingTimedCalls, *reactor._newTimedCalls):
        call.time += change
        call.seconds = seconds
