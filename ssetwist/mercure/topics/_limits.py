"""
Limits of text: which characters topics, matchers, ids and types may have, and how much one request,
or one token, may ask for.
"""

import re
from dataclasses import dataclass

from ...errors import Refused

#: What has no place in a name: it is not seen, or changes what is seen (T1).
_FORBIDDEN = re.compile(
    "["
    "\0-\x1f\x7f-\x9f"  # controls: C0, DEL, C1
    # Category Cf of Unicode 17.0, which the protocol pins; Python may know an older Unicode.
    "\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u202a-\u202e"
    "\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0001\U000e0020-\U000e007f"
    "\ud800-\udfff"  # lone surrogates, for which there is no UTF-8
    "]"
)


@dataclass(frozen=True, slots=True)
class Limits:
    """
    What there may be of matchers (S7).

    :ivar max_matchers: How many.
    :ivar max_pattern: How many bytes each may have, in UTF-8.
    """

    max_matchers: int = 100
    max_pattern: int = 4096

    def check_matcher(self, field: str, matcher: str) -> None:
        """
        Check the characters of a matcher, and how many they are.

        :param field: What it is called in the request.
        :raises Refused: 400, which names the field.
        """
        check_name(field, matcher)
        if len(matcher.encode()) > self.max_pattern:
            raise Refused(400, f"{field} has more than {self.max_pattern} bytes")


DEFAULT_LIMITS = Limits()


def check_name(field: str, value: str) -> None:
    """
    Check that a topic, a matcher, an id or a type has visible characters only (T1).

    :param field: What it is called in the request.
    :raises Refused: 400, which names the field and the character.
    """
    if value.isascii() and value.isprintable():
        return
    if found := _FORBIDDEN.search(value):
        raise Refused(
            400,
            f"{field} must not have control or invisible characters; "
            f"there is U+{ord(found[0]):04X} at index {found.start()}",
        )
