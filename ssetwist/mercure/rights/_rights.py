"""
The rights of a client, independent of how they were decided.
"""

import json
from dataclasses import dataclass
from enum import Enum
from math import inf
from typing import Any

from ...errors import Refused
from ...hub import NOTHING, Matchers


class Action(Enum):
    """
    An action that needs a right.
    """

    PUBLISH = "publish"
    SUBSCRIBE = "subscribe"


def can_be_payload(value: object) -> bool:
    """
    Return true if documents about a subscription can have this payload.  Any JSON value will do, as
    in other hubs, though the specification only knows objects.
    """
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):  # a lone surrogate, or NaN or infinity
        return False
    return True


@dataclass(frozen=True, slots=True)
class Rights:
    """
    Rights from a token, from the application, or of a client that has neither.

    :ivar publish: Topics that the client may publish to; ``None`` if publishing is not mentioned.
    :ivar subscribe: Topics with private updates that the client may see, and resources of the
        subscription API that it may read.
    :ivar expires: Date when the rights end, in seconds since 1970.
    :ivar payloads: Payloads of its subscriptions: pairs of matchers and a JSON value or ``None``.
    :ivar topics: Topics that the application chose for the client; ``None`` if the client chooses.
    :ivar identity: A name of the client, the same in all its requests, for limits and logs; ``""``
        for anonymous clients.  It is not a secret.
    :ivar is_legacy: True if the rights come from a token of the 0.x dialect.
    :ivar is_ambient: True if they may come from what a browser adds by itself to requests of any
        page: a cookie, or a password that was typed in before.
    """

    publish: Matchers | None = None
    subscribe: Matchers = NOTHING
    expires: float = inf
    payloads: tuple[tuple[Matchers, Any], ...] = ()  # any JSON value
    topics: Matchers | None = None
    identity: str = ""
    is_legacy: bool = False
    is_ambient: bool = True

    def payload_of(self, match: str) -> Any:
        """
        Return the payload of a subscription, by its matcher's text: that of the first grant that
        covers it, even if it is ``None`` (D10).
        """
        for matchers, payload in self.payloads:
            if matchers.match((match,)):
                return payload
        return None

    def refusal(self, reason: str) -> Refused:
        """
        Return the refusal of a valid token that lacks a right; in 0.x it is as if there were no
        token (Z6).
        """
        status, error = (401, "") if self.is_legacy else (403, "insufficient_scope")
        return Refused(status, "The token does not allow this.", error=error, reason=reason)
