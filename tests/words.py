"""
Words of docstrings and comments, counted: the measure of how plain the English is.

``python -m tests.words [PATH ...]`` prints how often, per 10,000 words, the forms occur that make a
sentence hard to read, and every first line that begins with a word that says nothing.
"""

import ast
import re
import sys
import tokenize
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent

#: Forms that plain English does without, and how often 10,000 words may have them.
FORMS = {
    "who, whom, whose": (re.compile(r"\b(?:who|whom|whose|whoever)\b", re.IGNORECASE), 8),
    "is no, has no, none": (re.compile(r"\b(?:is no|has no|none)\b(?!`)", re.IGNORECASE), 10),
    "of it, of which": (re.compile(r"\bof (?:it|which)\b", re.IGNORECASE), 8),
}

#: Words that tell a reader nothing about the thing that a docstring is about.
EMPTY_BEGINNING = re.compile(r"(?:What|Who|Whoever|How|Where|Whether|It|Those)\b")

_LITERAL = re.compile(r"``.*?``|:[a-z:]+:`.*?`", re.DOTALL)
_WORD = re.compile(r"[A-Za-z][A-Za-z'-]*")


def docstrings(path: Path) -> Iterator[tuple[int, str]]:
    """
    Yield each docstring of a file, with the number of its first line.
    """
    documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, documented) and (text := ast.get_docstring(node)) is not None:
            yield node.body[0].lineno, text


def comments(path: Path) -> Iterator[tuple[int, str]]:
    """
    Yield each comment of a file, with the number of its line.
    """
    with path.open("rb") as file:
        for token in tokenize.tokenize(file.readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string.lstrip("#: ")


def first_lines(path: Path) -> Iterator[tuple[int, str]]:
    """
    Yield the line that each docstring, and each group of comment lines, begins with.
    """
    for line, text in docstrings(path):
        yield line, text.partition("\n")[0]
    last = -1
    for line, text in comments(path):
        if line != last + 1:
            yield line, text
        last = line


def empty_beginnings(paths: Iterable[Path]) -> list[str]:
    """
    Return the first lines that begin with an empty word, each with its place.
    """
    return [
        f"{path.relative_to(ROOT)}:{line}: {text}"
        for path in paths
        for line, text in first_lines(path)
        if EMPTY_BEGINNING.match(text)
    ]


def prose_of(paths: Iterable[Path]) -> str:
    """
    Return all docstrings and comments of some files, without literals and references.
    """
    texts = [text for path in paths for read in (docstrings, comments) for _, text in read(path)]
    return _LITERAL.sub(" ", "\n".join(texts))


def frequencies(prose: str) -> dict[str, float]:
    """
    Return how often each form occurs in 10,000 words.
    """
    words = len(_WORD.findall(prose))
    return {
        name: 10_000 * len(form.findall(prose)) / words if words else 0.0
        for name, (form, _) in FORMS.items()
    }


def python_files(*roots: Path) -> list[Path]:
    """
    Return the Python files below some folders, and those that are named themselves.
    """
    return [
        path
        for root in roots
        for path in ([root] if root.is_file() else sorted(root.rglob("*.py")))
    ]


def main(arguments: list[str]) -> None:
    """
    Print the words of some files and folders; of the package, if none is named.
    """
    paths = python_files(*(Path(one).resolve() for one in arguments or [ROOT / "ssetwist"]))
    for name, frequency in frequencies(prose_of(paths)).items():
        print(f"{frequency:6.1f}  {name} (at most {FORMS[name][1]})")
    for line in empty_beginnings(paths):
        print(line)


if __name__ == "__main__":
    main(sys.argv[1:])
