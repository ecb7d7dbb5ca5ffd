"""
The pages of ``docs/design/``: each step is really called, in the order of the page.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.unit.design.draw_states import PAGE as STATES
from tests.unit.design.journeys import Journeys
from tests.unit.design.trace import ROOT, Call, files_of, jumps_of

PAGES = Path(__file__).parents[3] / "docs" / "design"

#: A numbered step, which begins with a file and a function in it.
_STEP = re.compile(r"^(\d+)\. ``([\w/]+\.py): ([\w.]+)``", re.MULTILINE)

#: The list of other files and folders that a journey passes through.
_PASSES = re.compile(r"^Passes through: (.*?)\.$", re.MULTILINE | re.DOTALL)

#: Lines of a screen, and characters of a line.
SCREEN = (45, 100)

#: The most files that each journey enters, and changes from one file to another, as this tracer
#: counts them.  Before the package was divided into rooms there were 43 and 97, 15 and 21, 20 and
#: 63, 43 and 132; rooms made a reader's way shorter.  Since then the server checks the rights that
#: an application answers with, and its time; bounds the time of a log; keeps announcements apart;
#: lets requests, patterns and updates wait for each other; and prepares an event before it is
#: published.  If a journey needs more than these numbers, one of its steps is in the wrong place.
LIMITS = {
    "post-to-socket": (46, 114),
    "close-to-freed": (15, 21),
    "coming-back, client": (20, 63),
    "coming-back, server": (49, 153),
}


class PagesTests(Journeys):
    """
    Each page, compared with the calls of its journey.
    """

    def check(self, name: str, calls: Sequence[Call]) -> None:
        """
        Check the steps of a page, and that the page names every file that is entered.
        """
        text = (PAGES / f"{name}.rst").read_text()
        steps = [(int(number), Call(*call)) for number, *call in _STEP.findall(text)]
        self.assertEqual(list(range(1, len(steps) + 1)), [number for number, _ in steps])
        left = iter(calls)
        for number, step in steps:
            made = step in left  # this takes calls from the iterator until it finds the step
            self.assertTrue(made, f"step {number} of {name} is not called there: {step}")
        found = _PASSES.search(text)
        assert found is not None, f"{name} has no list of what it passes through"
        passed = re.findall(r"``(.+?)``", found[1])
        named = {step.file for _, step in steps}
        for file in files_of(calls):
            is_named = file in named or any(_covers(one, file) for one in passed)
            self.assertTrue(is_named, f"{name} enters {file}, and does not name it")
        for one in passed:
            is_entered = any(_covers(one, file) for file in files_of(calls))
            self.assertTrue(is_entered, f"{name} does not pass through {one}")

    def test_post_to_socket(self) -> None:
        """
        A publication goes from its connection to a subscriber's socket as the page says.
        """
        self.check("post-to-socket", self.post_to_socket())

    def test_close_to_freed(self) -> None:
        """
        A lost connection frees everything in the order of the page.
        """
        self.check("close-to-freed", self.close_to_freed())

    def test_coming_back(self) -> None:
        """
        A client comes back, and its server answers, as the page says.
        """
        asking, answering, hearing = self.coming_back()
        self.check("coming-back", [*asking, *answering, *hearing])

    def test_shorter_ways(self) -> None:
        """
        A journey enters few files, and does not often change from one file to another.
        """
        asking, answering, hearing = self.coming_back()
        for name, calls in (
            ("post-to-socket", self.post_to_socket()),
            ("close-to-freed", self.close_to_freed()),
            ("coming-back, client", asking + hearing),
            ("coming-back, server", answering),
        ):
            found = len(files_of(calls)), jumps_of(calls)
            files, jumps = LIMITS[name]
            self.assertLessEqual(found[0], files, (name, found))
            self.assertLessEqual(found[1], jumps, (name, found))

    def test_one_screen(self) -> None:
        """
        A page has one drawing, and fits on a screen.
        """
        pages = sorted(page for page in PAGES.glob("*.rst") if page != STATES)
        self.assertEqual(
            ["close-to-freed", "coming-back", "post-to-socket"], [p.stem for p in pages]
        )
        for page in pages:
            lines = page.read_text().splitlines()
            self.assertEqual(1, lines.count("::"), page.name)
            self.assertLessEqual(len(lines), SCREEN[0], page.name)
            self.assertLessEqual(max(map(len, lines)), SCREEN[1], page.name)

    def test_files_are_there(self) -> None:
        """
        Every name on a page that looks like a file or a folder of the package is one, even in the
        drawings.
        """
        for page in PAGES.glob("*.rst"):
            for name in _names_in(page.read_text()):
                self.assertTrue((ROOT / name).exists(), f"{page.name} names {name}")


def _covers(named: str, file: str) -> bool:
    return file == named or (named.endswith("/") and file.startswith(named))


def _names_in(text: str) -> Iterator[str]:
    yield from re.findall(r"[a-z_0-9/]+\.py\b", text)
    yield from re.findall(r"(?<![\w/])[a-z/]+/(?=[\s,`])", text)
