"""
What somebody may do here, however that was found out.
"""

import json
from dataclasses import dataclass
from enum import Enum
from math import inf
from typing import Any

from ...hub import NOTHING, Matchers


class Action(Enum):
    """
    What is asked for.
    """

    PUBLISH = "publish"
    SUBSCRIBE = "subscribe"


def can_be_payload(value: object) -> bool:
    """
    Tell whether documents about a subscription can have a payload.  It may be any JSON value, as
    the hubs in use take it, though the specification knows objects only.
    """
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):  # a lone surrogate, or a number beyond all numbers
        return False
    return True


@dataclass(frozen=True, slots=True)
class Rights:
    """
    What a token, a session or the lack of both allows.

    :ivar publish: To which topics it may publish; ``None`` if it says nothing of publishing.
    :ivar subscribe: Of which topics it may see private updates, and which resources of the
        subscription API it may read.
    :ivar expires: When all this ends, in seconds of the clock.
    :ivar payloads: What subscriptions of it carry: for each matchers and a JSON value or ``None``.
    :ivar topics: If it was decided what is subscribed to, that; ``None`` leaves it to the client.
    :ivar identity: A name of whoever it is, the same for each of its requests, for limits and
        logs; ``""`` for nobody in particular.  It is not a secret.
    :ivar is_legacy: Whether a token of the 0.x dialect says so.
    :ivar is_ambient: Whether it may have been found out by what a browser adds by itself, whichever
        page asks: a cookie, or a password that was typed in before.
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
        Return the payload of a subscription, by its matcher's text: that of the first grant which
        covers it, and no other (D10).
        """
        for matchers, payload in self.payloads:
            if matchers.match((match,)):
                return payload
        return None
