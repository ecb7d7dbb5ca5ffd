"""
Subscriptions to a Mercure hub, of 1.0 and of 0.x, with reports of events that were missed.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from inspect import signature
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from treq.client import HTTPClient
from twisted.web.iweb import IAgent

from ..._reactor import AnyReactor
from ...eventstream import EARLIEST, GAP, Event
from ..http import Opened
from ..source import EventSource, SharedKeywords, SourceOptions, call_hook, shows_options
from ._publisher import check_url
from ._token import Bearer, TokenSource
from ._update import check_topics

if TYPE_CHECKING:
    from typing_extensions import Unpack  # of typing in Python 3.11

#: Headers that name the event after which a stream begins, in 1.0 and in 0.x.
_RESUME_ID_HEADERS = ("mercure-last-event-id", "last-event-id")


@dataclass(frozen=True, slots=True)
class Loss:
    """
    Events that were missed, or may have been.  Reload the resources that they are about.

    :ivar asked: The id of the event after which the stream was to go on.
    :ivar found: The id of the event after which it goes on instead; ``"earliest"`` if the hub does
        not have an earlier event, ``""`` if it does not say.
    """

    asked: str
    found: str

    def __str__(self) -> str:
        if not self.found:
            return f"the hub does not say whether it still knew {self.asked}"
        return f"the hub no longer knew {self.asked}; the stream goes on after {self.found}"


def loss_at_opening(opened: Opened) -> Loss | None:
    """
    Compare the event ID of the request with that of the response (Mercure, "Reconciliation").

    :returns: ``None`` if the request had no event ID, or nothing was missed.
    """
    asked = opened.last_event_id
    if not asked or asked == EARLIEST:
        return None
    named = [opened.headers[name] for name in _RESUME_ID_HEADERS if name in opened.headers]
    if asked in named:
        return None
    return Loss(asked, named[0] if named else "")


def loss_in(event: Event) -> Loss | None:
    """
    Read the event by which our hub reports a gap.

    :returns: ``None`` if it is another event.
    """
    if event.type != GAP:
        return None
    try:
        report = json.loads(event.data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(report, dict) or not {"asked", "oldest", "newest"} <= report.keys():
        return None  # an event of an application
    return Loss(str(report["asked"]), event.id or "")


@shows_options(SharedKeywords)
def subscribe(
    hub_url: str,
    topics: str | Iterable[str] = (),
    *,
    reactor: AnyReactor,
    patterns: str | Iterable[str] = (),
    token: TokenSource | None = None,
    legacy: bool = False,
    since: str = "",
    on_open: Callable[[Opened], object] | None = None,
    on_loss: Callable[[Loss], object] | None = None,
    client: HTTPClient | IAgent | None = None,
    **options: "Unpack[SharedKeywords]",
) -> EventSource:
    """
    Subscribe to a Mercure hub::

        async with subscribe(
            "https://hub.example/.well-known/mercure", "https://example.com/books/1",
            reactor=reactor, token=token, on_loss=load_anew,
        ) as source:
            async for event in source:
                print(event.data)

    :param topics: Topics to subscribe to; a ``str`` is one topic, ``"*"`` is every topic.
    :param patterns: URL patterns of topics, as browsers match them; with ``legacy``, URI templates.
    :param token: A token that grants private updates, or a function that returns one; it is called
        before each attempt.
    :param legacy: True if the hub speaks only 0.x.  Our hubs speak both.
    :param since: The id of the event after which to begin; ``"earliest"`` for all kept events.
    :param on_open: Called whenever a stream has begun.
    :param on_loss: Called whenever events were missed, or may have been, before any later event.
    :param client: See :class:`EventSource`, which also describes the other options.
    :raises ValueError: If the URL is not http or https or has a password in it, the token is
        malformed, topics and patterns are both missing, or one is empty.
    :raises TypeError: If a topic is not text, or an option does not exist.
    """
    if "last_event_id" in options:
        raise TypeError("use since= instead of last_event_id=")
    # This comes first, so that the error for topic= names it, and not a missing topic.
    signature(SourceOptions).bind(url=hub_url, **options)
    bearer = Bearer(token)
    if token is not None:
        if options.get("fresh_headers") is not None:
            raise TypeError("fresh_headers and token exclude each other")
        options["fresh_headers"] = bearer.headers
    return _Subscription(
        subscription_url(hub_url, topics, patterns, legacy=legacy),
        on_open,
        on_loss,
        reactor=reactor,
        client=client,
        last_event_id=since,
        **options,
    )


def subscription_url(
    hub_url: str,
    topics: str | Iterable[str],
    patterns: str | Iterable[str] = (),
    *,
    legacy: bool = False,
) -> str:
    """
    Return the URL of a stream.

    :raises ValueError: If topics and patterns are both missing, or the hub's URL cannot be one.
    """
    asked = [("topic" if legacy else "match", one) for one in check_topics(topics)]
    asked += [("topic" if legacy else "match_urlpattern", one) for one in check_topics(patterns)]
    if not asked:
        raise ValueError("there must be a topic, or a pattern of topics")
    url = check_url(hub_url)
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in asked)
    return f"{url}{'&' if '?' in url else '?'}{query}"


class _Subscription(EventSource):
    """
    An event source that reads a hub's reports of gaps.
    """

    def __init__(
        self,
        url: str,
        on_open: Callable[[Opened], object] | None,
        on_loss: Callable[[Loss], object] | None,
        **options: Any,  # of EventSource, with the types of subscribe()
    ) -> None:
        self._open_hook = on_open
        self._loss_hook = on_loss
        self._reported = ""  # the event ID of the loss that was reported last
        super().__init__(url, on_open=self._report_opening, **options)

    def _report_opening(self, opened: Opened) -> None:
        call_hook(self._open_hook, opened, url=self.url)
        if loss := loss_at_opening(opened):
            self._reported = loss.asked
            self._report_loss(loss)

    def _arrived(self, event: Event) -> None:
        # Our hub reports a loss twice where a stream begins: by a header and by an event.
        if (loss := loss_in(event)) and loss.asked != self._reported:
            self._report_loss(loss)

    def _report_loss(self, loss: Loss) -> None:
        call_hook(self._loss_hook, loss, url=self.url)
