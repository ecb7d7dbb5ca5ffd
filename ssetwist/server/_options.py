"""
Options, each declared once: by the field of a dataclass that a function of this file makes.

The check of a value, the option of ``twistd ssetwist``, its help, and its line in the docstring of
the class all follow from that field.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import Field, dataclass, field, fields
from enum import Enum
from inspect import cleandoc, signature
from math import inf
from typing import Any, TypeVar

from ..errors import InvalidOption

_T = TypeVar("_T")

#: The longest time that an option may have, in seconds.
_DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Option:
    """
    Metadata of a field.  The functions raise a ``ValueError`` that does not name the option.

    :ivar help: A description that names the unit, without the default.
    :ivar check: Checks a value that is not the default.
    :ivar read: Reads the text of a command line; ``None`` for a flag.
    :ivar is_repeatable: True if a command line gives one part of a tuple at a time.
    """

    help: str
    check: Callable[[Any], object]  # callers in Python may pass anything
    read: Callable[[str], object] | None = str
    is_repeatable: bool = False

    def by_default(self, default: _T) -> _T:
        return field(default=default, metadata={"option": self})


def decimal(
    default: _T,
    help: str,
    *,
    unit: str = "seconds",
    least: float = 0.0,
    most: float = _DAY,
    may_be_0: bool = True,
) -> _T:
    """
    Declare a decimal number, by default a time of at most a day.

    :param help: A description that follows the unit.
    :param least: The least number, apart from 0.
    """
    zero = "0, or " if may_be_0 and least else ""
    pattern = r"[0-9]{1,9}(\.[0-9]{0,9})?|\.[0-9]{1,9}"
    read = _reader(float, pattern, f"number of {unit}, such as 2.5")
    check = _within(least, most, zero, f" {unit}")
    return Option(f"{unit} {help}", check, read).by_default(default)


def number(default: int, help: str, *, least: int = 0, most: float = inf) -> int:
    """
    Declare a whole number.
    """
    read = _reader(int, "[0-9]{1,9}", "whole number from 0 to 999999999")
    within = _within(least, most)

    def check(value: object) -> None:
        if isinstance(value, float):
            raise TypeError(f"must be a whole number, not {value!r}")
        within(value)

    return Option(help, check, read).by_default(default)


def choice(default: _T, help: str) -> _T:
    """
    Declare a member of an enum, which may also be given by its value.
    """
    kind: Any = type(default)  # a TypeVar cannot say that an enum is iterable

    def check(value: object) -> None:
        if value not in (*kind, *(known := [one.value for one in kind])):
            raise ValueError(f"{value!r} is not one of {', '.join(known)}")

    return Option(help, check).by_default(default)


def text(default: str, help: str, check: Callable[[str], object]) -> str:
    """
    Declare a text.  A command line cannot make it empty if it is empty by default.

    :param check: Raises a ``ValueError`` if the text is wrong.
    """
    return Option(help, check).by_default(default)


def texts(
    default: Sequence[str],
    help: str,
    check: Callable[[Sequence[str]], object] = tuple,
    read: Callable[[str], str] = str,
) -> Sequence[str]:
    """
    Declare a sequence of texts.  A command line repeats the option for each text.

    :param check: Raises a ``ValueError`` if the texts are wrong.
    """

    def check_all(values: Sequence[str]) -> None:
        if isinstance(values, str) or (default and not values):
            raise ValueError("it must be one or more texts, in a tuple or a list")
        check(values)

    return Option(help, check_all, read, is_repeatable=True).by_default(default)


def flag(help: str) -> bool:
    """
    Declare a flag, which is false by default.
    """

    def check(value: object) -> None:
        # Values of the environment are text, and "false" would count as true.
        if not isinstance(value, bool):
            raise TypeError(f"must be True or False, not {value!r}")

    return Option(help, check, None).by_default(False)


def options_of(config: Any) -> Iterator[tuple["Field[Any]", Option]]:  # as fields() takes it
    """
    Yield the fields of a dataclass, or of an instance, that are options.
    """
    return ((one, one.metadata["option"]) for one in fields(config) if "option" in one.metadata)


def documented(config: type[_T]) -> type[_T]:
    """
    Add a line for each option to the docstring of a dataclass.
    """
    helps = [(one.name, described(one)) for one, _ in options_of(config)]
    lines = [f":ivar {name}: {help[0].upper()}{help[1:]}." for name, help in helps]
    config.__doc__ = "\n".join([cleandoc(config.__doc__ or ""), *lines])
    return config


def described(option: "Field[Any]") -> str:
    """
    Return the help of an option, with its default unless that is empty or false.
    """
    default = option.default
    if isinstance(default, tuple):
        default = ", ".join(default)
    elif isinstance(default, Enum | float):
        default = default.value if isinstance(default, Enum) else f"{default:g}"
    is_telling = default not in (None, "") and default is not False
    return f"{option.metadata['option'].help}{f' [default: {default}]' if is_telling else ''}"


def read_options(config: type, given: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """
    Read the options of a command line.

    :param given: The texts of each option that is given, by its name in Python.
    :returns: Arguments for the class, by the names of its fields.
    :raises InvalidOption: If a text cannot be read.
    """
    values: dict[str, Any] = {}
    for one, option in options_of(config):
        texts = given.get(one.name, ())
        if one.default == "" and "" in texts:
            raise InvalidOption(one.name, "it is empty")
        try:
            read = [option.read(text) if option.read else True for text in texts]
        except ValueError as problem:
            raise InvalidOption(one.name, str(problem)) from None
        if read:
            values[one.name] = tuple(read) if option.is_repeatable else read[-1]
    return values


def check_options(config: object) -> None:
    """
    Check the options of a frozen dataclass, and replace values of an enum by its members.

    :raises InvalidOption: If a value makes no sense.
    :raises TypeError: If a value has the wrong type.
    """
    for one, option in options_of(config):
        value = getattr(config, one.name)
        # False and 0.0 are equal to 0, but not whole numbers.
        if type(value) is type(one.default) and value == one.default:
            continue
        try:
            option.check(value)
        except InvalidOption:
            raise
        except ValueError as problem:
            raise InvalidOption(one.name, str(problem)) from None
        except TypeError as problem:
            raise TypeError(f"{one.name} {problem}") from None
        if isinstance(one.default, Enum):
            object.__setattr__(config, one.name, type(one.default)(value))


def call_with_options(
    call: Callable[..., _T], config: object, *arguments: object, **others: object
) -> _T:
    """
    Call a class with each option that has the name of one of its parameters.

    :param others: Arguments that are not options, or that replace one.
    """
    same = signature(call).parameters.keys() & {one.name for one, _ in options_of(config)}
    return call(*arguments, **{name: getattr(config, name) for name in same} | others)


def _reader(kind: Callable[[str], _T], pattern: str, name: str) -> Callable[[str], _T]:
    def read(text: str) -> _T:
        # int and float alone also take digits of other scripts, underscores and "inf".
        if not re.fullmatch(pattern, text):
            raise ValueError(f"{text!r} is not a {name}")
        return kind(text)

    return read


def _within(least: float, most: float, zero: str = "", unit: str = "") -> Callable[[object], None]:
    """
    Return the check of a number.

    :param zero: Words for a 0 that is allowed below the least; empty if it is not.
    """
    bounds = f"{least:g} or more" if most == inf else f"from {least:g} to {most:g}"

    def check(value: object) -> None:
        # Values of the environment are text, and easily passed on without a conversion.
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise TypeError(f"must be a number, not {value!r}")
        if not (least <= value <= most and value < inf) and not (zero and value == 0):
            shown = f"{value:g}" if isinstance(value, float) else value
            raise ValueError(f"{shown} is not {zero}{bounds}{unit}")

    return check
