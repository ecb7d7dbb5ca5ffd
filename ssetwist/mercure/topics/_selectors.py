"""
Matchers that a subscriber names in the parameters of its request (S3 to S7, X1 to X6, Z1).
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ...errors import InvalidMatcher, Refused
from ...matching import Everything, Exact, Matcher
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

    def matcher(self, base_url: str, limits: Limits = DEFAULT_LIMITS) -> Matcher:
        """
        Make its matcher.

        :param base_url: The hub's own URL, to which patterns and topics are relative (X2).
        :raises Refused: 400; the error names the parameter.
        """
        if self.match_type is None:
            return selector_of(self.match, limits=limits)
        field = "match" if self.match_type == "exact" else f"match_{self.match_type}"
        return matcher_of(self.match_type, self.match, base_url, field=field, limits=limits)


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


def _known(is_legacy: bool) -> str:
    return ", ".join((*_PARAMETERS, _LEGACY_PARAMETER) if is_legacy else _PARAMETERS)
