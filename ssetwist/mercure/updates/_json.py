"""
Updates as JSON: one object, or one on each line (``application/x-ndjson``).

An object has the fields of the form: ``topic`` is a string or an array of strings, ``private`` a
boolean, ``retry`` a number.  ``data`` is a string, or any other value, which is sent as JSON.
"""

import json
from collections.abc import Sequence

from ...errors import InvalidEvent, Refused
from ...eventstream import Event
from ...matching import Steps
from ._form import PIECE
from ._strict_json import read_object
from ._update import Update, make_update

#: Maximum number of lines, and so of updates, in one request.
MAX_LINES = 1000


def update_from_json(text: bytes, hub_url: str) -> Steps[Update]:
    """
    Make an update from a JSON object, in steps of a few milliseconds.  Unknown names are ignored,
    and so are values of ``null``, except for ``data``, which may be any JSON value.

    :param hub_url: The hub's own URL; topics below it are refused.
    :raises Refused: 400, or 413 if something is too large; the error names the field.
    """
    try:
        fields = read_object(text, "the update")
    except ValueError as problem:
        raise Refused(400, str(problem)) from None
    if len(text) > PIECE:
        yield
    return (
        yield from make_update(
            _topics(fields.get("topic")),
            _data(fields.get("data", "")),
            id=_text("id", fields.get("id")),
            type=_text("type", fields.get("type")),
            retry=_milliseconds(fields.get("retry")),
            is_private=_is_private(fields.get("private")),
            hub_url=hub_url,
        )
    )


def lines_of(body: bytes) -> Sequence[tuple[int, bytes]]:
    """
    Return the lines of a body, each with its number; blank lines are left out.

    :raises Refused: 413, if there are too many lines, including blank ones.
    """
    whole = body.removesuffix(b"\n")
    if whole.count(b"\n") >= MAX_LINES:  # checked before each line becomes an object
        raise Refused(413, f"the body must not have more than {MAX_LINES} lines")
    return [(number, line) for number, line in enumerate(whole.split(b"\n"), 1) if line.strip()]


def answer_line(number: int, answer: str | Refused) -> bytes:
    """
    Return the answer to one line of a publication.

    :param number: The number of the line.
    :param answer: The id of the update, or the reason why it was not published.
    """
    if isinstance(answer, str):
        said: dict[str, object] = {"id": answer}
    else:
        said = {"error": answer.text, "status": answer.status, "line": number}
        if answer.retry_after is not None:
            said["retry_after"] = answer.retry_after
    return json.dumps(said, ensure_ascii=False).encode() + b"\n"


def _topics(value: object) -> list[str]:
    if value is None:
        return []
    given = value if isinstance(value, list) else [value]
    topics = [topic for topic in given if isinstance(topic, str)]
    if len(topics) < len(given):
        raise Refused(400, "topic must be a string, or an array of strings")
    return topics


def _data(value: object) -> str:
    if isinstance(value, str):
        return value
    try:
        return Event.with_json(value).data
    except InvalidEvent as problem:
        raise Refused(400, str(problem)) from None


def _text(field: str, value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise Refused(400, f"{field} must be a string")
    return value


def _milliseconds(value: object) -> int | None:
    if value is None or value == "":
        return None
    if not isinstance(value, int):
        raise Refused(400, "retry must be a whole number of milliseconds")
    return value


def _is_private(value: object) -> bool:
    if value is not None and not isinstance(value, bool):
        raise Refused(400, "private must be true or false")
    return bool(value)
