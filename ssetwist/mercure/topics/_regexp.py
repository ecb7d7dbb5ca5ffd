r"""
Regular expressions in URL patterns: which syntax is allowed, and what it costs.

Most of the syntax means the same to browsers and to our URL library; only that is allowed.  Flags,
properties (``\p``), look-arounds and references are refused, as is syntax that only one of the two
knows.

The parts of a URL are ASCII.  So ``\d``, ``\w`` and ``\s`` are replaced by the ASCII sets that they
mean in browsers; with the digits, letters and blanks of all scripts each may take 100 KB.
"""

import re
from typing import NamedTuple

from ...errors import InvalidMatcher

#: Cost of each step of a match: one per ASCII character, up to four for others.
_STEP = 10

#: Cost of anything that may be left out or be repeated, beside its own: a match may be at all such
#: places at once.
_OPTION = 35

#: Cost of a set that has almost all characters: many steps in UTF-8.
_ANY = 300

#: Cost of each item of a character class.
_CHOICE = 1

#: All syntax that is allowed.
_TOKEN = re.compile(
    r"(?P<set>\\[dDwWsS])"
    r"|(?P<code>\\(?:u\{[0-9A-Fa-f]{1,6}\}|u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}))"
    r"|\\(?:[bBnrtfv]|[!-/:-@\[-`{-~])"
    r"|\(\?:"
    r"|\{(?P<least>[0-9]{1,4})(?P<more>,(?P<most>[0-9]{0,4}))?\}"
    r"|[^\\({}\x80-\U0010ffff]"
)

#: Sets by their escape, as browsers read them.
_SETS = {
    r"\d": "[0-9]",
    r"\D": "[^0-9]",
    r"\w": "[0-9A-Za-z_]",
    r"\W": "[^0-9A-Za-z_]",
    r"\s": r"[\t\n\v\f\r ]",
    r"\S": r"[^\t\n\v\f\r ]",
}


class Regexp(NamedTuple):
    """
    A regular expression that was read, or a part of one.

    :ivar text: The expression, with sets replaced.
    :ivar cost: Estimated cost; never too low.
    :ivar end: Index in the pattern of what follows.
    """

    text: str
    cost: int
    end: int


def read_regexp(pattern: str, start: int) -> Regexp:
    """
    Read a regular expression.

    :param start: Index of its opening parenthesis.
    :raises InvalidMatcher: If it does not end, or has something that is not allowed.
    """
    pieces = ["("]
    costs = [0]  # of the expression so far, then of each open group so far
    last = 0  # cost of the last thing that was read, which a repetition would multiply
    position = start + 1
    while True:
        token = _next(pattern, position)
        piece, position = token[0], token.end()
        if piece == "[":
            piece, last, position = _read_choice(pattern, position)
            costs[-1] += last
        elif piece == "(?:":
            costs.append(0)
        elif piece == ")":
            if len(costs) == 1:
                return Regexp("".join([*pieces, ")"]), costs[0], position)
            last = costs.pop() + _STEP
            costs[-1] += last
        elif piece in "*+?":
            last += _OPTION
            costs[-1] += _OPTION
        elif token["least"]:
            least = int(token["least"])
            times = max(1, least, int(token["most"] or 0)) + bool(token["more"])
            more = last * (times - 1) + _OPTION * (times - least)
            costs[-1] += more
            last += more
        else:
            is_any = piece in (".", r"\D", r"\W", r"\S")
            last = _ANY if is_any else 4 * _STEP if token["code"] else _STEP
            piece = _SETS.get(piece, piece)
            costs[-1] += last
        pieces.append(piece)


def _read_choice(pattern: str, position: int) -> Regexp:
    pieces = ["["]
    cost, depth = _STEP, 1
    while depth:
        token = _next(pattern, position)
        piece, position = token[0], token.end()
        if piece == "[":
            depth += 1
        elif piece == "]":
            # Browsers take this for an empty class, others for a class that contains "]".
            if pieces[-1] == "[" or pieces[-2:] == ["[", "^"]:
                raise _refused(pattern, "[]")
            depth -= 1
        elif piece in ("(?:", ")"):  # URL patterns take them for parentheses also in a class
            raise _refused(pattern, piece)
        cost += _ANY if token["code"] or piece in ("^", r"\D", r"\W", r"\S") else _CHOICE
        pieces.append(_SETS.get(piece, piece))
    return Regexp("".join(pieces), cost, position)


def _next(pattern: str, position: int) -> re.Match[str]:
    token = _TOKEN.match(pattern, position)
    if token is None:
        raise _refused(pattern, pattern[position : position + 3])
    return token


def _refused(pattern: str, what: str) -> InvalidMatcher:
    if not what:
        return InvalidMatcher(pattern, "has an unclosed parenthesis")
    return InvalidMatcher(pattern, f"has {what!r} in a regular expression, which is not allowed")
