"""
Options of an event source, checked once: a wrong one would make each attempt fail, for ever.

The dataclass has the defaults and the checks.  The keywords list the same options for type checkers
and editors; a test holds both lists together.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http.cookiejar import CookieJar
from inspect import Parameter, signature
from random import random
from typing import Any, TypedDict, TypeVar

from ...errors import SSETwistError
from ...eventstream import MAX_EVENT, MAX_LINE, EventStreamParser
from ..http import AnyHeaders, Opened, as_headers, jar_of, method_of, normalized, type_of
from ._retry import Backoff, Interruption, check_backoff, is_worth_another_try

_BACKOFF = Backoff()

_F = TypeVar("_F", bound=Callable[..., Any])


class SharedKeywords(TypedDict, total=False):
    """
    Options that :class:`EventSource` and ``subscribe`` take by the same name.
    """

    method: str
    headers: AnyHeaders | None
    fresh_headers: Callable[[], AnyHeaders | Awaitable[AnyHeaders]] | None
    body: bytes | None
    cookies: CookieJar | Mapping[str, str] | None
    gzip: bool
    connect_timeout: float
    silence_timeout: float | None
    backoff: Backoff
    policy: Callable[[SSETwistError], bool]
    on_interruption: Callable[[Interruption], object] | None
    on_comment: Callable[[str], object] | None
    jitter: Callable[[], float]
    max_line: int
    max_event: int


class SourceKeywords(SharedKeywords, total=False):
    """
    Options of :class:`EventSource`, which documents them.
    """

    last_event_id: str
    on_open: Callable[[Opened], object] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceOptions:
    """
    Checked options of one :class:`EventSource`, which documents them and their errors.

    :ivar url: URL as browsers write it.
    """

    url: str
    method: str = "GET"
    headers: AnyHeaders | None = None
    fresh_headers: Callable[[], AnyHeaders | Awaitable[AnyHeaders]] | None = None
    body: bytes | None = None
    cookies: CookieJar | Mapping[str, str] | None = None
    last_event_id: str = ""
    gzip: bool = False
    connect_timeout: float = 30.0
    silence_timeout: float | None = 300.0
    backoff: Backoff = _BACKOFF
    policy: Callable[[SSETwistError], bool] = is_worth_another_try
    on_open: Callable[[Opened], object] | None = None
    on_interruption: Callable[[Interruption], object] | None = None
    on_comment: Callable[[str], object] | None = None
    jitter: Callable[[], float] = random
    max_line: int = MAX_LINE
    max_event: int = MAX_EVENT

    def __post_init__(self) -> None:
        if not self.connect_timeout > 0:
            raise ValueError("connect_timeout must be a number of seconds, more than 0")
        if self.silence_timeout is not None and not self.silence_timeout > 0:
            raise ValueError("silence_timeout must be a number of seconds, more than 0")
        if not isinstance(self.body, bytes | None):
            raise TypeError(f"body must be bytes, not {type_of(self.body)}")
        check_backoff(self.backoff)
        for name in ("fresh_headers", "policy", "on_open", "on_interruption", "on_comment"):
            hook = getattr(self, name)
            if hook is not None and not callable(hook):
                raise TypeError(f"{name} must be callable, not {type_of(hook)}")
        try:
            url = normalized(self.url)
        except ValueError as problem:
            raise ValueError(f"not a URL of an event source: {problem}") from None
        jar_of(self.cookies, url)  # checks the cookies; the parser checks its arguments
        EventStreamParser(
            max_line=self.max_line, max_event=self.max_event, last_event_id=self.last_event_id
        )
        object.__setattr__(self, "url", url)
        object.__setattr__(self, "method", method_of(self.method))
        object.__setattr__(self, "headers", as_headers(self.headers))  # a copy, of one type


def shows_options(keywords: type[Any]) -> Callable[[_F], _F]:
    """
    Decorate a function with ``**options`` so that ``help()`` shows each option and its default.

    :param keywords: Class of the options, such as :class:`SourceKeywords`.
    """

    def decorate(function: _F) -> _F:
        own = signature(function)
        shown = [one for one in own.parameters.values() if one.kind is not Parameter.VAR_KEYWORD]
        for name, option in signature(SourceOptions).parameters.items():
            if name in keywords.__annotations__:
                shown.append(option)
        function.__dict__["__signature__"] = own.replace(parameters=shown)
        return function

    return decorate
