"""
Updates as a publisher sends them: a form for one, lines of JSON for many.  Pure.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from ...eventstream import DEFAULT_TYPE, Event


@dataclass(frozen=True, slots=True)
class Update:
    """
    An event and its topics.

    :ivar topics: Topics to publish to; the first is the canonical one, the rest are alternates.  A
        ``str`` is one topic.
    :ivar event: The data, or the event with its type, id and reconnection time.  The hub gives an
        id to an event without one.
    :ivar private: If true, only subscribers with a grant for one of the topics get the event.

    :raises ValueError: If topics are missing, or one is empty or cannot be encoded as UTF-8.
    :raises TypeError: If a topic is not text.
    :raises InvalidEvent: If the data cannot be encoded as UTF-8.
    """

    topics: tuple[str, ...]
    event: Event
    private: bool

    def __init__(
        self, topics: str | Iterable[str], event: Event | str = "", *, private: bool = False
    ) -> None:
        given = check_topics(topics)
        if not given:
            raise ValueError("an update needs a topic")
        object.__setattr__(self, "topics", given)
        object.__setattr__(self, "event", event if isinstance(event, Event) else Event(event))
        object.__setattr__(self, "private", bool(private))

    def form(self) -> bytes:
        """
        Return the form that every hub reads (``application/x-www-form-urlencoded``).
        """
        event = self.event
        fields = [("topic", topic) for topic in self.topics]
        fields.append(("data", event.data))
        if self.private:
            fields.append(("private", "on"))
        fields += [(name, str(value)) for name, value in _optional(event).items()]
        return "&".join(f"{name}={quote(value, safe='')}" for name, value in fields).encode()

    def line(self) -> bytes:
        """
        Return a line of ``application/x-ndjson``, with its line break.
        """
        event = self.event
        fields: dict[str, Any] = {  # JSON values
            "topic": self.topics[0] if len(self.topics) == 1 else self.topics,
            "data": event.data,
        }
        if self.private:
            fields["private"] = True
        fields |= _optional(event)
        return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def check_topics(topics: str | Iterable[str]) -> tuple[str, ...]:
    """
    Return topics, or patterns; a ``str`` is one.

    :raises ValueError: If one is empty or cannot be encoded as UTF-8.
    :raises TypeError: If one is not text.
    """
    if not isinstance(topics, Iterable):
        raise TypeError(f"topics must be a str, or several, not {type(topics).__name__}")
    given = (topics,) if isinstance(topics, str) else tuple(topics)
    for topic in given:
        if not isinstance(topic, str):
            raise TypeError(f"a topic must be str, not {type(topic).__name__}")
        if not topic:
            raise ValueError("a topic must not be empty")
        topic.encode()  # a lone surrogate raises UnicodeEncodeError, which is a ValueError
    return given


def _optional(event: Event) -> dict[str, str | int]:
    """
    Return the fields that most events do not have.
    """
    fields: dict[str, str | int] = {}
    if event.id:
        fields["id"] = event.id
    if event.type != DEFAULT_TYPE:
        fields["type"] = event.type
    if event.retry is not None:
        fields["retry"] = event.retry
    return fields
