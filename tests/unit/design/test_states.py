"""
State machines: ``docs/design/states.rst`` draws the machines of the code.
"""

from enum import Enum

from twisted.trial.unittest import SynchronousTestCase

from tests.unit.design.draw_states import PAGE, WIDTH, Machine, draw, machine_in, machines, page


class Door(Enum):
    OPEN = "One can walk through."
    CLOSED = (
        "One can open it again, unless it is locked, and then one also needs the right key to it."
    )
    LOCKED = "One needs a key."
    BROKEN = "It stays as it is."


TABLE = {
    Door.OPEN: (Door.CLOSED, Door.BROKEN),
    Door.CLOSED: (Door.OPEN, Door.CLOSED, Door.LOCKED),
    Door.LOCKED: (Door.CLOSED,),
    Door.BROKEN: (),
}

DRAWING = """\
OPEN     o <-+       One can walk through.
CLOSED <-+ <-o <-+   One can open it again, unless it is locked, and then one also needs the
         |   |   |   right key to it.
LOCKED   | <-+   o   One needs a key.
BROKEN <-+           It stays as it is."""


class DrawingTests(SynchronousTestCase):
    """
    The drawing of one machine.
    """

    def test_drawing(self) -> None:
        """
        Lines lead from each state, up and down, to the states that may follow.
        """
        self.assertEqual(DRAWING, draw(Machine.of_table("door.py", TABLE)))

    def test_enum(self) -> None:
        """
        A state has its name and its sentence from the Enum, and its followers from the table.
        """
        machine = Machine.of_table("door.py", TABLE)
        self.assertEqual(["OPEN", "CLOSED", "LOCKED", "BROKEN"], list(machine.meanings))
        self.assertEqual("One needs a key.", machine.meanings["LOCKED"])
        self.assertEqual({"CLOSED", "BROKEN"}, machine.following["OPEN"])

    def test_automat(self) -> None:
        """
        The drawing of an Automat machine begins with its first state and ends with the state that
        nothing follows.
        """
        machine = machine_in("client/source/_states.py")
        assert machine is not None
        names = list(machine.meanings)
        self.assertEqual(("new", "closed"), (names[0], names[-1]))
        self.assertEqual(set(), machine.following["closed"])
        self.assertIn("closed", machine.following["open"])
        self.assertRegex(machine.meanings["open"], r"\w+ -> closed")

    def test_no_machine(self) -> None:
        """
        A file without a table of states has no machine.
        """
        self.assertIsNone(machine_in("matching/_matchers.py"))


class PageTests(SynchronousTestCase):
    """
    The page.
    """

    def test_page(self) -> None:
        """
        The page is the drawing of the code.
        """
        advice = "run python -m tests.unit.design.draw_states"
        self.assertEqual(page(machines()), PAGE.read_text(), advice)

    def test_width(self) -> None:
        """
        No line of the page is longer than a line of code.
        """
        self.assertLessEqual(max(map(len, PAGE.read_text().splitlines())), WIDTH)

    def test_machines(self) -> None:
        """
        Each state of each machine can be reached from the first one, and leads to known states.
        """
        for machine in machines():
            states = list(machine.meanings)
            self.assertEqual(set(states), set(machine.following), machine.file)
            reached = [states[0]]
            for state in reached:
                reached.extend(machine.following[state] - set(reached))
            self.assertEqual(set(states), set(reached), machine.file)
