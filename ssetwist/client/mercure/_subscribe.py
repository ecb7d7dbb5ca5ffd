"""
Subscribing to a Mercure hub, of 1.0 and of 0.x, and learning of what was missed.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from inspect import signature
from typing import Any
from urllib.parse import quote

from ..._reactor import AnyReactor
from ...eventstream import EARLIEST, GAP, Event
from ..http import Opened
from ..source import EventSource, call_hook
from ._publisher import check_url
from ._token import Bearer, TokenSource

#: Where a hub says after which event a stream begins, in 1.0 and in 0.x.
_RESUME_ID_HEADERS = ("mercure-last-event-id", "last-event-id")


@dataclass(frozen=True, slots=True)
class Loss:
    """
    Events were missed, or may have been: load anew what they are about.

    :ivar asked: The id of the event after which the stream was to go on.
    :ivar found: After which event it goes on instead; ``"earliest"`` if the hub has nothing before
        it, ``""`` if it does not say.
    """

    asked: str
    found: str

    def __str__(self) -> str:
        if not self.found:
            return f"the hub does not say whether it still knew {self.asked}"
        return f"the hub no longer knew {self.asked}; the stream goes on after {self.found}"


def loss_at_opening(opened: Opened) -> Loss | None:
    """
    Compare what was asked for with what the hub says (Mercure, "Reconciliation").

    :returns: ``None`` if nothing was asked for, or nothing was missed.
    """
    asked = opened.last_event_id
    if not asked or asked == EARLIEST:
        return None
    told = [opened.headers[name] for name in _RESUME_ID_HEADERS if name in opened.headers]
    if asked in told:
        return None
    return Loss(asked, told[0] if told else "")


def loss_in(event: Event) -> Loss | None:
    """
    Read the event by which a hub of ours tells of a gap.

    :returns: ``None`` if it is any other event.
    """
    if event.type != GAP:
        return None
    try:
        told = json.loads(event.data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict) or not {"asked", "oldest", "newest"} <= told.keys():
        return None  # somebody else's word
    return Loss(str(told["asked"]), event.id or "")


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
    **options: Any,  # as EventSource has them
) -> EventSource:
    """
    Subscribe to a Mercure hub::

        async with subscribe(
            "https://hub.example/.well-known/mercure", "https://example.com/books/1",
            reactor=reactor, token=token, on_loss=load_anew,
        ) as source:
            async for event in source:
                print(event.data)

    :param topics: What to hear of; one text is one topic, ``"*"`` is every topic.
    :param patterns: URL patterns of topics, as browsers match them; for 0.x URI templates.
    :param token: A token that grants private updates, or what is asked for one before each attempt.
    :param legacy: Whether the hub speaks 0.x alone.  Hubs of ours speak both.
    :param since: The id of the event after which to begin; ``"earliest"`` for all that is kept.
    :param on_open: Told whenever a stream has begun.
    :param on_loss: Told whenever events were missed, or may have been, before any that come after.
    :param options: What else :class:`EventSource` takes.
    :raises ValueError: If the URL is none of HTTP or has a password in it, the token can be none,
        there is neither topic nor pattern, or one is empty.
    :raises TypeError: If one is no text, or there is no such option.
    """
    if "last_event_id" in options:
        raise TypeError("last_event_id is called since, here")
    # First: who writes topic= is not to be told that there must be one.
    signature(EventSource).bind(hub_url, reactor=reactor, **options)
    bearer = Bearer(token)
    if token is not None:
        if options.get("fresh_headers") is not None:
            raise TypeError("fresh_headers and token cannot be given both")
        options["fresh_headers"] = bearer.headers
    return _Subscription(
        subscription_url(hub_url, topics, patterns, legacy=legacy),
        on_open=on_open,
        on_loss=on_loss,
        reactor=reactor,
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

    :raises ValueError: If it asks for nothing, or there is no such hub.
    """
    asked = [("topic" if legacy else "match", topic) for topic in _texts(topics)]
    asked += [("topic" if legacy else "match_urlpattern", one) for one in _texts(patterns)]
    if not asked:
        raise ValueError("there must be a topic, or a pattern of topics")
    for _, one in asked:
        if not isinstance(one, str):
            raise TypeError(f"a topic must be str, not {type(one).__name__}")
        if not one:
            raise ValueError("a topic must not be empty")
    url = check_url(hub_url)
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in asked)
    return f"{url}{'&' if '?' in url else '?'}{query}"


class _Subscription(EventSource):
    """
    An event source that knows what a hub says of gaps.
    """

    def __init__(
        self,
        url: str,
        *,
        on_open: Callable[[Opened], object] | None,
        on_loss: Callable[[Loss], object] | None,
        **options: Any,  # as EventSource has them
    ) -> None:
        self._tell_opened = on_open
        self._tell_loss = on_loss
        self._told_of = ""  # since which event the loss has been told already
        super().__init__(url, on_open=self._has_opened, **options)

    def _has_opened(self, opened: Opened) -> None:
        call_hook(self._tell_opened, opened, url=self.url)
        if loss := loss_at_opening(opened):
            self._told_of = loss.asked
            self._lost(loss)

    def _arrived(self, event: Event) -> None:
        # A hub of ours tells it twice where a stream begins, by a header and by an event.
        if (loss := loss_in(event)) and loss.asked != self._told_of:
            self._lost(loss)

    def _lost(self, loss: Loss) -> None:
        call_hook(self._tell_loss, loss, url=self.url)


def _texts(given: str | Iterable[str]) -> list[str]:
    if not isinstance(given, Iterable):
        raise TypeError(f"topics must be a str, or some, not {type(given).__name__}")
    return [given] if isinstance(given, str) else list(given)
