"""
The form of a token and of the times in it (RFC 7515, 7519).  Nothing that is read here is to be
believed before the signature has been checked.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from math import isfinite, isnan, nan
from typing import Any

from jwt import PyJWS, PyJWTError

#: The longest token, in characters; the head of a request has no room for a longer one anyway.
MAX_TOKEN = 16384

#: What a token of the 1.0 dialect says it is (RFC 9068, 2.1).
ACCESS_TOKEN = "at+jwt"

#: Hexadecimal digits of an identity: so many that nobody can make two meet.
_IDENTITY_DIGITS = 32

_JWS = PyJWS()


@dataclass(frozen=True, slots=True)
class Token:
    """
    A token, taken apart.

    :ivar header: What it says of itself; JSON values.
    :ivar claims: What it says; JSON values.
    :ivar payload: The same, as it was signed.
    """

    header: Mapping[str, Any] = field(repr=False)  # any JSON value
    claims: Mapping[str, Any] = field(repr=False)  # any JSON value
    payload: bytes = field(repr=False)
    signed: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> "Token":
        """
        Take a token apart.

        :raises ValueError: If it is none.  What it says has nothing of it.
        """
        if len(text) > MAX_TOKEN:
            raise ValueError(f"longer than {MAX_TOKEN} characters")
        if not text.isascii():
            raise ValueError("not in ASCII")
        if (dots := text.count(".")) != 2:
            raise ValueError(f"in {dots + 1} part{'s' if dots else ''}")
        try:
            parts = _JWS.decode_complete(text, options={"verify_signature": False})
        except PyJWTError:  # what it says may have parts of the token
            raise ValueError(
                "not in base64url, or its header is not a JSON object or has extensions (crit)"
            ) from None
        try:
            claims = json.loads(
                parts["payload"].decode(), parse_float=_number, parse_constant=_number
            )
        except (ValueError, RecursionError):
            claims = None
        if not isinstance(claims, dict):
            raise ValueError("without claims: its second part is not a JSON object")
        signed = text.rpartition(".")[0].encode()
        return cls(parts["header"], claims, parts["payload"], signed, parts["signature"])

    @property
    def typ(self) -> str:
        """
        The type that it says it has, as media types are compared (RFC 7515, 4.1.9).
        """
        typ = self.header.get("typ")
        return typ.lower().removeprefix("application/") if isinstance(typ, str) else ""

    @property
    def is_access_token(self) -> bool:
        """
        Whether it is to be judged by the rules of 1.0, all of them: it says so, or has what only
        those know.  No token has a way to choose the milder rules for what these would grant.
        """
        return self.typ == ACCESS_TOKEN or "authorization_details" in self.claims

    @property
    def identity(self) -> str:
        """
        A name of who it was made for, the same in each of its tokens; if it was made for nobody in
        particular, of the token.  No token can be made of it.
        """
        subject = self.claims.get("sub")
        basis = self.payload
        if isinstance(subject, str) and subject:
            # As JSON, so that no two issuers and subjects can be written alike.
            basis = json.dumps([self.is_access_token, self.claims.get("iss"), subject]).encode()
        return hashlib.sha256(basis).hexdigest()[:_IDENTITY_DIGITS]


def seconds(value: object) -> float:
    """
    Return a time that a token names ("NumericDate", RFC 7519, 2), in seconds since 1970;
    not-a-number, which is neither before nor after anything, if the value is not a time.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return nan
    try:
        return float(value)
    except OverflowError:
        return nan


def moment(value: object) -> str:
    """
    Return a time as log lines have it.
    """
    found = seconds(value)
    if isnan(found):
        return "missing" if value is None else "no number of seconds"
    try:
        return f"{datetime.fromtimestamp(found, timezone.utc):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):
        return "not in these ten thousand years"


def _number(text: str) -> float:
    """
    Read a number as JSON has it, which knows neither infinities nor not-a-number.
    """
    number = float(text)
    if not isfinite(number):
        raise ValueError("no number of JSON")
    return number
