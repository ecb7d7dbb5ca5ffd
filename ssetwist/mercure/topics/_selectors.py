"""
Matchers that a subscriber names in the parameters of its request (S3 to S7, X1 to X6, Z1).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from ...errors import InvalidMatcher, Refused
from ...matching import Everything, Exact, Matcher, Matchers, Steps
from ._limits import DEFAULT_LIMITS, Limits
from ._pattern import pattern_of
from ._template import selector_of

#: The types of matchers of the 1.0 dialect.
MATCHER_TYPES = ("exact", "urlpattern")

#: The type of matcher for each parameter.
_PARAMETERS = {"match": "exact"} | {f"match_{name}": name for name in MATCHER_TYPES}

_LEGACY_PARAMETER = "topic"


class Selector(NamedTuple):
    """
    One matcher of a subscriber, as it was sent.

    :ivar match_type: Its type; ``None`` for a selector of the 0.x dialect.
    """

    match_type: str | None
    match: str

    @property
    def is_pattern(self) -> bool:
        """
        True if it may match several topics, but not all.
        """
        if self.match_type is None:
            return "{" in self.match
        return self.match_type != "exact" and self.match != "*"


@dataclass(frozen=True, slots=True)
class Subscription:
    """
    One matcher of a subscriber.

    :ivar match_type: Its type; ``None`` for a selector of the 0.x dialect.
    :ivar match: Its text, as it was sent.
    """

    match_type: str | None
    match: str
    matcher: Matcher


@dataclass(frozen=True, slots=True)
class Selection:
    """
    All matchers of a subscriber.

    :ivar subscriptions: Each once, in the order of the request.
    :ivar matchers: The same, as the hub takes them.
    """

    subscriptions: tuple[Subscription, ...]
    matchers: Matchers


#: Compiled patterns of a client that asks for none.
NO_PATTERNS: Mapping[Selector, Matcher] = MappingProxyType({})


def read_selectors(
    pairs: Iterable[tuple[str, str]], limits: Limits = DEFAULT_LIMITS, *, is_legacy: bool
) -> Sequence[Selector]:
    """
    Read the selectors from the parameters of a request, each once and in their order.  Other
    parameters are ignored.

    :param pairs: Parameters of the query, and of the body if the request has one.
    :param is_legacy: If true, selectors of the 0.x dialect are also read.
    :raises Refused: 400; the error names the parameter.
    """
    asked: dict[Selector, None] = {}
    for name, value in pairs:
        if name in _PARAMETERS:
            asked[Selector(_PARAMETERS[name], value)] = None
        elif name[:5].lower() == "match":
            raise Refused(
                400, f"unknown parameter {name[:40]!r}; the hub knows {_known(is_legacy)}"
            )
        elif name == _LEGACY_PARAMETER:
            if not is_legacy:
                raise Refused(400, f"the hub no longer knows {name}; it knows {_known(False)}")
            asked[Selector(None, value)] = None
    if not asked:
        raise Refused(400, f"no topics are asked for; add one of {_known(is_legacy)}")
    if len(asked) > limits.max_matchers:
        raise Refused(400, f"{len(asked)} matchers are too many; at most {limits.max_matchers}")
    return tuple(asked)


def patterns_of(selectors: Iterable[Selector]) -> tuple[Selector, ...]:
    """
    Return the selectors that may match several topics, but not all.
    """
    return tuple(one for one in selectors if one.is_pattern)


def compile_patterns(
    patterns: Iterable[Selector], limits: Limits = DEFAULT_LIMITS, *, base_url: str
) -> Steps[dict[Selector, Matcher]]:
    """
    Make the matchers of patterns, in steps of a few milliseconds.

    :param base_url: The hub's own URL, to which patterns and topics are relative (X2).
    :raises Refused: 400; the error names the parameter.
    """
    compiled = {}
    for one in patterns:
        compiled[one] = _matcher(one, base_url, limits)
        yield
    return compiled


def select(
    selectors: Iterable[Selector],
    compiled: Mapping[Selector, Matcher] = NO_PATTERNS,
    limits: Limits = DEFAULT_LIMITS,
    *,
    base_url: str,
) -> Selection:
    """
    Make the matchers of selectors.

    :param compiled: The matchers of those that are patterns (:func:`compile_patterns`).
    :param base_url: The hub's own URL.
    :raises Refused: 400; the error names the parameter.
    """
    subscriptions = tuple(
        Subscription(*one, compiled.get(one) or _matcher(one, base_url, limits))
        for one in selectors
    )
    return Selection(subscriptions, Matchers.of([one.matcher for one in subscriptions]))


def matcher_of(
    match_type: str,
    match: str,
    base_url: str,
    *,
    field: str = "match",
    limits: Limits = DEFAULT_LIMITS,
) -> Matcher:
    """
    Make a matcher of the 1.0 dialect.

    :param base_url: The hub's own URL, to which patterns and topics are relative (X2).
    :param field: The name of the matcher in the request.
    :raises Refused: 400, if the type is unknown, if the text does not fit the type, has characters
        that topics cannot have, or is too expensive to match; the error names the field.
    """
    limits.check_matcher(field, match)
    if match == "*":  # with any type, also an unknown one (T4, D7)
        return Everything()
    try:
        if match_type == "exact":
            return Exact(match)
        if match_type == "urlpattern":
            return pattern_of(match, base_url)
    except InvalidMatcher as problem:
        raise Refused(400, f"{field}: {problem}") from None
    raise Refused(400, f"unknown matcher type {match_type[:40]!r}")


def _matcher(selector: Selector, base_url: str, limits: Limits) -> Matcher:
    match_type, match = selector
    if match_type is None:
        return selector_of(match, limits=limits)
    field = "match" if match_type == "exact" else f"match_{match_type}"
    return matcher_of(match_type, match, base_url, field=field, limits=limits)


def _known(is_legacy: bool) -> str:
    return ", ".join((*_PARAMETERS, _LEGACY_PARAMETER) if is_legacy else _PARAMETERS)
