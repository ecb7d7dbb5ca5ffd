"""
The checks of a token, in one list.  The log gets the last one, ``python -m ssetwist token`` shows
them all, and a client never sees any.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn

from ...errors import Refused

#: Maximum length of a claim in a message, in characters.
_SHOWN = 100

#: Maximum number of expected values in a message.
_NAMED = 15


@dataclass(frozen=True, slots=True)
class Check:
    subject: str
    found: str
    expected: str
    is_met: bool

    def __str__(self) -> str:
        return f"{self.subject} is {self.found}; expected {self.expected}"


class Checks:
    """
    The checks of one token, in order.

    :ivar done: The checks until now; only the last one can have failed.
    """

    def __init__(self) -> None:
        self.done: list[Check] = []

    def expect(self, subject: str, is_met: bool, found: str, expected: str) -> None:
        """
        Add a check.

        :raises Refused: 401, if it failed.
        """
        if not is_met:
            self.fail(subject, found, expected)
        self.done.append(Check(subject, found, expected, True))

    def fail(self, subject: str, found: str, expected: str) -> NoReturn:
        """
        Add a check that failed.

        :raises Refused: Always.
        """
        check = Check(subject, found, expected, False)
        self.done.append(check)
        raise invalid_token(str(check))


def invalid_token(reason: str) -> Refused:
    """
    Make the error for a refused token.  The client never learns the reason (RFC 6750, 3.1; V3).
    """
    return Refused(401, "The token is not accepted.", error="invalid_token", reason=reason)


def shown(value: object) -> str:
    """
    Return a claim as log lines show it: bounded and in ASCII.  Only strings are shown; of other
    values, which may contain anything, only the type.
    """
    if value is None:
        return "missing"
    if not isinstance(value, str):
        return _TYPES.get(type(value), "something else")
    return ascii(value if len(value) <= _SHOWN else f"{value[:_SHOWN]}...")


def one_of(texts: Iterable[str]) -> str:
    """
    Return expected values as log lines show them, also bounded.
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
