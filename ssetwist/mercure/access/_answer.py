"""
Answers to requests that do not get a stream, and the challenge to a client without access.
"""

import json
import re
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from math import ceil
from typing import Any

from twisted.web.server import Request

from ...errors import Refused
from ...web.opening import write_pieces

TEXT = "text/plain; charset=utf-8"

#: Characters that an error description must not have (RFC 6750, 3).
_NOT_IN_DESCRIPTIONS = re.compile(r"[^ !#-\[\]-~]")


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """
    A whole response.

    :ivar body: The body, or the pieces of a body that is too long to be held for every client.
    :ivar headers: Headers besides ``Content-Type`` and ``Content-Length``.
    """

    status: int
    body: bytes | Generator[bytes, None, None] = b""
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
            if not isinstance(self.body, bytes):
                write_pieces(request, self.body)
                return
            request.setHeader("Content-Length", b"%d" % len(self.body))
            request.write(self.body)
        request.finish()


def json_answer(
    document: Mapping[str, Any],  # a JSON object
    media_type: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> HttpAnswer:
    return HttpAnswer(200, to_json(document), media_type, headers or {})


def to_json(value: Any) -> bytes:  # any JSON value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def answer_to(refused: Refused, metadata_url: str) -> HttpAnswer:
    headers = {"Cache-Control": "no-store"}
    if (value := challenge(refused, metadata_url)) is not None:
        headers["WWW-Authenticate"] = value
    if refused.retry_after is not None:
        headers["Retry-After"] = str(max(1, ceil(refused.retry_after)))
    return HttpAnswer(
        refused.status, f"{refused.text}\n".encode("utf-8", "replace"), headers=headers
    )


def challenge(refused: Refused, metadata_url: str = "") -> str | None:
    """
    Return the value of ``WWW-Authenticate`` (RFC 6750, 3).

    A client without a token gets neither a code nor a description (RFC 6750, 3.1).

    :param metadata_url: URL of a document on how to get a token (RFC 9728, 5.1), or empty.
    :returns: ``None`` if the refusal is not a challenge.
    """
    if refused.error is None:
        return None
    parameters = []
    if refused.error:
        description = _NOT_IN_DESCRIPTIONS.sub("'", refused.text)
        parameters += [("error", refused.error), ("error_description", description)]
    if metadata_url:
        parameters.append(("resource_metadata", metadata_url))
    return f"Bearer {', '.join(f'{name}={quoted(value)}' for name, value in parameters)}".strip()


def quoted(text: str) -> str:
    """
    Return a text as a quoted string (RFC 9110, 5.6.4).
    """
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
