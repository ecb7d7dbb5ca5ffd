"""
Options that ``publish`` and ``subscribe`` share.  The token itself is never an argument.
"""

import string
from argparse import ArgumentParser
from collections.abc import Callable

from ..client.mercure import check_token, check_url
from ..mercure.tokens import MAX_TOKEN, read_secret


def add_token(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--token",
        metavar="SOURCE",
        help="the place of the token: env:NAME for an environment variable, file:PATH or a path "
        "for a file, which is read again before each request; never the token itself, which "
        "everybody could see in the list of processes",
    )


def url_of(url: str) -> str:
    """
    Return the URL of a request.

    :raises ValueError: If the text is not a URL; the message names the argument.
    """
    try:
        return check_url(url)
    except ValueError as problem:
        raise ValueError(f"URL: {problem}") from None


def token_of(source: str | None) -> Callable[[], str] | None:
    """
    Return a function that reads the token.

    :raises ValueError: If the token cannot be read now, or the text cannot be a token.
    """
    if source is None:
        return None

    def read() -> str:
        try:
            text = read_secret(source, max_bytes=MAX_TOKEN + 2).decode("latin-1")
            return check_token(text.strip(string.whitespace))
        except ValueError as problem:
            said = str(problem).replace("the key", "the token").replace("a key", "a token")
            raise ValueError(f"--token: {said}") from None

    read()
    return read


def positive(text: str) -> int:
    """
    Parse a whole number that is 1 or more, for argparse.
    """
    number = int(text)
    if number < 1:
        raise ValueError
    return number
