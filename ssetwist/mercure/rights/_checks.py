"""
What was looked at in a token, and what was expected there: one list, of which the log is told how
it ends, who asks for an explanation all, and who sent the token nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn

from ...errors import Refused

#: How much of a claim is shown, in characters.
_SHOWN = 100

#: How many of what it may be are named.
_NAMED = 15


@dataclass(frozen=True, slots=True)
class Check:
    """
    One thing that was looked at.
    """

    subject: str
    found: str
    expected: str
    is_met: bool

    def __str__(self) -> str:
        return f"{self.subject} is {self.found}; expected {self.expected}"


class Checks:
    """
    The checks of one token, in order.

    :ivar done: Those made until now; only the last may have failed.
    """

    def __init__(self) -> None:
        self.done: list[Check] = []

    def expect(self, subject: str, is_met: bool, found: str, expected: str) -> None:
        """
        Note a check.

        :raises Refused: If it failed.
        """
        if not is_met:
            self.fail(subject, found, expected)
        self.done.append(Check(subject, found, expected, True))

    def fail(self, subject: str, found: str, expected: str) -> NoReturn:
        """
        Note a check that failed.

        :raises Refused: Always.
        """
        check = Check(subject, found, expected, False)
        self.done.append(check)
        raise invalid_token(str(check))


def invalid_token(reason: str) -> Refused:
    """
    Return what refuses a token.  Its peer never learns why (RFC 6750, 3.1; V3).
    """
    return Refused(401, "The token is not accepted.", error="invalid_token", reason=reason)


def shown(value: object) -> str:
    """
    Return how a log line has a claim: bounded, in ASCII, and texts only, because everything else
    may have anything in it.
    """
    if value is None:
        return "missing"
    if not isinstance(value, str):
        return f"no text but {_TYPES.get(type(value), 'something else')}"
    return ascii(value if len(value) <= _SHOWN else f"{value[:_SHOWN]}...")


def one_of(texts: Iterable[str]) -> str:
    """
    Return how a log line has what it may be: bounded, too.
    """
    named = [shown(text) for text in texts]
    return " or ".join(named[:_NAMED]) + (
        f" or {len(named) - _NAMED} others" if named[_NAMED:] else ""
    )


_TYPES = {
    bool: "a boolean",
    int: "a number",
    float: "a number",
    list: "an array",
    dict: "an object",
}
