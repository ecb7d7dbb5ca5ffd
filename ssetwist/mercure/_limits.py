"""
How much somebody may ask for.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """
    What one request or one token may ask for.

    :ivar max_matchers: How many matchers.
    :ivar max_pattern: How many bytes of UTF-8 each.
    """

    max_matchers: int = 100
    max_pattern: int = 4096
