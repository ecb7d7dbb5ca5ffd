"""
Keys that check signatures.  A key fixes the algorithms that it may be used with, and a token can
never add one.  Algorithm confusion is impossible for this reason alone.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    SECP384R1,
    SECP521R1,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt import PyJWTError, get_algorithm_by_name

#: Bytes of the hash of each algorithm with a shared secret.  A shorter secret would be easier to
#: guess than the hash (RFC 7518, 3.2).
SECRET_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}

_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_CURVES = ((SECP256R1, "ES256"), (SECP384R1, "ES384"), (SECP521R1, "ES512"))

PUBLIC_ALGORITHMS = ("EdDSA", *(name for _, name in _CURVES), *_RSA)

ALGORITHMS = (*SECRET_BYTES, *PUBLIC_ALGORITHMS)

#: Minimum (RFC 7518, 3.3) and maximum of an RSA key's bits; longer keys are slow to use.
RSA_BITS = (2048, 8192)

#: The largest secret, PEM, or file with one of them, in bytes.
MAX_KEY_BYTES = 65536

#: An algorithm that reads JWKs with each value of ``kty``.
_KEY_TYPES = {"RSA": "RS256", "EC": "ES256", "OKP": "EdDSA"}


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """
    A key that checks signatures.

    :ivar kind: A name of its kind for messages, such as ``"RSA key"``.
    :ivar algorithms: Algorithms that it may be used with.
    :ivar kid: Its name, or ``None``.  A hint only.
    """

    kind: str
    algorithms: tuple[str, ...]
    _material: Any = field(repr=False)  # bytes, or one of the keys of cryptography
    kid: str | None = None

    @classmethod
    def from_secret(
        cls, secret: bytes, algorithms: Iterable[str] | None = None
    ) -> "VerificationKey":
        """
        Make a key from a secret that the issuer shares with the hub.

        :param algorithms: Algorithms that are allowed; HS256 by default.
        :raises ValueError: If it is shorter than the hash, not a secret, or too long.
        """
        chosen = fitting("shared secret", tuple(SECRET_BYTES), algorithms or ("HS256",))
        needed = max(SECRET_BYTES[name] for name in chosen)
        if len(secret) < needed:
            raise ValueError(
                f"{', '.join(chosen)} needs a secret of at least {needed} bytes; this one has "
                f"{len(secret)}"
            )
        if len(secret) > MAX_KEY_BYTES:
            raise ValueError(f"a secret has at most {MAX_KEY_BYTES} bytes")
        try:
            material = get_algorithm_by_name(chosen[0]).prepare_key(secret)
        except PyJWTError:  # a public key is not a secret, even if somebody thinks so
            raise ValueError(
                "this is not a shared secret, but a public key, a certificate or a JWK"
            ) from None
        return cls("shared secret", chosen, material)

    @classmethod
    def from_pem(
        cls, pem: bytes, algorithms: Iterable[str] | None = None, kid: str | None = None
    ) -> "VerificationKey":
        """
        Make a key from a public key or a certificate.  Only the key of a certificate is used.

        :param algorithms: Algorithms that are allowed; by default all that fit the key.
        :raises ValueError: If it is neither, or a private key, or too weak.
        """
        if b"PRIVATE KEY-----" in pem:
            raise ValueError(
                "this is a private key, which only the issuer may have; the hub needs the public "
                "key that belongs to it (openssl pkey -pubout makes it)"
            )
        try:
            if b"-----BEGIN CERTIFICATE-----" in pem:
                key: object = x509.load_pem_x509_certificate(pem).public_key()
            else:
                key = load_pem_public_key(pem)
        except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion):
            raise ValueError(
                "this is PEM, but neither a public key (BEGIN PUBLIC KEY) nor a certificate"
            ) from None
        return cls._of(key, algorithms, kid)

    @classmethod
    def from_jwk(
        cls, jwk: Mapping[str, Any], algorithms: Iterable[str] | None = None
    ) -> "VerificationKey":
        """
        Make a key from an entry of a JWK set (RFC 7517).

        :raises ValueError: If it is not a key for signatures that the hub can check.
        """
        kid = jwk.get("kid")
        if kid is not None and not isinstance(kid, str):
            raise ValueError("its kid is not a string")
        kty = jwk.get("kty")
        if kty == "oct":
            raise ValueError("it is a shared secret, which a set must not have")
        if not isinstance(kty, str) or kty not in _KEY_TYPES:
            raise ValueError("its kty is not RSA, EC or OKP")
        if "d" in jwk:
            raise ValueError("it is a private key, which only the issuer may have")
        if jwk.get("use", "sig") != "sig":
            raise ValueError("its use is not sig")
        operations = jwk.get("key_ops", ["verify"])
        if not isinstance(operations, list) or "verify" not in operations:
            raise ValueError("verify is not one of its key_ops")
        try:
            key = get_algorithm_by_name(_KEY_TYPES[kty]).from_jwk(dict(jwk))
        except (PyJWTError, UnsupportedAlgorithm, ValueError, TypeError):
            # The messages of these errors may quote parts of the key.
            raise ValueError(f"it is not a usable {kty} key") from None
        return cls._of(key, algorithms, kid, jwk.get("alg"))

    @classmethod
    def _of(
        cls,
        key: object,
        algorithms: Iterable[str] | None,
        kid: str | None = None,
        only: object = None,
    ) -> "VerificationKey":
        kind, possible = kind_of(key)
        if only is not None:
            if only not in possible:
                raise ValueError(f"its alg does not fit: {_can(kind, possible)}")
            possible = (str(only),)
        return cls(kind, fitting(kind, possible, algorithms), key, kid)

    def verifies(self, algorithm: str, signed: bytes, signature: bytes) -> bool:
        """
        Return true if the counterpart of this key made a signature.  Secrets are compared in
        constant time.

        :param algorithm: The token's algorithm; false if this key may not be used with it.
        """
        if algorithm not in self.algorithms:
            return False
        return get_algorithm_by_name(algorithm).verify(signed, self._material, signature)


def from_bytes(content: bytes, algorithms: Iterable[str] | None = None) -> VerificationKey:
    """
    Make a key from the content of an option: PEM, or else a shared secret.

    :param algorithms: Algorithms that are allowed; the default depends on the key.
    :raises ValueError: If it is neither.
    """
    if is_pem(content):
        return VerificationKey.from_pem(content, algorithms)
    return VerificationKey.from_secret(content, algorithms)


def is_pem(content: bytes) -> bool:
    """
    Return true if this is PEM, or was meant to be.
    """
    return b"-----BEGIN " in content


def check_algorithms(names: Iterable[str]) -> tuple[str, ...]:
    """
    Check that the hub supports some algorithms.

    :raises ValueError: If it does not support one, such as ``none``.
    """
    chosen = tuple(names)
    for name in chosen:
        if name not in ALGORITHMS:
            raise ValueError(f"{name[:20]!r} is not one of {', '.join(ALGORITHMS)}")
    return chosen


def kind_of(key: object) -> tuple[str, tuple[str, ...]]:
    """
    Return the kind of a public key, for messages, and the algorithms that fit it.

    :raises ValueError: If it is too weak, too long, or of an unsupported kind.
    """
    if isinstance(key, RSAPublicKey):
        least, most = RSA_BITS
        if not least <= key.key_size <= most:
            raise ValueError(f"an RSA key must have {least} to {most} bits, not {key.key_size}")
        return "RSA key", _RSA
    if isinstance(key, EllipticCurvePublicKey):
        for curve, name in _CURVES:
            if isinstance(key.curve, curve):
                return f"{key.curve.name} key", (name,)
        raise ValueError(f"the curve {key.curve.name} is not supported; use P-256, P-384 or P-521")
    if isinstance(key, Ed25519PublicKey | Ed448PublicKey):
        return "Ed25519 key" if isinstance(key, Ed25519PublicKey) else "Ed448 key", ("EdDSA",)
    raise ValueError("this kind of key is not supported; use RSA, elliptic or Edwards curves")


def fitting(kind: str, possible: tuple[str, ...], chosen: Iterable[str] | None) -> tuple[str, ...]:
    """
    Return the allowed algorithms that fit a key; raise ``ValueError`` if it is unfit for all.
    """
    if chosen is None:
        return possible
    names = check_algorithms(chosen)
    fitting = tuple(name for name in possible if name in names)
    if not fitting:
        raise ValueError(f"{', '.join(names)} does not fit: {_can(kind, possible)}")
    return fitting


def _can(kind: str, possible: tuple[str, ...]) -> str:
    return f"this {kind} works with {', '.join(possible)}"
