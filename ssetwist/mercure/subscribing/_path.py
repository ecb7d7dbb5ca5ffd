"""
Paths of the subscription API, in both dialects.

=================================================  =======================================
path below ``/subscriptions``                      selects
=================================================  =======================================
(empty)                                            all subscriptions in the token's dialect
``/{match_type}/{match}``                          subscriptions with one matcher
``/{match_type}/{match}/{subscriber}``             one subscription
``/{topic}``                                       subscriptions with one selector (0.x)
``/{topic}/{subscriber}``                          one subscription (0.x)
=================================================  =======================================

Two segments belong to 1.0 if the first is the name of a matcher type.
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
    The active subscriptions that a path selects.

    :ivar path: The path, still encoded: a token must grant it, and it is the id of a collection.
    :ivar is_legacy: True if the path is one of 0.x.
    :ivar match_type: Matcher type of the subscriptions, or ``None`` for any.
    :ivar match: Matcher or selector of the subscriptions, or ``None`` for any.
    :ivar subscriber: Connection of the subscription; ``None`` to select a collection.
    """

    path: str
    is_legacy: bool
    match_type: str | None = None
    match: str | None = None
    subscriber: str | None = None

    def includes(self, subscription: ActiveSubscription) -> bool:
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

    :param path: The path, still encoded, without the query.
    :param has_legacy: If true, paths of 0.x are understood.
    :param prefers_legacy: If true, the path for all subscriptions selects those of 0.x.
    :raises Refused: 404 if the path cannot exist, 400 for an unknown matcher type and for
        segments that are not percent-encoded UTF-8.
    """
    root = subscriptions_path(hub_path)
    if path == root:
        return SubscriptionQuery(path, is_legacy=has_legacy and prefers_legacy)
    if not path.startswith(f"{root}/"):
        raise _nothing_there()
    names = [_decoded(segment) for segment in path[len(root) + 1 :].split("/")]
    if len(names) in (2, 3) and names[0] in MATCHER_TYPES:
        return SubscriptionQuery(path, False, *names)
    if len(names) <= 2 and has_legacy:
        return SubscriptionQuery(path, True, None, *names)
    if len(names) in (2, 3):
        raise Refused(400, "The path must begin with a matcher type that this hub knows.")
    raise _nothing_there()


def _decoded(segment: str) -> str:
    if not segment:
        raise _nothing_there()
    problem = Refused(400, "The path must be percent-encoded UTF-8.")
    if _BAD_ESCAPE.search(segment):
        raise problem
    try:
        return unquote_to_bytes(segment).decode()
    except UnicodeError:  # also for a lone surrogate, which UTF-8 cannot encode
        raise problem from None


def _nothing_there() -> Refused:
    return Refused(404, "This subscription does not exist.")
