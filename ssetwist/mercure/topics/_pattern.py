r"""
URL patterns sent by strangers, with a limit on what they cost (X2, X4).

Matching takes linear time for every pattern.  But patterns are compiled to regular expressions, and
a few characters there can be expensive: ``/(\w{100})`` takes 12 MB and a tenth of a second.  And a
match may be at many places of a pattern at once.  So the cost of a pattern is estimated, and
limited, before it is compiled.
"""

import re

from ...errors import InvalidMatcher
from ...matching import Pattern
from ._regexp import read_regexp

#: Maximum cost of a pattern: room for a dozen ``:name``, or two UUIDs letter by letter.  Of a
#: hundred thousand random patterns within it, each changed to take longer and longer, the most
#: expensive took 0.25 MB, 1.5 ms to compile, and 2.5 ms to match a topic of 4,096 letters; 9 ms if
#: it has 4,096 bytes outside ASCII, which are three times as long in a URL.  ``/x-:a`` takes
#: 70 KB, 0.3 ms, and 0.04 ms.
MAX_COST = 1800

#: Cost of ``*`` and of ``:name``.  Patterns with many of them are slow to match.
_WILDCARD = 120

#: Cost of a group, or of anything else that is repeated or may be left out.
_GROUP = 30

#: Cost of a character that stands for itself; behind anything that varies, because a match may be
#: at all such characters at once, and elsewhere.
_BEHIND, _LITERAL = 10, 1

#: Cost of each byte of a character outside ASCII.  URLs have these escaped.
_ESCAPED = 10

#: One part of a pattern.
_PART = re.compile(
    r"(?P<regexp>\()|(?P<wildcard>\*|:[^\W\d]\w*)|(?P<group>[{?+])"
    r"|(?P<escaped>\\?[^\0-\x7f]+)|\\.?|:|[^\\(*:{?+\x80-\U0010ffff]+",
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
    varies = False
    while part := _PART.match(pattern, position):
        piece, position = part[0], part.end()
        if part["regexp"]:
            piece, more, position = read_regexp(pattern, part.start())
            cost += _WILDCARD + more
        elif part["wildcard"]:
            cost += _WILDCARD + _LITERAL * len(piece)
        elif part["group"]:
            cost += _GROUP
        elif part["escaped"]:
            cost += _ESCAPED * len(piece.encode())
        else:
            cost += (_BEHIND if varies else _LITERAL) * len(piece)
        varies = varies or bool(part["regexp"] or part["wildcard"] or part["group"])
        pieces.append(piece)
    if cost > MAX_COST:
        raise InvalidMatcher(pattern, "is too complex")
    return Pattern("".join(pieces), base_url, allow_regexp=True)
