"""
Keys, tokens and sources of keys, for tests.
"""

import json
import shutil
import tempfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from twisted.trial.unittest import SynchronousTestCase

SECRET = b"a secret of thirty-two bytes and more"
OTHER_SECRET = b"another secret of thirty-two bytes or more"
HUB = "https://hub.example/.well-known/mercure"
NOW = 1_800_000_000.0

_MAKERS = {
    "RSA": lambda: rsa.generate_private_key(65537, 2048),
    "WEAK": lambda: rsa.generate_private_key(65537, 1024),
    "P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "P-521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "K-256": lambda: ec.generate_private_key(ec.SECP256K1()),
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
}


@lru_cache
def private_key(kind: str) -> Any:
    """
    Return the private key of a kind, always the same one.
    """
    return _MAKERS[kind]()


def private_pem(kind: str) -> bytes:
    """
    Return the private key of a kind as PEM.
    """
    key = private_key(kind)
    return bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def public_pem(kind: str) -> bytes:
    """
    Return the public key of a kind as PEM.
    """
    key = private_key(kind).public_key()
    return bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def jwk(kind: str, **members: Any) -> dict[str, Any]:
    """
    Return the public key of a kind as a JWK with these members.
    """
    name = {"RSA": "RS256", "WEAK": "RS256", "Ed25519": "EdDSA", "K-256": "ES256K"}.get(
        kind, "ES256"
    )
    made = jwt.get_algorithm_by_name(name).to_jwk(private_key(kind).public_key(), as_dict=True)
    return {**made, **members}


def jwk_set(*keys: Mapping[str, Any]) -> bytes:
    """
    Return a JWK set as a server sends it.
    """
    return json.dumps({"keys": keys}).encode()


def signed(
    claims: object,
    key: Any = SECRET,
    algorithm: str = "HS256",
    **header: Any,
) -> str:
    """
    Return a token, even one that no issuer would make.
    """
    return jwt.PyJWS().encode(
        claims if isinstance(claims, bytes) else json.dumps(claims).encode(),
        key,
        algorithm,
        {name: value for name, value in header.items() if value is not None},
    )


def access_token(key: Any = SECRET, algorithm: str = "HS256", **changes: Any) -> str:
    """
    Return a good token of 1.0 with these claims and header members (``typ``, ``kid``) changed;
    members that are ``None`` are left out.
    """
    claims = {
        "iss": HUB,
        "aud": HUB,
        "exp": NOW + 60,
        "authorization_details": [detail("publish", "/p"), detail("subscribe", "/s", payload=1)],
        **changes,
    }
    header = {"typ": claims.pop("typ", "at+jwt"), "kid": claims.pop("kid", None)}
    claims = {name: value for name, value in claims.items() if value is not None}
    return signed(claims, key, algorithm, **header)


def detail(action: str, *topics: str, **members: Any) -> dict[str, Any]:
    """
    Return an authorization detail.
    """
    return {
        "type": "https://mercure.rocks/authorization-detail",
        "actions": [action],
        "topics": [{"match": topic} for topic in topics],
        **members,
    }


def scratch(case: SynchronousTestCase) -> Path:
    """
    Return an unused path; a file there is removed after the test.
    """
    directory = tempfile.mkdtemp()
    case.addCleanup(shutil.rmtree, directory)
    return Path(directory) / "file"


def file(case: SynchronousTestCase, content: bytes) -> str:
    """
    Make a file, and return its path.
    """
    path = scratch(case)
    path.write_bytes(content)
    return str(path)
