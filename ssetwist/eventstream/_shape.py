"""
Shapes of blocks as most servers write them, to find the fields in many blocks at once.

Nothing here decides what a block means: a block of another shape is handed over as it is.
"""

import re
from collections.abc import Callable, Iterable, Iterator

#: Function that reads blocks of one shape.  A shape is the fields and their order, a blank after
#: colons or not, and one line of data or several.  It is called with whole blocks without NUL, and
#: returns for each: its id, type and data (empty if missing) and an empty string; for a block of
#: another shape, three empty strings and the block itself.
Shape = Callable[[str], Iterable[tuple[str, str, str, str]]]


def shape_of(blocks: str) -> Shape | None:
    fields = _FIELDS.findall(blocks, 0, blocks.find("\n\n"))
    different = dict.fromkeys(fields)
    return _SHAPES.get(("".join(different), len(different) < len(fields)))


_FIELDS = re.compile(r"^[a-z]+: ?", re.MULTILINE)

# An empty id or type is another shape, so that it differs from a missing one.
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
    # A blank after the colon does not belong to the value, so a shape without blanks refuses it.
    return pattern if colon == ": " else pattern.replace(": ", ":(?! )")


_SHAPES = {
    (f"{head}data: ".replace(": ", colon), has_lines): make(pattern, colon)
    for head, pattern in _HEADS.items()
    for colon in (": ", ":")
    for has_lines, make in ((False, _one_line), (True, _lines))
}

#: One line of data and nothing else, the most frequent shape.
ONLY_DATA = _SHAPES["data: ", False]
