"""
``Link`` headers, read as RFC 8288, appendix B, says: unreadable links are skipped.  Pure.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

#: Links of one response that are read.  A resource has a handful.
MAX_LINKS = 256

_TARGET = re.compile(r"[ \t,]*<([^>]*)>")
_NAME = re.compile(r"[ \t]*;[ \t]*([^ \t=;,]*)[ \t]*")
_QUOTED = re.compile(r'=[ \t]*"((?:[^"\\]|\\.)*)"')
_BARE = re.compile(r"=[ \t]*([^;,]*)")


@dataclass(frozen=True, slots=True)
class Link:
    """
    A link of a response.

    :ivar target: The URL as written; it may be relative.
    :ivar attributes: Attributes by their names in lower case; the first of the same name counts.
    """

    target: str
    attributes: Mapping[str, str]

    def is_a(self, relation: str) -> bool:
        """
        Check whether the link has a relation.  It may have several, in upper or lower case.
        """
        return relation in self.attributes.get("rel", "").lower().split()


def parse_links(headers: Iterable[str]) -> list[Link]:
    """
    Return the links in the values of ``Link`` headers, in order; at most 256.
    """
    links: list[Link] = []
    for header in headers:
        position = 0
        while len(links) < MAX_LINKS and (found := _TARGET.match(header, position)):
            attributes, position = _parse_attributes(header, found.end())
            links.append(Link(found[1].strip(), attributes))
    return links


def _parse_attributes(header: str, position: int) -> tuple[Mapping[str, str], int]:
    attributes: dict[str, str] = {}
    while found := _NAME.match(header, position):
        name, position, value = found[1].lower(), found.end(), ""
        if found := _QUOTED.match(header, position):
            value, position = re.sub(r"\\(.)", r"\1", found[1]), found.end()
        elif found := _BARE.match(header, position):
            value, position = found[1].rstrip(" \t"), found.end()
        if name:
            attributes.setdefault(name, value)
    return attributes, position
