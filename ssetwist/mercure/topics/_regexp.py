r"""
The regular expressions in URL patterns: which there may be, and what they cost.

Browsers and the library agree on most of them.  There are no others here: flags, properties
(``\p``), look-arounds and references are refused, and so is what only one of both knows.

The parts of a URL are ASCII.  So ``\d``, ``\w`` and ``\s`` become what browsers take them for,
without the digits, letters and blanks of all scripts, which may take 100 KB each.
"""

import re
from typing import NamedTuple

from ...errors import InvalidMatcher

#: What each step of a match costs: a character has one, one of another script up to four.
_STEP = 10

#: What "almost any character" costs: in UTF-8 that is many steps.
_ANY = 300

#: What each costs of the characters among which one may be.
_CHOICE = 1

#: All there may be.
_TOKEN = re.compile(
    r"(?P<set>\\[dDwWsS])"
    r"|(?P<code>\\(?:u\{[0-9A-Fa-f]{1,6}\}|u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}))"
    r"|\\(?:[bBnrtfv]|[!-/:-@\[-`{-~])"
    r"|\(\?:"
    r"|\{(?P<least>[0-9]{1,4})(?P<more>,(?P<most>[0-9]{0,4}))?\}"
    r"|[^\\({}\x80-\U0010ffff]"
)

#: What letters stand for in browsers.
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
    A regular expression, or a part of it, that was read.

    :ivar text: How to write it.
    :ivar cost: What it costs; never too little.
    :ivar end: Where the pattern goes on.
    """

    text: str
    cost: int
    end: int


def read_regexp(pattern: str, start: int) -> Regexp:
    """
    Read a regular expression.

    :param start: Where it begins, with a parenthesis.
    :raises InvalidMatcher: If it has no end, or if there is something in it that may not be there.
    """
    pieces = ["("]
    costs = [0]  # of what was read; of each group that is open, by itself
    last = 0  # what the thing costs that is repeated, if a repetition follows
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
            last += _STEP
            costs[-1] += _STEP
        elif token["least"]:
            times = max(1, int(token["least"]), int(token["most"] or 0)) + bool(token["more"])
            costs[-1] += last * (times - 1)
            last *= times
        else:
            is_any = piece in (".", r"\D", r"\W", r"\S")
            last = _ANY if is_any else 4 * _STEP if token["code"] else _STEP
            piece = _SETS.get(piece, piece)
            costs[-1] += last
        pieces.append(piece)


def _read_choice(pattern: str, position: int) -> Regexp:
    """
    Read a class of characters, of which the bracket has been read.
    """
    pieces = ["["]
    cost, depth = _STEP, 1
    while depth:
        token = _next(pattern, position)
        piece, position = token[0], token.end()
        if piece == "[":
            depth += 1
        elif piece == "]":
            # Empty, to browsers; to others this is the first of its characters.
            if pieces[-1] == "[" or pieces[-2:] == ["[", "^"]:
                raise _refused(pattern, "[]")
            depth -= 1
        elif piece in ("(?:", ")"):  # here, too, they are parentheses to a URL pattern
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
    problem = (
        f"has {what!r} in a regular expression" if what else "has a parenthesis without an end"
    )
    return InvalidMatcher(pattern, problem)
