"""
The rules for an update (Mercure, "Publication").

They do not include the publisher's rights to its topics.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ...errors import InvalidEvent, Refused
from ...eventstream import DEFAULT_TYPE, EARLIEST, Event, is_hub_id
from ...hub import MAX_TOPICS
from ...log import MAX_ID
from ...matching import Steps
from ..topics import check_name, is_reserved
from ._form import FIELD, PIECE

#: The longest topic, in bytes of UTF-8, as for a matcher: letters outside ASCII cost searches more.
MAX_TOPIC = 4096

#: The longest type, in characters.
MAX_TYPE = 256

#: The type of updates about subscriptions.  Only the hub may publish them.
RESERVED_TYPE = "mercure"

#: Decimal digits; ``int()`` alone would also take other scripts, signs, blanks and underscores.
_DIGITS = re.compile(r"[0-9]+")


@dataclass(frozen=True, slots=True)
class Update:
    """
    An event with its topics.

    :ivar topics: Topics that it is published to; the first is the canonical one.
    :ivar is_private: If true, only subscribers with rights to one of the topics see it.
    """

    topics: tuple[str, ...]
    event: Event
    is_private: bool = False


def update_from_form(pairs: Iterable[tuple[str, str]], hub_url: str) -> Steps[Update]:
    """
    Make an update from the fields of a form, in steps of a millisecond at most.  If a field other
    than ``topic`` is repeated, the first one counts.  Unknown fields are ignored.

    :param hub_url: The hub's own URL; topics below it are refused.
    :raises Refused: 400, or 413 if something is too large; the error names the field.
    """
    topics = []
    fields: dict[str, str] = {}
    for name, value in pairs:
        if name == "topic":
            topics.append(value)
        else:
            fields.setdefault(name, value)
    return (
        yield from make_update(
            topics,
            fields.get("data", ""),
            id=fields.get("id"),
            type=fields.get("type"),
            retry=_milliseconds(fields.get("retry")),
            is_private="private" in fields,  # with any value
            hub_url=hub_url,
        )
    )


def make_update(
    topics: Sequence[str],
    data: str,
    *,
    id: str | None,
    type: str | None,
    retry: int | None,
    is_private: bool,
    hub_url: str,
) -> Steps[Update]:
    """
    Make an update that follows the rules, in steps of a millisecond at most.  An empty id or type
    counts as missing, because forms are also sent with empty fields.

    :raises Refused: 400, or 413 if something is too large; the error names the field.
    """
    yield from _check_topics(topics, hub_url)
    _check_id(id)
    _check_type(type)
    try:
        event = Event(data, type=type or DEFAULT_TYPE, id=id or None, retry=retry)
    except InvalidEvent as problem:
        raise Refused(400, str(problem)) from None
    return Update(tuple(topics), event, is_private)


def _check_topics(topics: Sequence[str], hub_url: str) -> Steps[None]:
    if not topics:
        raise Refused(400, "topic is missing")
    if len(topics) > MAX_TOPICS:
        raise Refused(413, f"topic must not be repeated more than {MAX_TOPICS} times")
    checked = 0  # characters; 4,096 with many escapes take half a millisecond
    for topic in topics:
        if checked >= PIECE:
            checked = 0
            yield
        checked += FIELD + len(topic)
        if not topic:
            raise Refused(400, "topic must not be empty")
        check_name("topic", topic)
        if len(topic.encode()) > MAX_TOPIC:
            raise Refused(413, f"topic must not be longer than {MAX_TOPIC} bytes")
        if topic == "*":
            raise Refused(400, "topic must not be *, which means every topic")
        if is_reserved(topic, hub_url):
            raise Refused(400, "topic must not be the hub's own URL, or below it")


def _check_id(id: str | None) -> None:
    if not id:
        return
    _check_length("id", id, MAX_ID)
    check_name("id", id)
    if is_hub_id(id):
        raise Refused(400, f"id must not begin with # or be {EARLIEST!r}; these belong to the hub")


def _check_type(type: str | None) -> None:
    if not type:
        return
    _check_length("type", type, MAX_TYPE)
    check_name("type", type)
    if type == RESERVED_TYPE:
        raise Refused(400, f"type must not be {RESERVED_TYPE!r}, which belongs to the hub")


def _check_length(field: str, value: str, limit: int) -> None:
    if len(value) > limit:
        raise Refused(413, f"{field} must not be longer than {limit} characters")


def _milliseconds(text: str | None) -> int | None:
    if not text:
        return None
    if not _DIGITS.fullmatch(text):
        raise Refused(400, "retry must be a number of milliseconds, in ASCII digits")
    # 20 digits show that it is too large; int() refuses thousands of digits.
    return int((text.lstrip("0") or "0")[:20])
