"""
Making tokens, to try a hub and for tests.  In production an issuer makes them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ...errors import Refused
from ..rights import DETAIL_TYPE, Action, rights_of_details, rights_of_legacy
from ..topics import DEFAULT_LIMITS, Limits
from ._jwt import ACCESS_TOKEN
from ._keys import VerificationKey, fitting, is_pem, kind_of

#: Seconds until a token expires, by default.
DEFAULT_LIFETIME = 3600.0


@dataclass(frozen=True, slots=True)
class SigningKey:
    """
    A key that makes signatures.

    :ivar kid: Its name, which tokens carry for verifiers with several keys; or ``None``.
    """

    algorithm: str
    _material: Any = field(repr=False)  # bytes, or one of the keys of cryptography
    kid: str | None = None

    @classmethod
    def of(
        cls, content: bytes, algorithms: Iterable[str] | None = None, kid: str | None = None
    ) -> "SigningKey":
        """
        Make a key from PEM or a shared secret.

        :param algorithms: Algorithms that are allowed; the first that fits the key is used.
        :raises ValueError: If it is neither, or too weak.
        """
        if not is_pem(content):
            secret = VerificationKey.from_secret(content, algorithms)  # makes all checks
            return cls(secret.algorithms[0], content, kid)
        if b"PRIVATE KEY-----" not in content:
            raise ValueError("this is not a private key, which is needed to make tokens")
        try:
            key = load_pem_private_key(content, None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise ValueError(
                "this private key cannot be read; it must be PEM, without a password"
            ) from None
        kind, possible = kind_of(key.public_key())
        return cls(fitting(kind, possible, algorithms)[0], key, kid)

    def sign(self, claims: Mapping[str, Any], typ: str) -> str:  # any JSON value
        header = {"typ": typ} if self.kid is None else {"typ": typ, "kid": self.kid}
        return jwt.encode(dict(claims), self._material, self.algorithm, header)


@dataclass(frozen=True, slots=True)
class Grant:
    """
    Rights for a token that is made.

    :ivar topics: Topics of the action: pairs of a match type and a matcher.
    :ivar payload: Payload of its subscriptions: a JSON value, or ``None``.
    """

    action: Action
    topics: tuple[tuple[str, str], ...]
    payload: Any = None  # any JSON value


def mint_access_token(
    key: SigningKey,
    grants: Iterable[Grant],
    *,
    issuer: str,
    audience: str,
    now: float,
    lifetime: float = DEFAULT_LIFETIME,
    subject: str = "ssetwist",
    client_id: str = "ssetwist",
    limits: Limits = DEFAULT_LIMITS,
) -> str:
    """
    Make a token of the 1.0 dialect with all claims that it needs.

    :param audience: The hub's own URL.
    :param now: Seconds since 1970.
    :param lifetime: Seconds until it expires.
    :param limits: Limits of the hub for the matchers in a token.
    :raises ValueError: If the hub would refuse it.
    """
    details = [
        {
            "type": DETAIL_TYPE,
            "actions": [grant.action.value],
            "topics": [{"match": match, "match_type": kind} for kind, match in grant.topics],
            **({} if grant.payload is None else {"payload": grant.payload}),
        }
        for grant in grants
    ]
    try:
        rights_of_details(details, audience, limits)
    except Refused as problem:
        raise ValueError(problem.reason) from None
    claims = {
        "iss": issuer,
        "aud": audience,
        "sub": subject,
        "client_id": client_id,
        "iat": int(now),
        "exp": int(now + lifetime),
        "jti": str(uuid4()),
        "authorization_details": details,
    }
    return key.sign(claims, ACCESS_TOKEN)


def mint_legacy_token(
    key: SigningKey,
    *,
    publish: Iterable[str] | None = None,
    subscribe: Iterable[str] | None = None,
    payload: Any = None,  # any JSON value
    now: float,
    lifetime: float | None = DEFAULT_LIFETIME,
    limits: Limits = DEFAULT_LIMITS,
) -> str:
    """
    Make a token of the 0.x dialect.

    :param publish: Selectors: topics, URI templates, ``*``.
    :param lifetime: Seconds until it expires; ``None`` for never.
    :param limits: Limits of the hub for the matchers in a token.
    :raises ValueError: If the hub would refuse it.
    """
    granted = {
        "publish": None if publish is None else list(publish),
        "subscribe": None if subscribe is None else list(subscribe),
        "payload": payload,
    }
    claims: dict[str, Any] = {  # any JSON value
        "mercure": {name: value for name, value in granted.items() if value is not None}
    }
    try:
        rights_of_legacy(claims, limits=limits)
    except Refused as problem:
        raise ValueError(problem.reason) from None
    if lifetime is not None:
        claims["exp"] = int(now + lifetime)
    return key.sign(claims, "JWT")
