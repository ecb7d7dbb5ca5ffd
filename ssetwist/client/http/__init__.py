"""
One request and its connection.  The limits of what a server may cost a client are here: bytes,
seconds and redirects.
"""

from ._abort import abort, discard
from ._bounded_body import BoundedBody, CannotRead
from ._exchange import Exchanges, NoAnswer, WholeResponse
from ._gzip import GzipDecoder
from ._insides import connection_of
from ._problems import describe, disconnected, ended
from ._request import (
    BEARER_TOKEN,
    AnyHeaders,
    Request,
    as_headers,
    head,
    method_of,
    normalized,
    origin_of,
    shown,
    type_of,
)
from ._response import Opened, unwrapped
from ._response_head import ResponseHead, checked, follow
from ._sender import RequestSender, jar_of, sending

__all__ = [
    "BEARER_TOKEN",
    "AnyHeaders",
    "BoundedBody",
    "CannotRead",
    "Exchanges",
    "GzipDecoder",
    "NoAnswer",
    "Opened",
    "Request",
    "RequestSender",
    "ResponseHead",
    "WholeResponse",
    "abort",
    "as_headers",
    "checked",
    "connection_of",
    "describe",
    "discard",
    "disconnected",
    "ended",
    "follow",
    "head",
    "jar_of",
    "method_of",
    "normalized",
    "origin_of",
    "sending",
    "shown",
    "type_of",
    "unwrapped",
]
