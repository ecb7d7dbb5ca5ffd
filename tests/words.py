"""
Count the words of docstrings, comments, messages and pages: a measure of plain English.

``python -m tests.words [PATH ...]`` prints how often hard forms occur per 10,000 words, and each
first line that begins with an empty word.  Without a path it reads the package.
"""

import ast
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "ssetwist"

#: Forms that make a sentence hard to read, and how often 10,000 words may have each.  Python's
#: ``None`` and names such as If-None-Match are not meant.
FORMS = {
    "who, whom, whose": (re.compile(r"\b(?:who|whom|whose|whoever)\b", re.IGNORECASE), 8),
    "is no, has no, none": (
        re.compile(
            r"(?i:\b(?:is|has) no\b)|(?<![-'])\b(?:none\b(?![-'])|None(?= (?:of|is|are|has)\b))"
        ),
        10,
    ),
    "of it, of which": (re.compile(r"\bof (?:it|which)\b", re.IGNORECASE), 8),
}

#: Words that tell a reader nothing about the subject of a docstring or a comment.
EMPTY_BEGINNING = re.compile(r"(?:What|Who|Whoever|How|Where|Whether|It|Those)\b")

#: A string, or a comment on lines of its own or at the end of one.  To tokenize takes far longer.
_STRING_OR_COMMENT = re.compile(
    r"""(?P<quote>\"{3}|'{3}|"|')(?:\\.|[^\\])*?(?P=quote)"""
    r"""|^[ \t]*(?P<lines>\#[^\n]*(?:\n[ \t]*\#[^\n]*)*)|(?P<rest>\#[^\n]*)""",
    re.DOTALL | re.MULTILINE,
)

#: A string that begins a file, or follows the head of a class or a function.  A syntax tree of each
#: file takes far longer.
_DOCSTRING = re.compile(r"""(?:\A|:(?: *\#[^\n]*)?\n)[ \t]*r?"{3}(.*?)"{3}""", re.DOTALL)

#: Code inside of prose, in reStructuredText.
_LITERAL = re.compile(r"``.*?``|:[a-z:]+:`.*?`", re.DOTALL)

#: A line of reStructuredText that begins a block without prose: code, an image or a comment.
_BLOCK = re.compile(r"( *)(?:\.\. (?!list-table)|(?!\.\. ).*::$)")

#: A line of reStructuredText without words of its own: a directive or an option of a directive.
_MARKUP = re.compile(r" *(?:\.\. |:[a-z-]+:)")

_WORD = re.compile(r"[A-Za-z][A-Za-z'-]*")


class Text(NamedTuple):
    """
    A piece of prose.

    :ivar line: Number of the line that it begins at.
    """

    line: int
    text: str


Reader = Callable[[Path], Iterable[Text]]


def docstrings(path: Path) -> Iterator[Text]:
    """
    Yield each docstring of a Python file.
    """
    source = path.read_text()
    for found in _DOCSTRING.finditer(source):
        yield Text(source.count("\n", 0, found.start(1)) + 1, inspect.cleandoc(found[1]))


def comments(path: Path) -> Iterator[Text]:
    """
    Yield each comment of a Python file; comment lines that follow each other are one.
    """
    source = path.read_text()
    for found in _STRING_OR_COMMENT.finditer(source):
        if comment := found["lines"] or found["rest"]:
            lines = (line.lstrip(" \t#:") for line in comment.splitlines())
            yield Text(
                source.count("\n", 0, found.end()) - comment.count("\n") + 1, "\n".join(lines)
            )


def messages(path: Path) -> Iterator[Text]:
    """
    Yield each string with a blank in it: errors, lines of the log, help of options.

    Docstrings and annotations are left out.
    """
    for node in _strings(ast.parse(path.read_text())):
        parts = node.values if isinstance(node, ast.JoinedStr) else [node]
        text = "".join(str(one.value) if isinstance(one, ast.Constant) else "{}" for one in parts)
        if " " in text:
            yield Text(node.lineno, text)


def page(path: Path) -> str:
    """
    Return the prose of a page in reStructuredText, without its blocks of code and its directives.
    """
    kept: list[str] = []
    margin: int | None = None  # of the block that is left out
    for line in path.read_text().splitlines():
        indent = len(line) - len(line.lstrip())
        if margin is not None and line.strip() and indent <= margin:
            margin = None
        if margin is None and not _MARKUP.match(line):
            kept.append(line)
        if margin is None and (found := _BLOCK.match(line)):
            margin = len(found[1])
    return _without_literals("\n".join(kept))


def empty_beginnings(paths: Iterable[Path]) -> list[str]:
    """
    Return the first line of each docstring and comment that begins with an empty word.
    """
    return [
        f"{path}:{line}: {text.splitlines()[0]}"
        for path in paths
        for read in (docstrings, comments)
        for line, text in read(path)
        if EMPTY_BEGINNING.match(text)
    ]


def prose_of(paths: Iterable[Path], *readers: Reader) -> str:
    """
    Return the text that some readers find in Python files, without literals and references.
    """
    texts = [text for path in paths for read in readers for _, text in read(path)]
    return _without_literals("\n".join(texts))


def frequencies(prose: str) -> dict[str, float]:
    """
    Return how often each form occurs in 10,000 words.
    """
    words = len(_WORD.findall(prose))
    line = " ".join(prose.split())  # a form may be cut by the end of a line
    return {
        name: 10_000 * len(form.findall(line)) / words if words else 0.0
        for name, (form, _) in FORMS.items()
    }


def too_frequent(prose: str) -> dict[str, float]:
    """
    Return the forms that occur more often than they may, and how often.
    """
    return {name: often for name, often in frequencies(prose).items() if often > FORMS[name][1]}


def python_files(*roots: Path) -> list[Path]:
    """
    Return the Python files in some folders; a path of a file returns this file.
    """
    return [
        path
        for root in roots
        for path in ([root] if root.is_file() else sorted(root.rglob("*.py")))
    ]


def main(arguments: list[str]) -> None:
    """
    Print the words of some files and folders.
    """
    roots = [Path(one).resolve() for one in arguments] or [PACKAGE]
    pages = [root for root in roots if root.suffix == ".rst"]
    paths = python_files(*(root for root in roots if root not in pages))
    prose = [
        prose_of(paths, docstrings, comments),
        prose_of([path for path in paths if path.is_relative_to(PACKAGE)], messages),
        *(page(root) for root in pages),
    ]
    for name, frequency in frequencies("\n".join(prose)).items():
        print(f"{frequency:6.1f}  {name} (at most {FORMS[name][1]})")
    for place in empty_beginnings(paths):
        print(place.removeprefix(f"{ROOT}/"))


def _strings(node: ast.AST) -> Iterator[ast.JoinedStr | ast.Constant]:
    is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
    if is_text or isinstance(node, ast.JoinedStr):
        yield node
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns"):
            continue
        for child in value if isinstance(value, list) else [value]:
            is_alone = isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)
            is_part = isinstance(node, ast.JoinedStr) and isinstance(child, ast.Constant)
            if isinstance(child, ast.AST) and not is_alone and not is_part:
                yield from _strings(child)


def _without_literals(text: str) -> str:
    return _LITERAL.sub(" ", text)


if __name__ == "__main__":
    main(sys.argv[1:])
