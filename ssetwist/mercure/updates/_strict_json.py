"""
Strict JSON (RFC 8259): UTF-8, and only the numbers that JSON has.
"""

import json
from typing import Any

#: Maximum number of marks outside of strings: commas, colons and brackets that open.  A text with
#: so many takes a few milliseconds to read, as does a megabyte in one string.
MAX_MARKS = 10_000

#: Maximum number of digits of a whole number, with its sign: as many as the largest float has.
#: Reading a number takes time in proportion to the square of its length.
MAX_DIGITS = 310


def read_object(text: bytes, name: str) -> dict[str, Any]:  # any JSON values
    """
    Read a JSON object.

    :param name: The subject of an error message, such as ``the update``.
    :raises ValueError: If it is not one, or has more than 10,000 commas, colons and brackets.  The
        message does not repeat its content.
    """
    if _marks(text) > MAX_MARKS and _marks(_without_strings(text)) > MAX_MARKS:
        raise ValueError(
            f"{name} has more than {MAX_MARKS} commas, colons and brackets outside of strings"
        )
    try:
        # Decoded here, because json would also take UTF-16 and UTF-32.
        value = json.loads(text.decode(), parse_int=_read_int, parse_constant=_refuse_constant)
    except UnicodeDecodeError as problem:
        raise ValueError(f"{name} is not UTF-8 at byte {problem.start}") from None
    except json.JSONDecodeError as problem:
        place = f"line {problem.lineno}, column {problem.colno}"
        raise ValueError(f"{name} is not JSON: {problem.msg} at {place}") from None
    except ValueError:  # more digits than Python takes, or NaN or an infinity
        raise ValueError(f"{name} has a number that is too long or not in JSON") from None
    except RecursionError:
        raise ValueError(f"{name} is nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError(f"{name} is not a JSON object")
    return value


def _marks(text: bytes) -> int:
    return len(text) - len(text.translate(None, b",:[{"))


def _without_strings(text: bytes) -> bytes:
    """
    Return a text without its strings; or with some of what is in them, if it is not JSON or has too
    many.
    """
    text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    return b"".join(text.split(b'"', 4 * MAX_MARKS)[::2])


def _read_int(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError("too long")
    return int(digits)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")  # without this, json reads NaN and the infinities
