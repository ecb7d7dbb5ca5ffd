"""
Finding the token in a request.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from ...client.http import BEARER_TOKEN
from ...errors import Refused

#: The cookie of the 1.0 dialect (A2).  Browsers accept this name only over HTTPS.
COOKIE = "__Secure-mercure_access_token"

#: The cookie of the 0.x dialect.
LEGACY_COOKIE = "mercureAuthorization"

#: The shortest text that may be a token, in characters.  Every JWT is at least as long.
MIN_TOKEN = 41

#: The name of the scheme, in any case (RFC 9110, 11.1), and a token.
_BEARER = re.compile(f"(?i:bearer) +({BEARER_TOKEN})".encode())

#: A cookie's name (RFC 6265, 4.1.1).
_COOKIE_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")


class CredentialPlace(Enum):
    HEADER = "the Authorization header"
    COOKIE = "a cookie"
    QUERY = "the URL"


@dataclass(frozen=True, slots=True)
class Credential:
    """
    A token as the request has it, not checked in any way.
    """

    token: str = field(repr=False)
    place: CredentialPlace


def credential_of(
    *,
    authorization: Sequence[bytes],
    cookies: Sequence[bytes],
    query: Sequence[str] = (),
    cookie_names: Sequence[str] = (COOKIE,),
) -> Credential | None:
    """
    Find the token of a request: in the header, or else (0.x only) in the URL, or else in a cookie.
    The first place with one hides the others, even if that token is bad (A3).

    :param authorization: The values of all ``Authorization`` fields.
    :param cookies: The values of all ``Cookie`` fields.
    :param query: The values of all ``authorization`` parameters of the URL; empty if only 1.0 is
        spoken.
    :param cookie_names: The names of cookies with tokens, in order of preference.
    :raises Refused: 400, if the header or the parameter is malformed.
    """
    if authorization:
        return Credential(_bearer(authorization), CredentialPlace.HEADER)
    if query:
        return Credential(_parameter(query), CredentialPlace.QUERY)
    found = _cookies(cookies, cookie_names)
    for name in cookie_names:
        if name in found:
            return Credential(found[name], CredentialPlace.COOKIE)
    return None


def check_cookie_name(name: str) -> str:
    """
    Check that a cookie can have this name.

    :raises ValueError: If it cannot.
    """
    if not _COOKIE_NAME.fullmatch(name):
        raise ValueError("a cookie has a name of up to 100 letters, digits and !#$%&'*+-.^_`|~")
    return name


def _bearer(values: Sequence[bytes]) -> str:
    if len(values) > 1:
        raise _malformed("There is more than one Authorization header.")
    match = _BEARER.fullmatch(values[0].strip(b" \t"))
    if not match:
        raise _malformed("The Authorization header must be: Bearer, a blank, and a token.")
    return _long_enough(match[1].decode("ascii"))


def _parameter(values: Sequence[str]) -> str:
    if len(values) > 1:
        raise _malformed("There is more than one authorization parameter.")
    return _long_enough(values[0])


def _long_enough(token: str) -> str:
    if len(token) < MIN_TOKEN:
        raise _malformed(f"A token has at least {MIN_TOKEN} characters.")
    return token


def _cookies(values: Sequence[bytes], names: Sequence[str]) -> dict[str, str]:
    """
    Return the cookies with these names.  If a name is repeated, the first one wins: browsers send
    the one with the longest path first.  An empty cookie remains after a logout, and is skipped.
    """
    found: dict[str, str] = {}
    for value in values:
        for pair in value.decode("latin-1").split(";"):
            name, _, text = pair.partition("=")
            name, text = name.strip(" \t"), text.strip(" \t")
            if len(text) > 1 and text[0] == text[-1] == '"':
                text = text[1:-1]
            if text and name in names:
                found.setdefault(name, text)
    return found


def _malformed(text: str) -> Refused:
    return Refused(400, text, error="invalid_request")
