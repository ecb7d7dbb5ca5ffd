"""
Options that are declared once: their checks, their texts, their help and their way to a class.
"""

from dataclasses import dataclass, field
from enum import Enum
from math import inf, nan

from twisted.trial.unittest import SynchronousTestCase

from ssetwist import InvalidOption
from ssetwist.server import _options as option


class Fruit(Enum):
    """
    Values to choose from.
    """

    APPLE = "apple"
    PEAR = "pear"


def no_colon(text: object) -> None:
    """
    Refuse texts with a colon.
    """
    if ":" in str(text):
        raise ValueError("it must not have a colon")


@option.documented
@dataclass(frozen=True, slots=True)
class Basket:
    """
    A basket.
    """

    age: float = option.decimal(1.5, "that it is old", least=0.5)
    delay: float | None = option.decimal(None, "of delay", least=1.0, may_be_0=False)
    max_rate: float = option.decimal(0.0, "on average", unit="apples a second", most=inf)
    max_weight: int = option.number(5, "kilograms", least=1, most=1000)
    count: int = option.number(0, "pieces; 0 for no limit")
    fruit: Fruit = option.choice(Fruit.PEAR, "the fruit: apple or pear")  # noqa: RUF009
    name: str = option.text("basket", "the name", no_colon)
    owner: str = option.text("", "the owner", no_colon)
    notes: tuple[str, ...] = option.texts((), "a note; repeatable", no_colon)
    places: tuple[str, ...] = option.texts(("here", "there"), "a place; repeatable")
    is_red: bool = option.flag("be red")
    handle: object = field(default=None)

    def __post_init__(self) -> None:
        option.check_options(self)


class CheckTests(SynchronousTestCase):
    """
    Checks of values that Python code gives.
    """

    def test_good(self) -> None:
        """
        A value within its bounds, or that means nothing, never or no limit, is kept as it is.
        """
        for name, values in {
            "age": (0, 0.5, 86400),
            "delay": (None, 1, 86400.0),
            "max_rate": (0, 0.1, 1e9),
            "max_weight": (1, 1000),
            "count": (0, 10**12),
            "name": ("", "other"),
            "notes": ((), ["a"], ("a", "b")),
            "places": (["a"],),
            "is_red": (True,),
        }.items():
            for value in values:
                self.assertEqual(value, getattr(Basket(**{name: value}), name), name)

    def test_wrong(self) -> None:
        """
        A value out of its bounds raises an error with the field, and the problem with the bounds.
        """
        for name, value, problem in (
            ("age", 0.4, "0.4 is not 0, or from 0.5 to 86400 seconds"),
            ("age", nan, "nan is not 0, or from 0.5 to 86400 seconds"),
            ("delay", 0.0, "0 is not from 1 to 86400 seconds"),
            ("max_rate", -1, "-1 is not 0 or more apples a second"),
            ("max_rate", inf, "inf is not 0 or more apples a second"),
            ("max_weight", 10_000_000, "10000000 is not from 1 to 1000"),
            ("count", -1, "-1 is not 0 or more"),
            ("fruit", "plum", "'plum' is not one of apple, pear"),
            ("fruit", [], "[] is not one of apple, pear"),
            ("name", "a:b", "it must not have a colon"),
            ("notes", ["a:b"], "it must not have a colon"),
            ("notes", "a", "it must be one or more texts, in a tuple or a list"),
            ("places", (), "it must be one or more texts, in a tuple or a list"),
        ):
            error = self.assertRaises(InvalidOption, Basket, **{name: value})
            self.assertEqual((name, problem), (error.field, error.problem))
            self.assertEqual(f"{name}: {problem}", str(error))

    def test_text_for_a_number(self) -> None:
        """
        A text in place of a number is an error of type, even if the default is ``None``.
        """
        for name in ("age", "delay", "max_weight"):
            error = self.assertRaises(TypeError, Basket, **{name: "15"})
            self.assertEqual(f"{name} must be a number, not '15'", str(error))

    def test_number_that_is_not_whole(self) -> None:
        """
        A whole number must be an ``int``, even if it is equal to the default: a part of an event,
        or of a thread, does not exist.
        """
        for name, values in (("max_weight", (2.5, 5.0, nan, inf)), ("count", (0.0, 1.5))):
            for value in values:
                error = self.assertRaises(TypeError, Basket, **{name: value})
                self.assertEqual(f"{name} must be a whole number, not {value!r}", str(error))

    def test_boolean_for_a_number(self) -> None:
        """
        True and False are not numbers, although Python counts with them; False is not a 0.
        """
        for name in ("age", "delay", "max_rate", "max_weight", "count"):
            for value in (True, False):
                error = self.assertRaises(TypeError, Basket, **{name: value})
                self.assertEqual(f"{name} must be a number, not {value}", str(error))

    def test_flag_of_another_type(self) -> None:
        """
        A flag is True or False; a text of the environment such as ``"false"`` would count as true.
        """
        for value in ("false", "", 0, 1, None):
            error = self.assertRaises(TypeError, Basket, is_red=value)
            self.assertEqual(f"is_red must be True or False, not {value!r}", str(error))

    def test_choice_by_value(self) -> None:
        """
        A member of an enum may be given by its value, and becomes the member.
        """
        self.assertIs(Fruit.APPLE, Basket(fruit="apple").fruit)


