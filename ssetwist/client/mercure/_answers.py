"""
Answers of a hub to a publication.  Pure.
"""

import json
from collections.abc import Sequence
from typing import Any

from ...errors import NotPublished
from ..http import WholeResponse
from ..source import retry_after

#: Characters of a hub's own words that are shown.
_MAX_SHOWN = 300


def refusal(answer: WholeResponse, now: float, *, is_uncertain: bool) -> NotPublished:
    """
    Return the meaning of an answer that is not 2xx.

    :param now: Seconds since 1970.
    :param is_uncertain: True if an earlier attempt may have published the update.
    """
    text = answer.body[: 4 * _MAX_SHOWN].decode("utf-8", "replace").strip()
    if 300 <= answer.status <= 399:
        text = "a redirect, which is not followed"
    elif "html" in answer.headers.get("content-type", ""):
        text = "a web page; this is probably not the URL of a hub"
    return NotPublished(
        _shown(text) or "without an explanation",
        status=answer.status,
        retry_after=retry_after(answer.headers, now),
        # A hub that answers 503 has not published anything.
        is_uncertain=is_uncertain or (answer.status >= 500 and answer.status != 503),
    )


def of_line(refusal: NotPublished, number: int) -> NotPublished:
    """
    Return the same refusal as that of one line, counted from 1.
    """
    return NotPublished(
        refusal.text,
        status=refusal.status,
        retry_after=refusal.retry_after,
        is_uncertain=refusal.is_uncertain,
        line=number,
    )


def read_answers(answer: WholeResponse, waiting: Sequence[int]) -> dict[int, str | NotPublished]:
    """
    Return the result of each line that was sent, by its index.

    :raises NotPublished: If the answer cannot be read.
    """
    try:
        values = [json.loads(line) for line in answer.body.splitlines() if line.strip()]
        pairs = zip(waiting, values, strict=True)
        return {index: _read_line(one, index + 1) for index, one in pairs}
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError):
        raise NotPublished(
            "the hub's answer cannot be read", status=answer.status, is_uncertain=True
        ) from None


def _read_line(value: Any, number: int) -> str | NotPublished:  # any JSON value
    if "error" not in value:
        if not isinstance(id := value["id"], str):
            raise TypeError
        return id
    seconds = float(value.get("retry_after") or 0)
    return NotPublished(
        _shown(str(value["error"])),
        status=int(value["status"]),
        retry_after=seconds if seconds > 0 else None,  # a NaN is not more than 0
        line=number,
    )


def _shown(text: str) -> str:
    return "".join(one if one.isprintable() else " " for one in text[:_MAX_SHOWN])
