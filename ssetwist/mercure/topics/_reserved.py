"""
Topics that belong to the hub itself.
"""

import re
from functools import lru_cache

from ada_url import URL

from ...matching.urls import PLAIN_URL

#: An unreserved character (RFC 3986, 2.3) that is escaped although it need not be.
_ESCAPED = re.compile(r"%(?:2[DE]|3\d|[46][1-9A-F]|[57][0-9A]|5F|7E)", re.IGNORECASE | re.ASCII)


def is_reserved(topic: str, hub_url: str) -> bool:
    """
    Return true if a topic is in the hub's namespace, where only the hub may publish (P3).

    Its path, resolved against the hub's URL as browsers do it, is then the hub's path or below
    that.  Scheme and host do not matter.  Text that is not a URL is not reserved.

    :param hub_url: The hub's own URL, absolute.
    """
    plain = PLAIN_URL.fullmatch(topic)
    try:
        path = _path_of(topic, hub_url) if plain is None else plain[2]
    except ValueError:
        return False
    hub_path = _own_path(hub_url)
    return path == hub_path or path.startswith(f"{hub_path.rstrip('/')}/")


@lru_cache(maxsize=16)
def _own_path(hub_url: str) -> str:
    return _path_of(hub_url)


def _path_of(url: str, base_url: str | None = None) -> str:
    path = URL(url, base_url).pathname  # without dot segments, including escaped ones
    return _ESCAPED.sub(lambda escaped: chr(int(escaped[0][1:], 16)), path)
