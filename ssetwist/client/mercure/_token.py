"""
The token that a client shows a hub.  It is sent in the ``Authorization`` header, never in a URL.
Errors, ``repr`` and logs never contain it.
"""

import re
from collections.abc import Awaitable, Callable

from twisted.internet.defer import Deferred

from ..http import BEARER_TOKEN, Exchanges

#: A token, or a function that returns one before each attempt, so that it is never too old.
TokenSource = str | Callable[[], str | Awaitable[str]]


class Bearer:
    """
    The credentials of a client, perhaps without a token.
    """

    __slots__ = ("_token",)

    def __init__(self, token: TokenSource | None) -> None:
        """
        Take a token, or a function that returns one.

        :raises ValueError: If the text cannot be a token.
        """
        self._token = token if token is None or callable(token) else check_token(token)

    async def headers(self) -> dict[str, str]:
        """
        Return the header that shows the token, if there is one.

        :raises ValueError: If the function returned a text that cannot be a token.
        """
        token = self._token
        if token is None:
            return {}
        if callable(token):
            given = token()
            token = check_token(given if isinstance(given, str) else await given)
        return {"Authorization": f"Bearer {token}"}

    def headers_for(self, exchanges: Exchanges) -> Deferred[dict[str, str]]:
        """
        Return the header for a request.

        :returns: A Deferred that fails as :meth:`headers` does, and with :class:`NoAnswer` if the
            function takes longer than an answer may take.
        """
        late = "the function for the token has not answered"
        return exchanges.in_time(self.headers(), late)


def check_token(token: str) -> str:
    """
    Check that a text can be a token, and return it.

    :raises ValueError: If it cannot; the message does not repeat it.
    """
    if not isinstance(token, str):
        raise TypeError(f"the token must be str, not {type(token).__name__}")
    if not token:
        raise ValueError("the token is empty")
    if token.lower().startswith("bearer "):
        raise ValueError("give the token without 'Bearer' before it")
    if not re.fullmatch(BEARER_TOKEN, token):
        raise ValueError(
            "the token has characters that tokens cannot have, such as a line break or a space"
        )
    return token
