"""
Keys with which signatures are checked.  A key knows the algorithms it may be used with, and what a
token says of that never adds one: that is all there is against confusing algorithms.
"""

from collections.abc import Callable, Iterable, Mapping
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

#: How many bytes each of the algorithms with a shared secret hashes to; a secret that is shorter
#: is easier to guess than the hash (RFC 7518, 3.2).
SECRET_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}

_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_CURVES = ((SECP256R1, "ES256"), (SECP384R1, "ES384"), (SECP521R1, "ES512"))

#: The algorithms whose signatures can be checked with a public key.
PUBLIC_ALGORITHMS = ("EdDSA", *(name for _, name in _CURVES), *_RSA)

#: All that there are to choose from.
ALGORITHMS = (*SECRET_BYTES, *PUBLIC_ALGORITHMS)

#: Bits that an RSA key must have (RFC 7518, 3.3), and may have: longer ones take long to use.
RSA_BITS = (2048, 8192)

#: The longest secret, PEM or file of them, in bytes.
MAX_KEY_BYTES = 65536

#: How a JWK says of which kind it is.
_KEY_TYPES = {"RSA": "RS256", "EC": "ES256", "OKP": "EdDSA"}


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """
    What a signature is checked with.

    :ivar kind: What it is, for messages, such as ``"RSA key"``.
    :ivar algorithms: Those it may be used with.
    :ivar kid: Its name, if it has one.  A hint only.
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
        Make a key of a secret that the issuer has, too.

        :param algorithms: Those to choose from; HS256 unless told otherwise.
        :raises ValueError: If it is shorter than the hash, no secret at all, or too long.
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
        except PyJWTError:  # a public key is no secret, whoever takes it for one
            raise ValueError(
                "this is no shared secret, but a public key, a certificate or a JWK"
            ) from None
        return cls("shared secret", chosen, material)

    @classmethod
    def from_pem(
        cls, pem: bytes, algorithms: Iterable[str] | None = None, kid: str | None = None
    ) -> "VerificationKey":
        """
        Make a key of a public key or a certificate, of which nothing but the key is looked at.

        :param algorithms: Those to choose from; all that the key can be used with unless told
            otherwise.
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
        Make a key of one of a JWK set (RFC 7517).

        :param jwk: As JSON has it: any value may be anything.
        :raises ValueError: If it is not for signatures of ours.
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
            # What these say may have parts of the key.
            raise ValueError(f"it is no {kty} key that can be used") from None
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
        Tell whether a signature was made with what belongs to this key.  Secrets are compared in
        constant time.

        :param algorithm: As the token says; never one that this key may not be used with.
        """
        if algorithm not in self.algorithms:
            return False
        return get_algorithm_by_name(algorithm).verify(signed, self._material, signature)


def from_bytes(content: bytes, algorithms: Iterable[str] | None = None) -> VerificationKey:
    """
    Make a key of what an option names: PEM, or else a shared secret.

    :param algorithms: Those to choose from; it depends on the key unless told otherwise.
    :raises ValueError: If it is neither.
    """
    make: Callable[..., VerificationKey] = (
        VerificationKey.from_pem if is_pem(content) else VerificationKey.from_secret
    )
    return make(content, algorithms)


def is_pem(content: bytes) -> bool:
    """
    Tell whether this is, or was meant to be, PEM.
    """
    return b"-----BEGIN " in content


def check_algorithms(names: Iterable[str]) -> tuple[str, ...]:
    """
    Check that there are such algorithms.

    :raises ValueError: If there is one that is none, or ``none``.
    """
    chosen = tuple(names)
    for name in chosen:
        if name not in ALGORITHMS:
            raise ValueError(f"{name[:20]!r} is not one of {', '.join(ALGORITHMS)}")
    return chosen


def kind_of(key: object) -> tuple[str, tuple[str, ...]]:
    """
    Return what a public key is called, and the algorithms that it can be used with.
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
        raise ValueError(
            f"of elliptic curves there may be P-256, P-384 and P-521; not {key.curve.name}"
        )
    if isinstance(key, Ed25519PublicKey | Ed448PublicKey):
        return "Ed25519 key" if isinstance(key, Ed25519PublicKey) else "Ed448 key", ("EdDSA",)
    raise ValueError("of public keys there may be RSA, elliptic curve and Edwards curve keys")


def fitting(kind: str, possible: tuple[str, ...], chosen: Iterable[str] | None) -> tuple[str, ...]:
    """
    Return those of the chosen algorithms that a key can be used with.
    """
    if chosen is None:
        return possible
    names = check_algorithms(chosen)
    fitting = tuple(name for name in possible if name in names)
    if not fitting:
        raise ValueError(f"{', '.join(names)} does not fit: {_can(kind, possible)}")
    return fitting


def _can(kind: str, possible: tuple[str, ...]) -> str:
    return f"with this {kind} there may be {', '.join(possible)}"
