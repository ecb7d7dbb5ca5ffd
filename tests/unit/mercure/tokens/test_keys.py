"""
Keys that check signatures.
"""

import hmac
from datetime import datetime, timezone

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.mercure.tokens._key_set import MAX_KEYS, KeySet, parse_set
from ssetwist.mercure.tokens._keys import (
    MAX_KEY_BYTES,
    VerificationKey,
    check_algorithms,
    from_bytes,
)
from tests.unit.mercure.fake_tokens import (
    SECRET,
    jwk,
    jwk_set,
    private_key,
    private_pem,
    public_pem,
)

#: Values of wrong types for members of a JWK.
JSON = st.none() | st.booleans() | st.integers() | st.text(st.characters()) | st.lists(st.text())

RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")


class SecretTests(SynchronousTestCase):
    """
    Secrets that the issuer shares with the hub.
    """

    def test_verifies(self) -> None:
        """
        A signature with the same secret is accepted, any other is refused.
        """
        key = VerificationKey.from_secret(SECRET)
        self.assertTrue(key.verifies("HS256", b"x", hmac.digest(SECRET, b"x", "sha256")))
        self.assertFalse(key.verifies("HS256", b"y", hmac.digest(SECRET, b"x", "sha256")))
        self.assertFalse(key.verifies("HS256", b"x", b""))

    def test_other_algorithms(self) -> None:
        """
        A key does not verify signatures of an algorithm that it is not for.
        """
        key = VerificationKey.from_secret(SECRET * 2)
        self.assertEqual(("HS256",), key.algorithms)
        self.assertFalse(key.verifies("HS512", b"x", hmac.digest(SECRET * 2, b"x", "sha512")))
        self.assertFalse(key.verifies("none", b"x", b""))

    def test_chosen(self) -> None:
        """
        The algorithms of a secret can be chosen.
        """
        key = VerificationKey.from_secret(b"x" * 64, ["HS512", "HS384", "RS256"])
        self.assertEqual(("HS384", "HS512"), key.algorithms)
        self.assertTrue(key.verifies("HS512", b"x", hmac.digest(b"x" * 64, b"x", "sha512")))

    def test_too_short(self) -> None:
        """
        A secret that is shorter than the hash is refused; the error tells the required length.
        """
        for algorithm, needed in (("HS256", 32), ("HS384", 48), ("HS512", 64)):
            VerificationKey.from_secret(b"s" * needed, [algorithm])
            # With several, the longest hash counts.
            VerificationKey.from_secret(b"s" * needed, ["HS256", algorithm])
            self.assertRaises(
                ValueError,
                VerificationKey.from_secret,
                b"s" * (needed - 1),
                [algorithm, "HS256"],
            )
            error = self.assertRaises(
                ValueError, VerificationKey.from_secret, b"s" * (needed - 1), [algorithm]
            )
            self.assertEqual(
                f"{algorithm} needs a secret of at least {needed} bytes; this one has {needed - 1}",
                str(error),
            )

    def test_too_long(self) -> None:
        """
        A secret that is too long is refused.
        """
        VerificationKey.from_secret(b"s" * MAX_KEY_BYTES)
        error = self.assertRaises(
            ValueError, VerificationKey.from_secret, b"s" * (MAX_KEY_BYTES + 1)
        )
        self.assertIn("at most 65536 bytes", str(error))

    def test_public_key_as_secret(self) -> None:
        """
        A public key, which everybody may have, is never a secret, in any format.
        """
        key = private_key("RSA").public_key()
        der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        for content in (public_pem("RSA"), der, jwk_set(jwk("RSA"))):
            error = self.assertRaises(ValueError, VerificationKey.from_secret, content)
            self.assertIn("not a shared secret, but a public key", str(error))

    def test_algorithm_that_does_not_fit(self) -> None:
        """
        A secret cannot be for an algorithm of public keys.
        """
        error = self.assertRaises(ValueError, VerificationKey.from_secret, SECRET, ["RS256"])
        self.assertEqual(
            "RS256 does not fit: this shared secret works with HS256, HS384, HS512",
            str(error),
        )

    def test_repr(self) -> None:
        """
        The representation of a key does not show its secret.
        """
        self.assertNotIn("secret of", repr(VerificationKey.from_secret(SECRET)))


