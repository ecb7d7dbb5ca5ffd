"""
The form of tokens, and of the times in them (RFC 7515, 7519).  Nothing that is read here may be
trusted until the signature has been checked.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from math import isfinite, isnan, nan
from typing import Any

from jwt import PyJWS, PyJWTError

#: The longest token, in characters; the head of a request cannot hold a longer one anyway.
MAX_TOKEN = 16384

#: The type of tokens of the 1.0 dialect (RFC 9068, 2.1).
ACCESS_TOKEN = "at+jwt"

#: Hexadecimal digits of an identity: enough that nobody can make two equal.
_IDENTITY_DIGITS = 32

_JWS = PyJWS()


@dataclass(frozen=True, slots=True)
class Token:
    """
    A parsed token.

    :ivar typ: Its type, normalized as media types are (RFC 7515, 4.1.9).
    :ivar payload: The claims as bytes, as they were signed.
    """

    typ: str = field(repr=False)
    header: Mapping[str, Any] = field(repr=False)  # any JSON value
    claims: Mapping[str, Any] = field(repr=False)  # any JSON value
    payload: bytes = field(repr=False)
    signed: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> "Token":
        """
        Parse a token.

        :raises ValueError: If it is not one.  The message does not quote the token.
        """
        if len(text) > MAX_TOKEN:
            raise ValueError(f"longer than {MAX_TOKEN} characters")
        if not text.isascii():
            raise ValueError("not in ASCII")
        if (dots := text.count(".")) != 2:
            raise ValueError(f"in {dots + 1} part{'s' if dots else ''}")
        try:
            parts = _JWS.decode_complete(text, options={"verify_signature": False})
        except PyJWTError:  # its message may quote parts of the token
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
        header, payload, signature = parts["header"], parts["payload"], parts["signature"]
        typ = header.get("typ")
        typ = typ.lower().removeprefix("application/") if isinstance(typ, str) else ""
        return cls(typ, header, claims, payload, signed, signature)

    @property
    def is_access_token(self) -> bool:
        """
        True if all the rules of 1.0 apply to the token: it has the type of 1.0, or a claim that
        only 1.0 has.  So no token can choose the milder rules of 0.x for the rights of 1.0.
        """
        return self.typ == ACCESS_TOKEN or "authorization_details" in self.claims

    @property
    def identity(self) -> str:
        """
        A name of the token's subject, the same in each of its tokens; without a subject, a name of
        the token.  The token cannot be reconstructed from it.
        """
        subject = self.claims.get("sub")
        basis = self.payload
        if isinstance(subject, str) and subject:
            # As JSON, so that different issuers and subjects never make the same text.
            basis = json.dumps([self.is_access_token, self.claims.get("iss"), subject]).encode()
        return hashlib.sha256(basis).hexdigest()[:_IDENTITY_DIGITS]


def seconds(value: object) -> float:
    """
    Return a time in a token ("NumericDate", RFC 7519, 2), in seconds since 1970; NaN, which is
    neither before nor after anything, if the value is not a time.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return nan
    try:
        return float(value)
    except OverflowError:
        return nan


def moment(value: object) -> str:
    """
    Return a time in a token as log lines show it.
    """
    found = seconds(value)
    if isnan(found):
        return "missing" if value is None else "not a number of seconds"
    try:
        return f"{datetime.fromtimestamp(found, timezone.utc):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):
        return "not in the years 1 to 9999"


def _number(text: str) -> float:
    """
    Read a JSON number, which cannot be an infinity or NaN.
    """
    number = float(text)
    if not isfinite(number):
        raise ValueError("not a JSON number")
    return number