class TextTests(SynchronousTestCase):
    """
    Texts of a command line.
    """

    def test_read(self) -> None:
        """
        Each text becomes a value of the option's type, and texts of a repeatable option a tuple.
        """
        given = {
            "age": [".5"],
            "max_weight": ["7"],
            "fruit": ["apple"],
            "name": [""],
            "notes": ["b", "a"],
            "is_red": [""],
            "another": ["x"],
        }
        values = option.read_options(Basket, given)
        self.assertEqual(
            Basket(0.5, None, 0.0, 7, 0, Fruit.APPLE, "", "", ("b", "a"), is_red=True),
            Basket(**values),
        )

    def test_wrong(self) -> None:
        """
        A text that is not of the option's type raises an error with the field.
        """
        for name, text, problem in (
            ("age", "1e2", "'1e2' is not a number of seconds, such as 2.5"),
            ("max_rate", "x", "'x' is not a number of apples a second, such as 2.5"),
            ("max_weight", "٣", "'٣' is not a whole number from 0 to 999999999"),
            ("max_weight", "1\n", "'1\\n' is not a whole number from 0 to 999999999"),
            ("owner", "", "it is empty"),
        ):
            error = self.assertRaises(InvalidOption, option.read_options, Basket, {name: [text]})
            self.assertEqual((name, problem), (error.field, error.problem))

    def test_error_on_a_command_line(self) -> None:
        """
        The message for a command line has the name of the option as it is typed.
        """
        error = self.assertRaises(InvalidOption, Basket, max_weight=0)
        self.assertEqual("--max-weight: 0 is not from 1 to 1000", error.on_command_line)


class HelpTests(SynchronousTestCase):
    """
    Help and documentation.
    """

    def test_help(self) -> None:
        """
        The help names the unit, and the default unless that is nothing.
        """
        helps = [option.described(one) for one, _ in option.options_of(Basket)]
        self.assertEqual(
            [
                "seconds that it is old [default: 1.5]",
                "seconds of delay",
                "apples a second on average [default: 0]",
                "kilograms [default: 5]",
                "pieces; 0 for no limit [default: 0]",
                "the fruit: apple or pear [default: pear]",
                "the name [default: basket]",
                "the owner",
                "a note; repeatable",
                "a place; repeatable [default: here, there]",
                "be red",
            ],
            helps,
        )

    def test_docstring(self) -> None:
        """
        The docstring of the class has its own text first, then a line for each option.
        """
        lines = (Basket.__doc__ or "").splitlines()
        self.assertEqual(
            ["A basket.", ":ivar age: Seconds that it is old [default: 1.5]."], lines[:2]
        )
        self.assertEqual(1 + 11, len(lines))


class CallTests(SynchronousTestCase):
    """
    Options that are handed on by their names.
    """

    def test_same_names(self) -> None:
        """
        A class gets the options that it has parameters of, and other arguments, which come first.
        """

        def label(text: str, age: float, *, fruit: Fruit, name: str) -> tuple[object, ...]:
            return text, age, fruit, name

        basket = Basket(age=2.0, fruit=Fruit.APPLE, name="mine")
        self.assertEqual(
            ("x", 2.0, Fruit.APPLE, "yours"),
            option.call_with_options(label, basket, "x", name="yours"),
        )
