"""
Answers to requests that do not get a stream.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from math import ceil
from typing import Any

from twisted.web.server import Request

from ...errors import Refused
from ._challenge import challenge

#: The media type of answers in plain text.
TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """
    A whole response.

    :ivar headers: Headers besides ``Content-Type`` and ``Content-Length``.
    """

    status: int
    body: bytes = b""
    media_type: str = TEXT
    headers: Mapping[str, str] = field(default_factory=dict)

    def write(self, request: Request) -> None:
        """
        Send the response.  For ``HEAD`` Twisted leaves out the body.
        """
        request.setResponseCode(self.status, HTTPStatus(self.status).phrase.encode())
        for name, value in self.headers.items():
            request.setHeader(name, value.encode())
        request.setHeader("X-Content-Type-Options", "nosniff")
        if self.status not in (204, 304):
            request.setHeader("Content-Type", self.media_type)
            request.setHeader("Content-Length", b"%d" % len(self.body))
            request.write(self.body)
        request.finish()


def json_answer(
    document: Mapping[str, Any],  # a JSON object
    media_type: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> HttpAnswer:
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return HttpAnswer(200, text.encode(), media_type, headers or {})


def answer_to(refused: Refused, metadata_url: str) -> HttpAnswer:
    headers = {"Cache-Control": "no-store"}
    if (value := challenge(refused, metadata_url)) is not None:
        headers["WWW-Authenticate"] = value
    if refused.retry_after is not None:
        headers["Retry-After"] = str(max(1, ceil(refused.retry_after)))
    return HttpAnswer(
        refused.status, f"{refused.text}\n".encode("utf-8", "replace"), headers=headers
    )
