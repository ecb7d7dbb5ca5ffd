"""
An event stream that comes back.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from http.cookiejar import CookieJar
from random import random
from typing import Any

from treq.client import HTTPClient
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent

from ..errors import SSETwistError
from ..eventstream import Event
from ._delay import Backoff
from ._policy import is_worth_another_try
from ._response import Opened

#: What headers are given as: pairs of a name and a value (or some), or Twisted's own.
AnyHeaders = Headers | Mapping[str, str | list[str]]


class ReadyState(Enum):
    """
    What an event source does now (WHATWG HTML 9.2.2).

    :cvar CONNECTING: It waits for the head of a response, or for the time of its next attempt.
    :cvar OPEN: It has a stream.
    :cvar CLOSED: It has ended, and stays so.
    """

    CONNECTING = 0
    OPEN = 1
    CLOSED = 2


@dataclass(frozen=True, slots=True)
class Interruption:
    """
    A failure after which there is another attempt.

    :ivar problem: What happened.
    :ivar failures: How many there were in a row, this one too.
    :ivar delay: Seconds until the next attempt.
    """

    problem: SSETwistError
    failures: int
    delay: float


class EventSource:
    """
    The events of a URL, however often the connection breaks (WHATWG HTML 9.2)::

        async with EventSource("https://example.com/events", reactor=reactor) as source:
            async for event in source:
                print(event.data)

    It is also to be had with a callback, ``source.for_each(handle)``, and with Deferreds:
    :meth:`next`, :meth:`when_open`, :meth:`when_closed`.
    """

    def __init__(
        self,
        url: str,
        *,
        reactor: IReactorTime,
        client: HTTPClient | IAgent | None = None,
        method: str = "GET",
        headers: AnyHeaders | None = None,
        fresh_headers: Callable[[], AnyHeaders | Awaitable[AnyHeaders]] | None = None,
        body: bytes | None = None,
        cookies: CookieJar | Mapping[str, str] | None = None,
        last_event_id: str = "",
        gzip: bool = False,
        connect_timeout: float = 30.0,
        silence_timeout: float | None = 300.0,
        backoff: Backoff = Backoff(),
        policy: Callable[[SSETwistError], bool] = is_worth_another_try,
        on_open: Callable[[Opened], object] | None = None,
        on_interruption: Callable[[Interruption], object] | None = None,
        on_comment: Callable[[str], object] | None = None,
        chance: Callable[[], float] = random,
        **limits: Any,  # as EventStreamParser has them
    ) -> None:
        raise NotImplementedError

    @property
    def state(self) -> ReadyState:
        raise NotImplementedError

    @property
    def url(self) -> str:
        raise NotImplementedError

    @property
    def last_event_id(self) -> str:
        """
        The id of the last event that was handed out.
        """
        raise NotImplementedError

    def next(self) -> Deferred[Event | None]:
        """
        The next event; ``None`` when closed; fails with what ended the source.
        """
        raise NotImplementedError

    def when_open(self) -> Deferred[Opened]:
        raise NotImplementedError

    def when_closed(self) -> Deferred[None]:
        raise NotImplementedError

    def for_each(self, handle: Callable[[Event], object]) -> Deferred[None]:
        raise NotImplementedError

    def close(self) -> Deferred[None]:
        raise NotImplementedError

    def __aiter__(self) -> "EventSource":
        return self

    async def __anext__(self) -> Event:
        raise NotImplementedError

    async def __aenter__(self) -> "EventSource":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
