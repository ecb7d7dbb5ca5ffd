"""
Limits of text: the characters that topics, matchers, ids and types may have, and how many matchers
a request or a token may have.
"""

import re
from dataclasses import dataclass

from ...errors import Refused

#: Characters that a name must not have: they are invisible, or change what is visible (T1).
_FORBIDDEN = re.compile(
    "["
    "\0-\x1f\x7f-\x9f"  # controls: C0, DEL, C1
    # Category Cf of Unicode 17.0, which the protocol pins; Python may know an older Unicode.
    "\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u202a-\u202e"
    "\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0001\U000e0020-\U000e007f"
    "\ud800-\udfff"  # lone surrogates, which UTF-8 cannot encode
    "]"
)


@dataclass(frozen=True, slots=True)
class Limits:
    """
    Limits of matchers (S7).

    :ivar max_matchers: Maximum number of matchers in one request, or in one token.
    :ivar max_pattern: Maximum size of a matcher, in bytes of UTF-8.
    """

    max_matchers: int = 100
    max_pattern: int = 4096

    def of_grants(self) -> "Limits":
        """
        Return the limits of tokens, and of an application's answers: the same, but not below the
        defaults.  The hub trusts the party that gives the rights, so lower limits of requests are
        no reason to refuse them.
        """
        return Limits(
            max(self.max_matchers, DEFAULT_LIMITS.max_matchers),
            max(self.max_pattern, DEFAULT_LIMITS.max_pattern),
        )

    def check_matcher(self, field: str, matcher: str) -> None:
        """
        Check the characters and the length of a matcher.

        :param field: The name of the matcher in the request.
        :raises Refused: 400; the error names the field.
        """
        check_name(field, matcher)
        if len(matcher.encode()) > self.max_pattern:
            raise Refused(400, f"{field} has more than {self.max_pattern} bytes")


DEFAULT_LIMITS = Limits()


def check_name(field: str, value: str) -> None:
    """
    Check that a topic, a matcher, an id or a type has only visible characters (T1).

    :param field: The name of the value in the request.
    :raises Refused: 400; the error names the field and the character.
    """
    if value.isascii() and value.isprintable():
        return
    if found := _FORBIDDEN.search(value):
        raise Refused(
            400,
            f"{field} must not have control or invisible characters; "
            f"found U+{ord(found[0]):04X} at index {found.start()}",
        )
