"""
What a subscriber asks for, by the parameters of its request (S3 to S7, X1 to X6, Z1).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from ...errors import InvalidMatcher, Refused
from ...hub import Everything, Exact, Matcher, Matchers
from ._limits import DEFAULT_LIMITS, Limits
from ._pattern import pattern_of
from ._template import selector_of

#: The types of matchers there are.
MATCHER_TYPES = ("exact", "urlpattern")

#: Which parameter asks for which type of matcher.
_PARAMETERS = {"match": "exact"} | {f"match_{name}": name for name in MATCHER_TYPES}

#: The parameter of the 0.x dialect.
_LEGACY_PARAMETER = "topic"


@dataclass(frozen=True, slots=True)
class Subscription:
    """
    One matcher of a subscriber.

    :ivar match_type: Its type; ``None`` for a selector of the 0.x dialect.
    :ivar match: Its text, as it was sent.
    :ivar matcher: What it asks for.
    """

    match_type: str | None
    match: str
    matcher: Matcher


@dataclass(frozen=True, slots=True)
class Selection:
    """
    All that a subscriber asks for.

    :ivar subscriptions: Each once, in the order of the request.
    :ivar matchers: The same as the hub wants it.
    """

    subscriptions: tuple[Subscription, ...]
    matchers: Matchers


def read_selectors(
    pairs: Iterable[tuple[str, str]],
    limits: Limits = DEFAULT_LIMITS,
    *,
    base_url: str,
    is_legacy: bool,
) -> Selection:
    """
    Read what the parameters of a request ask for.  Parameters that have nothing to do with it are
    ignored.

    :param pairs: Those of the query, and of the body if there is one.
    :param base_url: The hub's own URL, to which patterns and topics are relative (X2).
    :param is_legacy: Whether selectors of the 0.x dialect are known, too.
    :raises Refused: 400, which names the parameter.
    """
    asked: dict[tuple[str | None, str], None] = {}  # in order, each once
    for name, value in pairs:
        if name in _PARAMETERS:
            asked[_PARAMETERS[name], value] = None
        elif name[:5].lower() == "match":
            raise Refused(
                400, f"there is no parameter {name[:40]!r}; there are {_known(is_legacy)}"
            )
        elif name == _LEGACY_PARAMETER:
            if not is_legacy:
                raise Refused(400, f"{name} is no longer known here; there are {_known(False)}")
            asked[None, value] = None
    if not asked:
        raise Refused(400, f"nothing is asked for; there must be one of {_known(is_legacy)}")
    if len(asked) > limits.max_matchers:
        raise Refused(400, f"there may be {limits.max_matchers} matchers, not {len(asked)}")
    subscriptions = tuple(
        Subscription(match_type, match, _matcher(match_type, match, base_url, limits))
        for match_type, match in asked
    )
    matchers = Matchers.of([subscription.matcher for subscription in subscriptions])
    return Selection(subscriptions, matchers)


def matcher_of(
    match_type: str,
    match: str,
    base_url: str,
    *,
    field: str = "match",
    limits: Limits = DEFAULT_LIMITS,
) -> Matcher:
    """
    Return what a matcher of the 1.0 dialect asks for.

    :param base_url: The hub's own URL, to which patterns and topics are relative (X2).
    :param field: What it is called in the request.
    :raises Refused: 400, which names the field, if there is no such type, if it is not of that
        type, or if it has characters that no topic has, or would take too much to match.
    """
    limits.check_matcher(field, match)
    if match == "*":  # whatever the type is said to be (T4, D7)
        return Everything()
    try:
        if match_type == "exact":
            return Exact(match)
        if match_type == "urlpattern":
            return pattern_of(match, base_url)
    except InvalidMatcher as problem:
        raise Refused(400, f"{field}: {problem}") from None
    raise Refused(400, f"there is no matcher type {match_type[:40]!r}")


def _matcher(match_type: str | None, match: str, base_url: str, limits: Limits) -> Matcher:
    if match_type is None:
        return selector_of(match, limits=limits)
    field = "match" if match_type == "exact" else f"match_{match_type}"
    return matcher_of(match_type, match, base_url, field=field, limits=limits)


def _known(is_legacy: bool) -> str:
    return ", ".join((*_PARAMETERS, _LEGACY_PARAMETER) if is_legacy else _PARAMETERS)
