"""
Which active subscriptions a path asks for, in both dialects.

=================================================  =======================================
below ``/subscriptions``                           asks for
=================================================  =======================================
nothing                                            all of the dialect of the token
``/{match_type}/{match}``                          those of one matcher
``/{match_type}/{match}/{subscriber}``             one
``/{topic}``                                       those of one selector (0.x)
``/{topic}/{subscriber}``                          one (0.x)
=================================================  =======================================

Two segments are of 1.0 if the first is the name of a matcher type.
"""

import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from ...errors import Refused
from ..topics import MATCHER_TYPES
from ._subscriptions import ActiveSubscription, subscriptions_path

_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class SubscriptionQuery:
    """
    What a path asks for.

    :ivar path: The path, as it came: this is what a token must grant, and the name of a collection.
    :ivar is_legacy: Whether it asks in the words of 0.x.
    :ivar match_type: Of which matcher type, if of one.
    :ivar match: Of which matcher or selector, if of one.
    :ivar subscriber: Of which connection, if of one; then it asks for one subscription.
    """

    path: str
    is_legacy: bool
    match_type: str | None = None
    match: str | None = None
    subscriber: str | None = None

    def includes(self, subscription: ActiveSubscription) -> bool:
        """
        Tell whether a subscription is one of those.
        """
        return (
            subscription.is_legacy == self.is_legacy
            and self.match_type in (None, subscription.match_type)
            and self.match in (None, subscription.match)
            and self.subscriber in (None, subscription.subscriber)
        )


def read_path(
    path: str,
    hub_path: str,
    *,
    has_legacy: bool,
    prefers_legacy: bool = False,
) -> SubscriptionQuery:
    """
    Read a path of the subscription API.

    :param path: As it came, without the query.
    :param has_legacy: Whether the words of 0.x are understood.
    :param prefers_legacy: Whether who asks for all wants the dialect 0.x, by its token.
    :raises Refused: With 404 if there can be nothing, with 400 for an unknown matcher type and for
        what is not percent-encoded UTF-8.
    """
    root = subscriptions_path(hub_path)
    if path == root:
        return SubscriptionQuery(path, is_legacy=has_legacy and prefers_legacy)
    if not path.startswith(f"{root}/"):
        raise _nothing_there()
    names = [_decoded(segment) for segment in path[len(root) + 1 :].split("/")]
    is_modern = len(names) == 3 or (len(names) == 2 and names[0] in MATCHER_TYPES)
    if is_modern:
        if names[0] not in MATCHER_TYPES:
            raise _unknown_type()
        return SubscriptionQuery(path, False, *names)
    if len(names) <= 2 and has_legacy:
        return SubscriptionQuery(path, True, None, *names)
    if len(names) == 2:
        raise _unknown_type()
    raise _nothing_there()


def _decoded(segment: str) -> str:
    if not segment:
        raise _nothing_there()
    problem = Refused(400, "The path must be percent-encoded UTF-8.")
    if _BAD_ESCAPE.search(segment):
        raise problem
    try:
        return unquote_to_bytes(segment).decode()
    except UnicodeError:  # also of a lone surrogate, which has no bytes
        raise problem from None


def _unknown_type() -> Refused:
    return Refused(400, "The path must begin with a matcher type that this hub knows.")


def _nothing_there() -> Refused:
    return Refused(404, "There is no such subscription.")
