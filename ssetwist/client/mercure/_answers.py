"""
What a hub answers to a publication.  Pure.
"""

import json
from collections.abc import Sequence
from typing import Any

from ...errors import NotPublished
from ..http import WholeResponse
from ..source import retry_after

#: How much of what a hub says is shown, in characters.
_SHOWN = 300

#: Statuses that come before anything is published.
_CERTAIN = (429, 503)


def refusal(answer: WholeResponse, now: float) -> NotPublished:
    """
    Return what an answer that is none of 2xx says.

    :param now: Seconds since 1970.
    """
    text = answer.body[: 4 * _SHOWN].decode("utf-8", "replace").strip()
    if 300 <= answer.status <= 399:
        text = "it is somewhere else; redirects are not followed"
    elif "html" in answer.headers.get("content-type", ""):
        text = "a page to look at; this is hardly the URL of a hub"
    return NotPublished(
        _shown(text) or "without a word",
        status=answer.status,
        retry_after=retry_after(answer.headers, now),
        is_uncertain=answer.status >= 500 and answer.status not in _CERTAIN,
    )


def read_answers(answer: WholeResponse, waiting: Sequence[int]) -> dict[int, str | NotPublished]:
    """
    Return what became of each line that was sent.

    :raises NotPublished: If the answer makes no sense.
    """
    try:
        said = [json.loads(line) for line in answer.body.splitlines() if line.strip()]
        pairs = zip(waiting, said, strict=True)
        return {index: _read_line(one, index + 1) for index, one in pairs}
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError):
        raise NotPublished(
            "the hub's answer makes no sense", status=answer.status, is_uncertain=True
        ) from None


def _read_line(said: Any, number: int) -> str | NotPublished:  # any JSON value
    if "error" not in said:
        if not isinstance(id := said["id"], str):
            raise TypeError
        return id
    asked = float(said.get("retry_after") or 0)
    return NotPublished(
        _shown(str(said["error"])),
        status=int(said["status"]),
        retry_after=asked if asked > 0 else None,  # a NaN is not more than 0
        line=number,
    )


def _shown(text: str) -> str:
    """
    Return the beginning of somebody else's words, on one line.
    """
    return "".join(one if one.isprintable() else " " for one in text[:_SHOWN])
