"""
The rights of a client, independent of how they were decided.
"""

import json
from dataclasses import dataclass
from enum import Enum
from math import inf, isnan
from typing import Any

from ...errors import Refused
from ...matching import NOTHING, Matchers, Steps, at_once


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
    except (TypeError, ValueError, RecursionError):  # an object; a lone surrogate, NaN or infinity
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
        page, or from its place: a cookie, a password that was typed in before, a client
        certificate, or an address.
    :raises TypeError: If a value has the wrong type, such as text in place of ``Matchers``.
    :raises ValueError: If a value makes no sense, such as a time that is not a number.
    """

    publish: Matchers | None = None
    subscribe: Matchers = NOTHING
    expires: float = inf
    payloads: tuple[tuple[Matchers, Any], ...] = ()  # any JSON value
    topics: Matchers | None = None
    identity: str = ""
    is_legacy: bool = False
    is_ambient: bool = True

    def __post_init__(self) -> None:
        # An application's own authorizer makes these.  A mistake must not become a right, so it is
        # reported where it was made, and the request is denied.
        for name in ("publish", "topics"):
            _check_matchers(name, getattr(self, name), or_none=" or None")
        _check_matchers("subscribe", self.subscribe)
        _check_time(self.expires)
        _check_payloads(self.payloads)
        if not isinstance(self.identity, str):
            raise TypeError(f"identity must be str, not {self.identity!r}")
        for name in ("is_legacy", "is_ambient"):
            if not isinstance(getattr(self, name), bool):
                raise TypeError(f"{name} must be True or False, not {getattr(self, name)!r}")

    def payload_of(self, match: str) -> Any:
        """
        Return the payload of a subscription, by its matcher's text: that of the first grant that
        covers it, even if it is ``None`` (D10).
        """
        return at_once(self.finding_payload(match))

    def finding_payload(self, match: str) -> Steps[Any]:
        """
        Do what :meth:`payload_of` does, in steps: the grants may be many patterns.
        """
        for matchers, payload in self.payloads:
            if (yield from matchers.matching((match,))):
                return payload
        return None

    def refusal(self, reason: str) -> Refused:
        """
        Return the refusal of a valid token that lacks a right; in 0.x it is as if there were no
        token (Z6).
        """
        status, error = (401, "") if self.is_legacy else (403, "insufficient_scope")
        return Refused(status, "The token does not allow this.", error=error, reason=reason)


# Any, because applications pass anything.


def _check_matchers(name: str, value: Any, *, or_none: str = "") -> None:
    if isinstance(value, Matchers) or (or_none and value is None):
        return
    example = f"Matchers.of([{value!r}])" if isinstance(value, str) else "Matchers.of([...])"
    raise TypeError(f"{name} must be Matchers{or_none}, such as {example}, not {value!r}")


def _check_time(expires: Any) -> None:
    if isinstance(expires, bool) or not isinstance(expires, int | float):
        raise TypeError(
            "expires must be a date in seconds since 1970, such as time.time() + 60, or math.inf "
            f"for never, not {expires!r}"
        )
    if isnan(expires):
        raise ValueError("expires must be a date in seconds since 1970, and nan is not a number")


def _check_payloads(payloads: Any) -> None:
    if not isinstance(payloads, tuple):
        raise TypeError(f"payloads must be a tuple of pairs, not {payloads!r}")
    for pair in payloads:
        if not (isinstance(pair, tuple) and len(pair) == 2):
            raise TypeError(f"payloads must have pairs of Matchers and a value, not {pair!r}")
        _check_matchers("the first of each pair in payloads", pair[0])
        if not can_be_payload(pair[1]):
            raise ValueError(f"a payload must be possible in JSON, which {pair[1]!r} is not")
