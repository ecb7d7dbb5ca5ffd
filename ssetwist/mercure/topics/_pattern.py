r"""
URL patterns that strangers send, and what they may cost (X2, X4).

Matching takes linear time whatever the pattern.  But patterns are compiled to regular expressions,
of which a few characters may ask for much: ``/(\w{100})`` takes 12 MB and a tenth of a second.  So
what a pattern costs is estimated before it is compiled, and there is a limit.
"""

import re

from ...errors import InvalidMatcher
from ...hub import Pattern
from ._regexp import read_regexp

#: What a pattern may cost: there is room for a dozen of ``:name``, or two UUIDs letter by letter.
#: Of half a million patterns made at random the dearest took 0.8 MB, 3 ms to compile, and 22 ms to
#: match with a topic of 4,000 letters that are one; ``/a`` takes 70 KB, 0.3 ms, and 0.03 ms.
MAX_COST = 2500

#: What ``*`` and ``:name`` cost.  Many of them are slow to match.
_WILDCARD = 150

#: What a group costs, or anything else that is repeated.
_GROUP = 10

#: What a character costs that stands for itself.
_LITERAL = 2

#: What a byte costs of one that is not ASCII.  In URLs it is escaped.
_ESCAPED = 10

#: What patterns are made of.
_PART = re.compile(
    r"(?P<regexp>\()|(?P<wildcard>[*:])|(?P<group>[{?+])|(?P<escaped>\\?[^\0-\x7f]+)"
    r"|\\.?|[^\\(*:{?+\x80-\U0010ffff]+",
    re.DOTALL,
)


def pattern_of(pattern: str, base_url: str) -> Pattern:
    """
    Make a matcher of a URL pattern, if it does not cost too much.

    :param base_url: What the pattern and a topic without a scheme and a host are relative to.
    :raises InvalidMatcher: If it does, if it is no URL pattern, or if something is in a regular
        expression of it that may not be there.
    """
    pieces = []
    cost = position = 0
    while part := _PART.match(pattern, position):
        piece, position = part[0], part.end()
        if part["regexp"]:
            piece, more, position = read_regexp(pattern, part.start())
            cost += _WILDCARD + more
        elif part["wildcard"]:
            cost += _WILDCARD
        elif part["group"]:
            cost += _GROUP
        elif part["escaped"]:
            cost += _ESCAPED * len(piece.encode())
        else:
            cost += _LITERAL * len(piece)
        pieces.append(piece)
    if cost > MAX_COST:
        raise InvalidMatcher(pattern, "is too complex")
    return Pattern("".join(pieces), base_url, allow_regexp=True)
