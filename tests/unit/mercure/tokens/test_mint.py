"""
Making tokens.
"""

from typing import Any

import jwt
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.hub import Everything, Matchers
from ssetwist.mercure.rights._rights import Action, Rights
from ssetwist.mercure.tokens._credentials import Credential, CredentialPlace
from ssetwist.mercure.tokens._jwt import Token
from ssetwist.mercure.tokens._keys import from_bytes
from ssetwist.mercure.tokens._mint import Grant, SigningKey, mint_access_token, mint_legacy_token
from ssetwist.mercure.tokens._trust import FixedKeys, Trust
from ssetwist.mercure.tokens._verifier import TokenVerifier
from tests.clock import Clock
from tests.unit.mercure.fake_tokens import (
    HUB,
    NOW,
    SECRET,
    jwk,
    jwk_set,
    private_key,
    private_pem,
    public_pem,
)

GRANTS = (
    Grant(Action.PUBLISH, (("exact", "*"),)),
    Grant(Action.SUBSCRIBE, (("exact", "/s"), ("urlpattern", "/books/:id")), {"a": 1}),
)


class SigningKeyTests(SynchronousTestCase):
    """
    Keys that make signatures.
    """

    def test_kinds(self) -> None:
        """
        For each kind of key, its public key verifies the signatures that it makes.
        """
        for private, public, algorithm in (
            (SECRET, SECRET, "HS256"),
            (private_pem("RSA"), public_pem("RSA"), "RS256"),
            (private_pem("P-384"), public_pem("P-384"), "ES384"),
            (private_pem("Ed25519"), public_pem("Ed25519"), "EdDSA"),
        ):
            key = SigningKey.of(private, kid="k")
            token = Token.parse(key.sign({"a": 1}, "JWT"))
            self.assertEqual({"typ": "JWT", "alg": algorithm, "kid": "k"}, token.header)
            self.assertEqual({"a": 1}, token.claims)
            self.assertTrue(from_bytes(public).verifies(algorithm, token.signed, token.signature))

    def test_chosen(self) -> None:
        """
        The algorithm can be chosen; a key without a name writes no ``kid``.
        """
        key = SigningKey.of(private_pem("RSA"), ["PS384", "HS256"])
        self.assertEqual("PS384", key.algorithm)
        self.assertNotIn("kid", Token.parse(key.sign({}, "JWT")).header)
        self.assertRaises(ValueError, SigningKey.of, private_pem("RSA"), ["ES256"])

    def test_refused(self) -> None:
        """
        Content that is not a private key or a secret, or too weak, is refused and not repeated.
        """
        locked = private_key("P-256").private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")
        )
        for content, expected in (
            (b"s3cret", "at least 32 bytes"),
            (public_pem("RSA"), "this is not a private key"),
            (jwk_set(jwk("RSA")), "this is not a shared secret"),
            (locked, "without a password"),
            (private_pem("WEAK"), "2048 to 8192 bits"),
            (b"-----BEGIN PRIVATE KEY-----\ns3cret\n", "this private key cannot be read"),
        ):
            error = self.assertRaises(ValueError, SigningKey.of, content)
            self.assertIn(expected, str(error))
            self.assertNotIn("s3cret", str(error))

    def test_repr(self) -> None:
        """
        The representation of a key does not show its secret.
        """
        self.assertNotIn("secret", repr(SigningKey.of(SECRET)))


class MintTests(SynchronousTestCase):
    """
    Tokens of both dialects.
    """

    def setUp(self) -> None:
        self.key = SigningKey.of(SECRET)

    def rights(self, token: str, action: Action) -> Rights:
        """
        Return the rights that the hub reads from a token.
        """
        clock = Clock()
        clock.advance(NOW)
        source = FixedKeys((from_bytes(SECRET),))
        trust = Trust((source,), (source,))
        verifier = TokenVerifier(clock=clock, audience=HUB, issuers={"i": trust}, legacy=trust)
        return self.successResultOf(
            verifier.verify(Credential(token, CredentialPlace.HEADER), action)
        )

    def access_token(self, **changes: Any) -> str:
        """
        Make a token of 1.0.
        """
        options: dict[str, Any] = {"issuer": "i", "audience": HUB, "now": NOW, **changes}
        return mint_access_token(self.key, options.pop("grants", GRANTS), **options)

    def test_access_token(self) -> None:
        """
        The hub accepts a new token, and reads from it the rights that were granted.
        """
        token = self.access_token(lifetime=60)
        rights = self.rights(token, Action.PUBLISH)
        self.assertEqual(Matchers.of(Everything()), rights.publish)
        self.assertEqual(NOW + 60, rights.expires)
        rights = self.rights(token, Action.SUBSCRIBE)
        self.assertTrue(rights.subscribe.match(("https://hub.example/books/1",)))
        self.assertEqual({"a": 1}, rights.payload_of("/s"))

    def test_claims(self) -> None:
        """
        A token has all claims that issuers must write (RFC 9068, 2.2); no two tokens are equal.
        """
        token = Token.parse(self.access_token(subject="s", client_id="c"))
        self.assertEqual("at+jwt", token.typ)
        for name, expected in (("sub", "s"), ("client_id", "c"), ("iat", NOW), ("exp", NOW + 3600)):
            self.assertEqual(expected, token.claims[name])
        self.assertNotEqual(token.claims["jti"], Token.parse(self.access_token()).claims["jti"])

    def test_refused(self) -> None:
        """
        Rights that the hub would refuse are refused when the token is made.
        """
        for grants in (
            [Grant(Action.PUBLISH, ())],
            [Grant(Action.PUBLISH, (("regexp", "a"),))],
            [Grant(Action.PUBLISH, (("exact", ""),))],
        ):
            error = self.assertRaises(ValueError, self.access_token, grants=grants)
            self.assertIn("authorization_details[0].topics", str(error))
        self.assertRaises(ValueError, mint_legacy_token, self.key, publish=["\ud800"], now=NOW)

    def test_legacy_token(self) -> None:
        """
        The hub accepts a token of 0.x.
        """
        token = mint_legacy_token(
            self.key, publish=["*"], subscribe=["a"], payload={"b": 1}, now=NOW, lifetime=60
        )
        rights = self.rights(token, Action.PUBLISH)
        self.assertEqual(Matchers.of(Everything()), rights.publish)
        self.assertEqual((True, NOW + 60), (rights.is_legacy, rights.expires))
        rights = self.rights(token, Action.SUBSCRIBE)
        self.assertEqual(Matchers.of("a"), rights.subscribe)
        self.assertEqual({"b": 1}, rights.payload_of("a"))

    def test_legacy_claims(self) -> None:
        """
        A token of 0.x has only the requested claims, and may be valid for ever.
        """
        token = mint_legacy_token(self.key, subscribe=["a"], now=NOW, lifetime=None)
        self.assertEqual({"mercure": {"subscribe": ["a"]}}, Token.parse(token).claims)
        self.assertEqual("JWT", jwt.get_unverified_header(token)["typ"])
