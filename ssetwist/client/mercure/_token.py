"""
The token that a hub is shown.  It goes into the ``Authorization`` header, never into a URL, and
nothing that is written anywhere has it: no error, no ``repr``, no log.
"""

from collections.abc import Awaitable, Callable

from ..http import can_be_token

#: A token, or what is asked for one before each attempt, so that it is never too old.
TokenSource = str | Callable[[], str | Awaitable[str]]


class Bearer:
    """
    Somebody who may have a token.
    """

    __slots__ = ("_token",)

    def __init__(self, token: TokenSource | None) -> None:
        """
        :raises ValueError: If it can be no token.
        """
        self._token = token if token is None or callable(token) else check_token(token)

    async def headers(self) -> dict[str, str]:
        """
        Return what shows the token.

        :raises ValueError: If what was asked for it returns what can be none.
        """
        token = self._token
        if token is None:
            return {}
        if callable(token):
            given = token()
            token = check_token(given if isinstance(given, str) else await given)
        return {"Authorization": f"Bearer {token}"}


def check_token(token: str) -> str:
    """
    Return a token that can be one.

    :raises ValueError: If it cannot; it is not repeated.
    """
    if not isinstance(token, str):
        raise TypeError(f"the token must be str, not {type(token).__name__}")
    if not token:
        raise ValueError("the token is empty")
    if token.lower().startswith("bearer "):
        raise ValueError("the token is to be given without 'Bearer' before it")
    if not can_be_token(token):
        raise ValueError(
            "the token has characters that no token has, such as a line break or a blank"
        )
    return token
