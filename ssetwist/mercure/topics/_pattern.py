r"""
URL patterns sent by strangers, with a limit on what they cost (X2, X4).

Matching takes linear time for every pattern.  But patterns are compiled to regular expressions, and
a few characters there can be expensive: ``/(\w{100})`` takes 12 MB and a tenth of a second.  So the
cost of a pattern is estimated, and limited, before it is compiled.
"""

import re

from ...errors import InvalidMatcher
from ...matching import Pattern
from ._regexp import read_regexp

#: Maximum cost of a pattern: room for a dozen ``:name``, or two UUIDs letter by letter.  Of half a
#: million random patterns within it, the most expensive took 0.8 MB, 3 ms to compile, and 22 ms to
#: match a topic of 4,000 equal letters; ``/a`` takes 70 KB, 0.3 ms, and 0.03 ms.
MAX_COST = 2500

#: Cost of ``*`` and of ``:name``.  Patterns with many of them are slow to match.
_WILDCARD = 150

#: Cost of a group, or of anything else that is repeated.
_GROUP = 10

#: Cost of a character that stands for itself.
_LITERAL = 2

#: Cost of each byte of a character outside ASCII.  URLs have these escaped.
_ESCAPED = 10

#: One part of a pattern.
_PART = re.compile(
    r"(?P<regexp>\()|(?P<wildcard>[*:])|(?P<group>[{?+])|(?P<escaped>\\?[^\0-\x7f]+)"
    r"|\\.?|[^\\(*:{?+\x80-\U0010ffff]+",
    re.DOTALL,
)


def pattern_of(pattern: str, base_url: str) -> Pattern:
    """
    Make a matcher from a URL pattern.

    :param base_url: Base of the pattern, and of topics without scheme and host.
    :raises InvalidMatcher: If it costs too much, is not a URL pattern, or has a regular
        expression with something that is not allowed.
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
