"""
Blocks as most servers write them, and what finds their fields in many blocks at once.

Nothing here decides what a block means: whatever is not written quite so is handed over as it is.
"""

import re
from collections.abc import Callable
from typing import NamedTuple


class Shape(NamedTuple):
    """
    Which fields the blocks of a stream have, in which order, and whether a blank follows the colon.

    :ivar find: Returns all blocks of a text without NUL, which ends with a blank line.  Of a block
        of this shape it is the id, the type and the data, where a missing one is empty; of any
        other block it is only the last item, the block with all its lines.
    :ivar has_lines: Whether there may be several lines of data, with ``next_line`` between them.
    """

    find: Callable[[str], list[tuple[str, str, str, str]]]
    has_lines: bool
    next_line: str


def shape_of(text: str) -> Shape | None:
    """
    Return the shape of the first block of a text, if it has one of those.
    """
    fields = _FIELDS.findall(text, 0, text.find("\n\n"))
    different = dict.fromkeys(fields)
    return _SHAPES.get(("".join(different), len(different) < len(fields)))


_FIELDS = re.compile(r"^[a-z]+: ?", re.MULTILINE)

# An empty id or type is no match, so that a missing one is told from it.
_HEADS = {
    "": "()()",
    "id: ": r"id: (.+)\n()",
    "event: ": r"()event: (.+)\n",
    "id: event: ": r"id: (.+)\nevent: (.+)\n",
    "event: id: ": r"(?=event: .+\nid: (.+)\n)event: (.+)\nid: .+\n",  # the id comes first
}
_DATA = {False: "data: (.*)", True: r"data: (.*(?:\ndata: .*)*)"}
_END = r"\n\n|((?:.+\n)*\n)"


def _shapes() -> dict[tuple[str, bool], Shape]:
    shapes = {}
    for head, its_pattern in _HEADS.items():
        for has_lines, data in _DATA.items():
            fields, pattern = f"{head}data: ", its_pattern + data
            shapes[fields, has_lines] = Shape(
                re.compile(pattern + _END).findall, has_lines, "\ndata: "
            )
            # Without blanks; one would be no part of the value.
            pattern = pattern.replace(": ", ":(?! )")
            shapes[fields.replace(" ", ""), has_lines] = Shape(
                re.compile(pattern + _END).findall, has_lines, "\ndata:"
            )
    return shapes


_SHAPES = _shapes()

#: The most frequent of all: one line of data and nothing else.
ONLY_DATA = _SHAPES["data: ", False]
