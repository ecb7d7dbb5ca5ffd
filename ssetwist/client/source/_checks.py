"""
Checks of what an event source is told.  Each attempt would fail of these mistakes, and be made
again for ever.
"""

from ..http import normalized, type_of


def check_times(**times: float) -> None:
    """
    Check seconds, by the names of their options.

    :raises ValueError: If one is not more than 0.
    """
    for name, seconds in times.items():
        if not seconds > 0:
            raise ValueError(f"{name} must be a number of seconds, more than 0")


def check_body(body: object) -> None:
    """
    Check the body of a request.

    :raises TypeError: If it is text, say.
    """
    if not isinstance(body, bytes | None):
        raise TypeError(f"body must be bytes, not {type_of(body)}")


def checked_url(url: str) -> str:
    """
    Return the URL of an event source, as browsers write it.

    :raises ValueError: If it is not one of http or https, or has a password in it.
    """
    try:
        return normalized(url)
    except ValueError as problem:
        raise ValueError(f"the URL cannot be an event source's: {problem}") from None
