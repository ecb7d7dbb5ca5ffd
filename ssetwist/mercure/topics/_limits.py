"""
How much one request, or one token, may ask for.
"""

from dataclasses import dataclass

from ...errors import Refused
from ._text import check_name


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
