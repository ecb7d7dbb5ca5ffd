"""
What is known of a response before its body.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Opened:
    """
    The head of a response that is an event stream.

    :ivar url: What answered, after redirects.
    :ivar headers: Its headers, by their names in lower case; the values of headers that came more
        than once are joined with ``", "``.
    """

    url: str
    headers: Mapping[str, str]
