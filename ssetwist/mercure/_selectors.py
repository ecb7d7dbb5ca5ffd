"""
Matchers of the 1.0 dialect.
"""

from ..errors import Refused
from ..hub import Everything, Exact, Matcher, Pattern


def matcher_of(match_type: str, match: str, base_url: str) -> Matcher:
    """
    Return what a matcher of the 1.0 dialect asks for.

    :param base_url: The hub's own URL, to which patterns and topics are relative (X2).
    :raises Refused: 400, if there is no such type, or it asks for no topics that there could be,
        or is too long.
    """
    if match == "*":
        return Everything()
    if match_type == "exact":
        return Exact(match)
    if match_type == "urlpattern":
        return Pattern(match, base_url)
    raise Refused(400, f"there is no matcher type {match_type!r}")
