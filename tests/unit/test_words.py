"""
Words of the project: they stay plain, and the script that counts them counts correctly.
"""

import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.words import (
    PACKAGE,
    ROOT,
    comments,
    docstrings,
    empty_beginnings,
    frequencies,
    messages,
    page,
    prose_of,
    python_files,
    too_frequent,
)

#: Texts that belong together, by their names.
PROSE = {
    "the package": lambda: prose_of(python_files(PACKAGE), docstrings, comments, messages),
    "the tests": lambda: prose_of(python_files(ROOT / "tests"), docstrings, comments),
    "benchmarks and examples": lambda: prose_of(
        python_files(ROOT / "benchmarks", ROOT / "examples", ROOT / ".ci"), docstrings, comments
    ),
    "the pages": lambda: "\n".join(map(page, pages())),
}


def pages() -> list[Path]:
    """
    Return the pages that people read; the changelog is made of the news fragments.
    """
    return [
        ROOT / "README.rst",
        ROOT / "CONTRIBUTING.rst",
        ROOT / "benchmarks" / "README.rst",
        *sorted((ROOT / "docs").rglob("*.rst")),
        *sorted((ROOT / "newsfragments").glob("*.rst")),
    ]


class PlainWordsTests(SynchronousTestCase):
    """
    The words of this project.
    """

    def test_forms(self) -> None:
        """
        Forms that make sentences hard to read are rare in each kind of text.
        """
        often = {name: too_frequent(read()) for name, read in PROSE.items()}
        self.assertEqual({}, {name: forms for name, forms in often.items() if forms})

    def test_beginnings(self) -> None:
        """
        Each docstring and each comment begins with a word that tells something about its subject.
        """
        folders = ("ssetwist", "tests", "benchmarks", "examples", "twisted", ".ci")
        found = empty_beginnings(python_files(*(ROOT / one for one in folders)))
        if found:
            self.fail("\n".join(["these begin with an empty word:", *found]))


class CountingTests(SynchronousTestCase):
    """
    The script that counts.
    """

    def written(self, text: str, name: str = "example.py") -> Path:
        """
        Return the path of a new file.
        """
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = Path(folder.name) / name
        path.write_text(text)
        return path

    def test_forms_are_found(self) -> None:
        """
        Each form is found in any case, even across the end of a line.
        """
        prose = (
            "Whose it is no\nmatter; those of\nwhich it has no idea. None is no good. Who\nknows?"
        )
        self.assertEqual(
            {"who, whom, whose": 2, "is no, has no, none": 4, "of it, of which": 1},
            {name: round(often * 19 / 10_000) for name, often in frequencies(prose).items()},
        )
        self.assertEqual(set(frequencies("")), set(too_frequent(prose)))

    def test_plain_text(self) -> None:
        """
        Words that only contain a form, code and header names are not counted.
        """
        prose = (
            "The whole is not a nonentity; it has nothing of items, 'none', if-none-match, or None."
        )
        self.assertEqual({}, too_frequent(prose))
        self.assertEqual({0.0}, set(frequencies(prose).values()))

    def test_nothing(self) -> None:
        """
        A text without a word has a frequency of 0.
        """
        self.assertEqual({0.0}, set(frequencies("").values()))

    def test_docstrings_and_comments(self) -> None:
        """
        Docstrings of all kinds and comments are counted; literals and references are not.
        """
        path = self.written(
            '"""Module."""\n'
            "class A:\n"
            '    """Class of ``who``, ``None`` and :class:`whose`."""\n'
            "    async def run(self):\n"
            '        """Run."""\n'
            "        return 1  # one: whom?\n"
            "#: First,\n"
            "# second.\n"
            'TEXT = "it is no docstring"\n'
        )
        prose = prose_of([path], docstrings, comments)
        self.assertEqual(
            "Module. Class of , and . Run. one: whom? First, second.", " ".join(prose.split())
        )

    def test_comments_are_joined(self) -> None:
        """
        Comments on lines that follow each other are one, with the number of its first line.
        """
        path = self.written("# One,\n# more.\n\n# Two.\nx = 1\n")
        self.assertEqual([(1, "One,\nmore."), (4, "Two.")], list(comments(path)))

    def test_beginnings_are_found(self) -> None:
        """
        An empty word is found where a docstring or a comment begins, and only there.
        """
        good = self.written('"""\nThing: what it is.\n"""\n# Itself.\n# Who goes on here.\n')
        self.assertEqual([], empty_beginnings([good]))
        bad = self.written('"""\nWhat it is.\n"""\n\n# How,\n# and when.\nx = 1  # Those\n')
        found = [place.partition("example.py:")[2] for place in empty_beginnings([bad])]
        self.assertEqual(["1: What it is.", "5: How,", "7: Those"], found)

    def test_messages(self) -> None:
        """
        A message is a whole string with a blank in it; docstrings and annotations are not messages.
        """
        path = self.written(
            '"""A module."""\n'
            'def check(text: "str | None") -> "int | None":\n'
            '    """Check a text."""\n'
            '    kind = "is" "one word"\n'
            '    raise ValueError(f"{text} is no {kind!r:>5}, or " f"so")\n'
            'names = ["word", "two words"]\n'
        )
        self.assertEqual(
            [(4, "isone word"), (5, "{} is no {}, or so"), (6, "two words")], sorted(messages(path))
        )

    def test_pages(self) -> None:
        """
        The prose of a page is counted with its tables; code, images and markup are not.
        """
        path = self.written(
            "Title\n=====\n\nText of ``who``::\n\n   whose\n\n     whom\n\nMore text.\n\n"
            ".. code-block:: python\n\n   none\n\n.. image:: whom.png\n   :alt: whose\n\n"
            ".. whom:\n\n"
            ".. list-table::\n   :header-rows: 1\n\n   * - Cell\n     - Another.\n\nEnd.\n",
            "page.rst",
        )
        self.assertEqual(
            "Title ===== Text of :: More text. * - Cell - Another. End.",
            " ".join(page(path).split()),
        )
