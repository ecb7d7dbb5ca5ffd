"""
Strict JSON (RFC 8259): UTF-8, and only the numbers that JSON has.
"""

import json
from typing import Any


def read_object(text: bytes, name: str) -> dict[str, Any]:  # any JSON values
    """
    Read a JSON object.

    :param name: The subject of an error message, such as ``the update``.
    :raises ValueError: If it is not one.  The message does not repeat its content.
    """
    try:
        # Decoded here, because json would also take UTF-16 and UTF-32.
        value = json.loads(text.decode(), parse_constant=_refuse_constant)
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


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")  # without this, json reads NaN and the infinities