class PEMTests(SynchronousTestCase):
    """
    Public keys and certificates.
    """

    def test_kinds(self) -> None:
        """
        A public key is for all algorithms that fit it, and no others.
        """
        for kind, name, algorithms in (
            ("RSA", "RSA key", RSA),
            ("P-256", "secp256r1 key", ("ES256",)),
            ("P-384", "secp384r1 key", ("ES384",)),
            ("P-521", "secp521r1 key", ("ES512",)),
            ("Ed25519", "Ed25519 key", ("EdDSA",)),
        ):
            key = VerificationKey.from_pem(public_pem(kind))
            self.assertEqual((name, algorithms), (key.kind, key.algorithms))
            for algorithm in algorithms:
                signer = jwt.get_algorithm_by_name(algorithm)
                signature = signer.sign(b"x", private_key(kind))
                self.assertTrue(key.verifies(algorithm, b"x", signature))
                self.assertFalse(key.verifies(algorithm, b"y", signature))
                self.assertFalse(key.verifies(algorithm, b"x", b""))

    def test_confusion(self) -> None:
        """
        A signature with the public key as a secret is refused, even if the token says HS256.
        """
        pem = public_pem("RSA")
        key = from_bytes(pem)
        self.assertFalse(key.verifies("HS256", b"x", hmac.digest(pem, b"x", "sha256")))

    def test_chosen(self) -> None:
        """
        The algorithms of a public key can be limited to some that fit.
        """
        pem = public_pem("RSA")
        self.assertEqual(("PS256",), from_bytes(pem, ["PS256", "HS256"]).algorithms)
        error = self.assertRaises(ValueError, from_bytes, pem, ["HS256"])
        self.assertIn("HS256 does not fit: this RSA key works with RS256", str(error))

    def test_certificate(self) -> None:
        """
        A certificate gives its public key.
        """
        key = private_key("P-256")
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
        moment = datetime(2020, 1, 1, tzinfo=timezone.utc)
        certificate = (
            x509.CertificateBuilder(name, name, key.public_key(), 1, moment, moment)
            .sign(key, hashes.SHA256())
            .public_bytes(Encoding.PEM)
        )
        self.assertEqual(("ES256",), from_bytes(certificate).algorithms)

    def test_private_key(self) -> None:
        """
        A private key is refused, even beside a public one.
        """
        for pem in (private_pem("RSA"), public_pem("P-256") + private_pem("P-256")):
            error = self.assertRaises(ValueError, from_bytes, pem)
            self.assertIn("this is a private key", str(error))

    def test_not_a_key(self) -> None:
        """
        PEM with anything but a public key is refused, and not repeated.
        """
        for kind in (b"PUBLIC KEY", b"CERTIFICATE", b"BANANA"):
            pem = b"-----BEGIN %b-----\nYWJjZGVm\n-----END %b-----\n" % (kind, kind)
            error = self.assertRaises(ValueError, from_bytes, pem)
            self.assertIn("neither a public key", str(error))
            self.assertNotIn("YWJj", str(error))

    def test_weak(self) -> None:
        """
        Keys that are too short or of an unsupported kind are refused.
        """
        other = x25519.X25519PrivateKey.generate().public_key()
        pem = other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        for content, expected in (
            (public_pem("WEAK"), "an RSA key must have 2048 to 8192 bits, not 1024"),
            (public_pem("K-256"), "the curve secp256k1"),
            (pem, "this kind of key is not supported; use RSA"),
        ):
            self.assertIn(expected, str(self.assertRaises(ValueError, from_bytes, content)))


