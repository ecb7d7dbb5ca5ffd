"""
A trace of the functions of ssetwist that run, in the order of their calls.
"""

import ast
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from inspect import CO_COROUTINE, CO_GENERATOR
from itertools import pairwise
from pathlib import Path
from types import CodeType, FrameType
from typing import NamedTuple

import ssetwist

ROOT = Path(ssetwist.__file__).parent

#: Bodies that Python compiles to a function or not, depending on its version.
_COMPREHENSIONS = frozenset(("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"))


class Call(NamedTuple):
    """
    A call of a function.

    :ivar file: Relative to the package, such as ``hub/_hub.py``.
    :ivar function: As written there, such as ``Hub.publish``.
    """

    file: str
    function: str

    def __str__(self) -> str:
        return f"{self.file}: {self.function}"


def files_of(calls: Sequence[Call]) -> list[str]:
    """
    Return the files that were entered, in the order of their first call.
    """
    return list(dict.fromkeys(call.file for call in calls))


def jumps_of(calls: Sequence[Call]) -> int:
    """
    Return how often a call is in another file than the call before it.
    """
    return sum(one.file != other.file for one, other in pairwise(calls))


class Trace:
    """
    Record of calls, including the calls that Twisted makes.  A coroutine counts once, when it
    begins.
    """

    def __init__(self) -> None:
        self._calls: list[Call] = []
        self._begun: set[FrameType] = set()

    @contextmanager
    def recording(self) -> Iterator[list[Call]]:
        """
        Record the calls within a block; afterwards they are in the list.
        """
        calls = self._calls = []
        previous = sys.getprofile()
        sys.setprofile(self._profile)
        try:
            yield calls
        finally:
            sys.setprofile(previous)

    def _profile(self, frame: FrameType, event: str, argument: object) -> None:
        code = frame.f_code
        if event != "call" or code.co_name in _COMPREHENSIONS:
            return
        file = _file_of(code.co_filename)
        if file is None:
            return
        if code.co_flags & (CO_COROUTINE | CO_GENERATOR):
            if frame in self._begun:
                return
            self._begun.add(frame)
        self._calls.append(Call(file, _name_of(code)))


@cache
def _file_of(filename: str) -> str | None:
    path = Path(filename)
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else None


def _name_of(code: CodeType) -> str:
    # Python 3.10 does not know the class of a function.
    found = _functions_of(code.co_filename).get(code.co_firstlineno)
    return found if found is not None and found.endswith(code.co_name) else code.co_name


@cache
def _functions_of(filename: str) -> dict[int, str]:
    """
    Return the functions of a file, each with its class, by the line at which their code begins.
    """
    names: dict[int, str] = {}

    def look(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                begin = min([child.lineno, *(one.lineno for one in child.decorator_list)])
                names[begin] = prefix + child.name
                look(child, f"{prefix}{child.name}.")
            elif isinstance(child, ast.ClassDef):
                look(child, f"{prefix}{child.name}.")
            else:
                look(child, prefix)

    look(ast.parse(Path(filename).read_bytes()), "")
    return names
