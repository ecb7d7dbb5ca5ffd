"""
Routes of the usual URL patterns (WHATWG URL Pattern).

A library checks and normalises the pattern.  If each component of the result is plain text or a
wildcard, a route matches the same topics: with a hundredth of the memory, and found in a tree.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ada_url import join_url

from .routes import MAX_SEGMENTS, Route, Wild
from .urls import PLAIN_URL

#: Parts of a URL that a library has written: the scheme and the host, path, query and fragment.
_URL = re.compile(r"(https?://)(?:[^/?#@]*@)?([^/?#]*)(/[^?#]*)(?:\?([^#]*))?(?:#(.*))?")

#: Text that stands for itself in a pattern, and that every library writes in the same way.
_PLAIN = re.compile(r"[\w.~!$&',;=@%-]*", re.ASCII)

#: A segment of a pattern that is a name, and so stands for a segment with at least one character.
_NAME = re.compile(r":[^\W\d]\w*")

#: Characters of the longest topic whose segments are kept for a while, which take up to 6 KB.
_USUAL = 128

#: The host of an international name may be written in more than one way.
_INTERNATIONAL = "xn--"


@dataclass(frozen=True, slots=True)
class _Text:
    """
    Text with at least so many characters.
    """

    least: int

    def takes(self, segment: str) -> bool:
        return len(segment) >= self.least


_ANY, _SOME = _Text(0), _Text(1)


@dataclass(frozen=True, slots=True)
class UrlCut:
    """
    Cuts a topic into the origin and the segments of the path.

    :ivar is_whole: If true, the query and the fragment are also cut out, and follow the origin.
        Hardly any pattern asks for them.
    """

    base_url: str
    is_whole: bool = False

    def __call__(self, topic: str) -> tuple[str, ...] | None:
        cut = _cut_cached if len(topic) <= _USUAL else _cut
        return cut(topic, self.base_url, self.is_whole)


def _cut(topic: str, base_url: str, is_whole: bool) -> tuple[str, ...] | None:
    plain = PLAIN_URL.fullmatch(topic)
    if plain is None:
        return _parsed(topic, base_url, is_whole)
    origin, path = plain.groups()
    rest = ("", "") if is_whole else ()
    return (origin, *rest, *path[1:].split("/", MAX_SEGMENTS))


def _parsed(topic: str, base_url: str, is_whole: bool) -> tuple[str, ...] | None:
    try:
        found = _URL.fullmatch(join_url(base_url, topic))
    except (ValueError, UnicodeEncodeError):  # not a URL, not even a relative one
        return None
    if found is None:
        return None
    scheme, host, path, query, fragment = found.groups("")
    rest = (query, fragment) if is_whole else ()
    return (scheme + host, *rest, *path[1:].split("/", MAX_SEGMENTS))


#: Cuts the usual topics: the same one is cut for many subscribers.
_cut_cached = lru_cache(maxsize=4096)(_cut)


def url_route(pattern: Any, base_url: str) -> Route | None:  # the library is not typed
    """
    Return the route of a pattern.

    :param pattern: A ``URLPattern`` of the library.
    :returns: ``None`` if only the library can match it.
    """
    host, port, path = pattern.hostname, pattern.port, pattern.pathname
    is_plain = (
        pattern.protocol in ("http", "https")
        and pattern.username == pattern.password == "*"
        and _INTERNATIONAL not in host
        and _PLAIN.fullmatch(host + port)
        and path.startswith("/")
    )
    if not is_plain:
        return None
    segments = path[1:].split("/")
    is_open = segments[-1] == "*"
    query, fragment = (_ANY if one == "*" else one for one in (pattern.search, pattern.hash))
    is_whole = (query, fragment) != (_ANY, _ANY)
    parts = [
        *((query, fragment) if is_whole else ()),
        *(_SOME if _NAME.fullmatch(one) else one for one in segments[: -1 if is_open else None]),
    ]
    if not all(_PLAIN.fullmatch(one) for one in parts if isinstance(one, str)):
        return None
    origin = f"{pattern.protocol}://{host}{port and f':{port}'}"
    wanted: tuple[str | Wild, ...] = (origin, *parts)
    route = Route(UrlCut(base_url, is_whole), wanted, is_open)
    return route if route.is_short else None
