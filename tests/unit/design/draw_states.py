"""
State machines of ssetwist, found in the code and drawn as text.

``python -m tests.unit.design.draw_states`` writes ``docs/design/states.rst``.
"""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from importlib import import_module
from pathlib import Path
from types import ModuleType

import ssetwist

ROOT = Path(ssetwist.__file__).parent
PAGE = Path(__file__).parents[3] / "docs" / "design" / "states.rst"

#: Titles of the machines, in the order of the page.
TITLES = {
    "hub/_subscriber.py": "A subscriber",
    "web/_outlet.py": "A stream of the server",
    "web/site/_connection.py": "A connection to the server",
    "client/source/_states.py": "An event source",
    "client/stream/_stream.py": "A stream of the client",
}

INTRODUCTION = """\
State machines
==============

Objects that live long are state machines.  Each drawing lists the states of one machine, from top
to bottom, and has a column for each state that another state may follow.  A column begins at the
``o`` beside its state.  Its line leads up and down to arrows (``<-+``) at the states that may
follow; ``<-o`` means that a state may follow itself.  On the right is the meaning of each state, or
its inputs, each with the state that follows.  The laws of a machine are at the top of its file.

A program draws this page from the code: ``python -m tests.unit.design.draw_states``.  A test fails
if page and code differ.
"""

#: Characters of a line of the page.
WIDTH = 100


@dataclass(frozen=True, slots=True)
class Machine:
    """
    A state machine.

    :ivar file: Relative to the package.
    :ivar meanings: A sentence for each state, in the order of the drawing.
    :ivar following: States that may follow each state.
    """

    file: str
    meanings: Mapping[str, str]
    following: Mapping[str, frozenset[str]]

    @classmethod
    def of_table(cls, file: str, table: Mapping[Enum, Sequence[Enum]]) -> "Machine":
        """
        Return the machine of a table with an entry for each member of an ``Enum``.
        """
        return cls(
            file,
            {state.name: str(state.value) for state in type(next(iter(table)))},
            {one.name: frozenset(other.name for other in after) for one, after in table.items()},
        )

    @classmethod
    def of_automat(cls, file: str, module: ModuleType) -> "Machine":
        """
        Return the machine of Automat in a module, without the inputs that keep the state.
        """
        # Automat's own drawing needs graphviz, so this uses names that Automat does not document.
        automaton = module._machine.__automat_automaton__
        ways = {
            (before.name, name): after.name
            for before, name, after, _ in automaton.allTransitions()
            if before is not after
        }
        inputs = [name for name in vars(module.Inputs) if name in automaton.inputAlphabet()]
        meanings = {
            state: ", ".join(
                f"{name} -> {ways[state, name]}" for name in inputs if (state, name) in ways
            )
            for state in _reached(automaton.initialState.name, inputs, ways)
        }
        meanings = dict(sorted(meanings.items(), key=lambda item: not item[1]))  # ends go last
        return cls(
            file,
            {state: exits or "the end" for state, exits in meanings.items()},
            {
                state: frozenset(after for (before, _), after in ways.items() if before == state)
                for state in meanings
            },
        )


def machines() -> list[Machine]:
    """
    Return every state machine of ssetwist, in the order of the page.

    :raises KeyError: If a machine has no title.
    """
    files = (path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py"))
    found = {file: machine for file in files if (machine := machine_in(file)) is not None}
    if without_title := set(found) - set(TITLES):
        raise KeyError(f"TITLES lacks {without_title}")
    return [found[file] for file in TITLES if file in found]


def machine_in(file: str) -> Machine | None:
    """
    Return the state machine of a file, if it has one.

    A machine is a table ``_NEXT`` from each member of an ``Enum`` to those that may follow, or a
    machine of Automat, ``_machine``.
    """
    source = (ROOT / file).read_text()
    if "\n_NEXT" not in source and "\n_machine" not in source:
        return None
    module = import_module(".".join(("ssetwist", *Path(file).with_suffix("").parts)))
    if hasattr(module, "_NEXT"):
        return Machine.of_table(file, module._NEXT)
    return Machine.of_automat(file, module)


def draw(machine: Machine) -> str:
    """
    Return the drawing of a machine.
    """
    names = list(machine.meanings)
    arrows = [{names.index(other) for other in machine.following[name]} for name in names]
    columns = [(own, ends) for own, ends in enumerate(arrows) if ends]
    margin = max(map(len, names))
    lines: list[str] = []
    for row, name in enumerate(names):
        first = "".join(_first_piece(row, own, ends) for own, ends in columns)
        later = "".join(_later_piece(row, own, ends) for own, ends in columns)
        head, *rest = textwrap.wrap(machine.meanings[name], WIDTH - 7 - margin - len(first))
        lines.append(f"{name:{margin}}{first}   {head}")
        lines.extend(f"{'':{margin}}{later}   {text}" for text in rest)
    return "\n".join(lines)


def page(found: Sequence[Machine]) -> str:
    """
    Return the page with the drawings of some machines.
    """
    parts = [INTRODUCTION]
    for machine in found:
        title = TITLES[machine.file]
        drawing = textwrap.indent(draw(machine), "    ")
        parts.append(f"{title}\n{'-' * len(title)}\n\n``{machine.file}``::\n\n{drawing}\n")
    return "\n".join(parts)


def _first_piece(row: int, own: int, ends: set[int]) -> str:
    """
    Return four characters of the first line of a state.

    :param own: The row of the state that the column belongs to.
    :param ends: The rows with its arrows.
    """
    if row in ends:
        return " <-o" if row == own else " <-+"
    if row == own:
        return "   o"
    return "   |" if min(own, *ends) < row < max(own, *ends) else "    "


def _later_piece(row: int, own: int, ends: set[int]) -> str:
    """
    Return four characters of a further line of a state.
    """
    return "   |" if min(own, *ends) <= row < max(own, *ends) else "    "


def _reached(
    first: str, inputs: Sequence[str], ways: Mapping[tuple[str, str], str]
) -> Iterator[str]:
    """
    Yield the states of a machine, nearest to the first one first.
    """
    states = [first]
    for state in states:
        yield state
        after = (ways.get((state, name)) for name in inputs)
        states.extend(other for other in dict.fromkeys(after) if other and other not in states)


if __name__ == "__main__":
    PAGE.write_text(page(machines()))