class KeySetTests(SynchronousTestCase):
    """
    JWK sets.
    """

    def test_keys(self) -> None:
        """
        All kinds of public keys are read, with their names.
        """
        found = parse_set(
            jwk_set(jwk("RSA", kid="a"), jwk("P-256", use="sig"), jwk("Ed25519", alg="EdDSA"))
        )
        self.assertEqual(
            [("a", RSA), (None, ("ES256",)), (None, ("EdDSA",))],
            [(key.kid, key.algorithms) for key in found.keys],
        )
        self.assertEqual("", found.reasons)

    def test_algorithms(self) -> None:
        """
        An entry with ``alg`` is for that algorithm only; chosen algorithms limit it further.
        """
        document = jwk_set(jwk("RSA", alg="PS256"), jwk("RSA"), jwk("P-256", kid="e"))
        found = parse_set(document, ["PS256", "RS512"])
        self.assertEqual([("PS256",), ("RS512", "PS256")], [key.algorithms for key in found.keys])
        self.assertIn("key 'e': PS256, RS512 does not fit", found.reasons)

    def test_skipped(self) -> None:
        """
        An unusable key is skipped with a reason that does not repeat parts of the key.
        """
        for entry, expected in (
            ({"kty": "oct", "k": "c2VjcmV0"}, "key number 1: it is a shared secret"),
            (jwk("RSA", d="c2VjcmV0"), "it is a private key"),
            (jwk("RSA", use="enc"), "its use is not sig"),
            (jwk("RSA", key_ops=["encrypt"]), "verify is not one of its key_ops"),
            (jwk("RSA", key_ops="verify"), "verify is not one of its key_ops"),
            (jwk("RSA", kid=5), "its kid is not a string"),
            (jwk("RSA", kty="DSA"), "its kty is not RSA"),
            (jwk("RSA", kty=["RSA"]), "its kty is not RSA"),
            (jwk("RSA", n="c2VjcmV0"), "key must have 2048"),
            (jwk("RSA", n=5), "it is not a usable RSA key"),
            (jwk("P-256", x="c2VjcmV0"), "it is not a usable EC key"),
            (jwk("Ed25519", crv="X25519"), "it is not a usable OKP key"),
            (jwk("RSA", alg="HS256"), "its alg does not fit"),
            (jwk("RSA", alg=["RS256"]), "its alg does not fit"),
            (jwk("K-256"), "the curve secp256k1"),
            (jwk("WEAK"), "not 1024"),
            (jwk("WEAK", kid="b/1"), "key 'b/1': "),
            (jwk("WEAK", kid="b\n"), "key number 1: "),
            (5, "it is not an object"),
        ):
            found = KeySet.of({"keys": [entry]})
            self.assertEqual((), found.keys)
            self.assertIn(expected, found.reasons)
            self.assertNotIn("c2Vj", found.reasons)

    def test_many_skipped(self) -> None:
        """
        At most ten skipped keys are named.
        """
        found = KeySet.of({"keys": [5] * 13})
        self.assertIn("key number 10: it is not an object; 3 others", found.reasons)

    def test_too_many(self) -> None:
        """
        A set with more than 100 keys is refused.
        """
        KeySet.of({"keys": [{}] * MAX_KEYS})
        error = self.assertRaises(ValueError, KeySet.of, {"keys": [{}] * (MAX_KEYS + 1)})
        self.assertEqual("it has 101 keys; at most 100 are allowed", str(error))

    def test_not_a_set(self) -> None:
        """
        A document that is not a JWK set is refused.
        """
        for content in (b"[]", b"{}", b'{"keys": {}}', b"5"):
            self.assertIn("not a JWK set", str(self.assertRaises(ValueError, parse_set, content)))
        for content in (b"", b"\xff", b"{", b"[" * 100_000):
            self.assertIn("not JSON", str(self.assertRaises(ValueError, parse_set, content)))

    @given(
        st.fixed_dictionaries(
            {},
            optional={
                "kty": st.sampled_from(["RSA", "EC", "OKP"]),
                "crv": st.sampled_from(["P-256", "Ed25519"]) | JSON,
                **dict.fromkeys(("n", "e", "x", "y", "alg", "use", "key_ops", "kid"), JSON),
            },
        )
    )
    def test_anything(self, entry: dict[str, object]) -> None:
        """
        Any entry of a set becomes a key or is skipped.
        """
        found = KeySet.of({"keys": [entry]})
        self.assertEqual(1, len(found.keys) + len(found.skipped))


class AlgorithmTests(SynchronousTestCase):
    """
    Names of algorithms.
    """

    def test_unknown(self) -> None:
        """
        An unknown algorithm is refused, above all ``none``.
        """
        self.assertEqual(("HS256", "EdDSA"), check_algorithms(["HS256", "EdDSA"]))
        for name in ("none", "", "hs256", "ES256K"):
            error = self.assertRaises(ValueError, check_algorithms, [name])
            self.assertIn(f"{name!r} is not one of HS256", str(error))
