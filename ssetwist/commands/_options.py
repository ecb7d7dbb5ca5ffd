"""
What both commands of the client can be told; the token that they show never on the command line.
"""

import string
from argparse import ArgumentParser
from collections.abc import Callable

from ..client.mercure import check_token, check_url
from ..mercure.tokens import MAX_TOKEN, read_secret


def add_token(parser: ArgumentParser) -> None:
    """
    Add the option.
    """
    parser.add_argument(
        "--token",
        metavar="SOURCE",
        help="where the token is: env:NAME for an environment variable, file:PATH or a path for a "
        "file, which is read again before each request; never the token itself, which everybody "
        "could see in the list of processes",
    )


def url_of(url: str) -> str:
    """
    Return a URL as it is asked for.

    :raises ValueError: If it can be none; the text says so of which argument.
    """
    try:
        return check_url(url)
    except ValueError as problem:
        raise ValueError(f"URL: {problem}") from None


def token_of(source: str | None) -> Callable[[], str] | None:
    """
    Return what reads the token.

    :raises ValueError: If there is none now, or what there is can be none.
    """
    if source is None:
        return None

    def read() -> str:
        try:
            text = read_secret(source, max_bytes=MAX_TOKEN + 2)
        except ValueError as problem:
            said = str(problem).replace("the key", "the token").replace("a key", "a token")
            raise ValueError(f"--token: {said}") from None
        token = text.decode("latin-1").strip(string.whitespace)
        try:
            return check_token(token)
        except ValueError as problem:
            raise ValueError(f"--token: {problem}") from None

    read()
    return read


def positive(text: str) -> int:
    """
    Read a whole number that is 1 or more, as argparse wants it.
    """
    number = int(text)
    if number < 1:
        raise ValueError
    return number
