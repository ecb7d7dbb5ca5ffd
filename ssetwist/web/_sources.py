"""
Sources of the events of a per-request stream, and pulling them.
"""

from collections.abc import AsyncIterable, Awaitable, Callable, Coroutine, Iterable, Iterator
from inspect import isasyncgenfunction, isawaitable, isgeneratorfunction
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from .._within import within
from ..eventstream import Event
from ._send import Send

_log = Logger()

Source = AsyncIterable[Event] | Iterable[Event] | Callable[[Send], Awaitable[object] | None]


def pulling(source: Source, send: Send) -> Coroutine[Deferred[Any], Any, None]:
    """
    Return the coroutine that sends the events of a source.

    :raises TypeError: If it is not a source.
    """
    anything: Any = source  # callers may pass anything, in spite of the annotation
    hint = ""
    if isasyncgenfunction(anything) or isgeneratorfunction(anything):
        hint = f"; call it: stream(request, {anything.__name__}(...))"
    elif isawaitable(anything):  # a Deferred could even be iterated over
        if isinstance(anything, Coroutine):
            anything.close()  # otherwise Python warns that it was never awaited
        hint = "; await it in an async generator, or pass a function that is given a send"
    elif isinstance(source, AsyncIterable):
        return _pull(source, send)
    elif callable(source):
        return _call(source, send)
    elif isinstance(source, Iterable):
        return _pull_iterator(iter(source), send)
    raise TypeError(
        "a source is an async iterator, an iterator, or a function that is given a send, "
        f"not {anything.__class__.__name__}{hint}"
    )


async def _pull(source: AsyncIterable[Event], send: Send) -> None:
    events = aiter(source)
    is_garbage = False
    try:
        while send.is_open:
            try:
                event = await anext(events)
            except StopAsyncIteration:
                return
            await send(event)
    except GeneratorExit:
        is_garbage = True  # it hung until nobody knew it any more; now nothing can be awaited
        raise
    finally:
        # Exhausted, cancelled or never begun: it is freed now, not by the garbage collector.
        if not is_garbage and (close := getattr(events, "aclose", None)) is not None:
            await _close(close(), send)


async def _close(closing: Awaitable[object], send: Send) -> None:
    # All events have been sent, so the stream need not wait without end for the rest.
    try:
        await within(send.close_timeout, closing, send.clock, late=_NotClosed)
    except _NotClosed:
        _log.error(
            "the aclose() of a source was not done within {seconds:g} s, and is cancelled",
            seconds=send.close_timeout,
        )


class _NotClosed(Exception):
    """
    The fault of a source: it did not close in time.
    """


async def _pull_iterator(events: Iterator[Event], send: Send) -> None:
    try:
        while send.is_open:
            try:
                event = next(events)
            except StopIteration:
                return
            await send(event)
    finally:
        if (close := getattr(events, "close", None)) is not None:
            close()


async def _call(source: Callable[[Send], Awaitable[object] | None], send: Send) -> None:
    if not send.is_open:
        return
    result = source(send)
    if result is None:
        await send.when_ended()
    elif isawaitable(result):
        await result
    else:
        raise TypeError(
            "the function of a stream returns None, a coroutine or a Deferred, "
            f"not {result.__class__.__name__}"
        )
