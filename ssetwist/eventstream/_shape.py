"""
Blocks as most servers write them, and what finds their fields in many blocks at once.

Nothing here decides what a block means: one that is written otherwise is handed over as it is.
"""

import re
from collections.abc import Callable, Iterable, Iterator

#: Blocks of one shape: which fields they have, in which order, whether a blank follows the colon,
#: and whether there may be several lines of data.  It is called with whole blocks without NUL, and
#: returns each: of one of this shape its id, type and data, where one that is missing is empty; of
#: any other, behind three that are empty, the block itself.
Shape = Callable[[str], Iterable[tuple[str, str, str, str]]]


def shape_of(blocks: str) -> Shape | None:
    """
    Return the shape of the first of some blocks, if it has one of those.
    """
    fields = _FIELDS.findall(blocks, 0, blocks.find("\n\n"))
    different = dict.fromkeys(fields)
    return _SHAPES.get(("".join(different), len(different) < len(fields)))


_FIELDS = re.compile(r"^[a-z]+: ?", re.MULTILINE)

# An id or a type that is empty is another shape, so that one that is missing is told from it.
_HEADS = {
    "": "()()",
    "id: ": r"id: (.+)\n()",
    "event: ": r"()event: (.+)\n",
    "id: event: ": r"id: (.+)\nevent: (.+)\n",
    "event: id: ": r"(?=event: .+\nid: (.+)\n)event: (.+)\nid: .+\n",  # the id comes first
}
_OTHER = r"((?:.+\n)*\n+)"  # with any blank lines behind it


def _one_line(head: str, colon: str) -> Shape:
    pattern = f"{head}data: (.*)\n\n"
    return re.compile(f"{_with(colon, pattern)}|{_OTHER}").findall


def _lines(head: str, colon: str) -> Shape:
    pattern = f"{head}data: (.*(?:\ndata: .*)*)\n\n"
    find = re.compile(f"{_with(colon, pattern)}|{_OTHER}").findall
    between = f"\ndata{colon}"

    def find_lines(blocks: str) -> Iterator[tuple[str, str, str, str]]:
        for id, type, data, other in find(blocks):
            yield id, type, data.replace(between, "\n"), other

    return find_lines


def _with(colon: str, pattern: str) -> str:
    # A blank behind the colon is no part of a value, so that none may follow one without.
    return pattern if colon == ": " else pattern.replace(": ", ":(?! )")


_SHAPES = {
    (f"{head}data: ".replace(": ", colon), has_lines): make(pattern, colon)
    for head, pattern in _HEADS.items()
    for colon in (": ", ":")
    for has_lines, make in ((False, _one_line), (True, _lines))
}

#: One line of data and nothing else, the most frequent of all.
ONLY_DATA = _SHAPES["data: ", False]
