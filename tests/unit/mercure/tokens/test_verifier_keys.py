"""
Keys of a verifier: the keys that may have signed a token, and the fetching of newer keys.
"""

from twisted.internet.defer import CancelledError

from ssetwist.errors import Refused
from ssetwist.hub import Matchers
from ssetwist.mercure.rights._rights import Action
from ssetwist.mercure.tokens._credentials import Credential, CredentialPlace
from ssetwist.mercure.tokens._keys import VerificationKey, from_bytes
from ssetwist.mercure.tokens._trust import FixedKeys, Trust
from tests.unit.mercure.fake_tokens import (
    HUB,
    NOW,
    OTHER_SECRET,
    SECRET,
    access_token,
    private_key,
    public_pem,
    signed,
)
from tests.unit.mercure.tokens.case import (
    OTHER,
    ChangingKeys,
    VerifierCase,
    mac_of,
    resigned,
    trust,
    with_header,
)


class SignatureTests(VerifierCase):
    """
    Keys and algorithms.
    """

    def test_wrong_secret(self) -> None:
        """
        A token with another signature is refused; the reason names the expected key.
        """
        self.assertEqual(
            "the signature is made with another key; expected one made with the hub's shared "
            "secret for tokens to publish",
            self.refusal(access_token(OTHER_SECRET)),
        )

    def test_changed(self) -> None:
        """
        A token with changed claims is refused.
        """
        head, _, signature = access_token().split(".")
        _, claims, _ = access_token(sub="x").split(".")
        self.assertIn("the signature is", self.refusal(f"{head}.{claims}.{signature}"))
        self.assertIn("the signature is", self.refusal(f"{head}.{claims}."))

    def test_algorithms(self) -> None:
        """
        A token cannot choose its algorithm.
        """
        self.assertEqual(
            "alg is 'HS512'; expected 'HS256'", self.refusal(access_token(SECRET * 2, "HS512"))
        )
        self.assertEqual(
            "alg is 'none'; expected 'HS256'", self.refusal(access_token(None, "none"))
        )
        for algorithm, found in ((None, "missing"), (["HS256"], "an array")):
            token = with_header({"typ": "at+jwt", "alg": algorithm})
            self.assertEqual(f"alg is {found}; expected 'HS256'", self.refusal(token))

    def test_confusion(self) -> None:
        """
        A public key does not work as a secret, even if the token says so.
        """
        pem = public_pem("RSA")
        self.verifier = self.make({HUB: trust(pem)})
        self.rights(access_token(private_key("RSA"), "RS256"))
        self.rights(access_token(private_key("RSA"), "PS512"))
        head, claims, _ = access_token().split(".")
        signature = mac_of(pem, f"{head}.{claims}")
        self.assertIn(
            "alg is 'HS256'; expected 'RS256'", self.refusal(f"{head}.{claims}.{signature}")
        )

    def test_actions(self) -> None:
        """
        Publishing and subscribing may have separate keys, or one may be without keys.
        """
        first, second = (FixedKeys((from_bytes(key),)) for key in (SECRET, OTHER_SECRET))
        self.verifier = self.make({HUB: Trust((first,), (second,))})
        self.rights(access_token(), Action.PUBLISH)
        self.rights(access_token(OTHER_SECRET), Action.SUBSCRIBE)
        self.assertIn("to subscribe", self.refusal(access_token(), Action.SUBSCRIBE))
        self.assertIn("to publish", self.refusal(access_token(OTHER_SECRET), Action.PUBLISH))
        self.verifier = self.make({HUB: Trust(subscribe=(second,))})
        self.assertEqual(
            "the key of tokens to publish is not set; expected set, by --key, --publisher-key or "
            "--jwks",
            self.refusal(access_token()),
        )
        self.assertEqual([False, True], [self.verifier.has_keys(action) for action in Action])

    def test_named_keys(self) -> None:
        """
        A ``kid`` selects the key with that name and keys without a name; if no key has that name,
        all are tried.
        """
        keys = [VerificationKey.from_secret(secret) for secret in (SECRET, OTHER_SECRET)]
        for names, kid, expected in (
            (("a", "b"), "a", True),
            (("a", "b"), None, True),
            (("a", "b"), "c", True),
            (("a", "b"), "b", False),
            ((None, "b"), "b", True),
            ((None, None), "b", True),
        ):
            named = tuple(
                VerificationKey(key.kind, key.algorithms, key._material, name)
                for key, name in zip(keys, names, strict=True)
            )
            self.verifier = self.make({HUB: Trust((FixedKeys(named),))})
            token = access_token(kid=kid)
            if expected:
                self.rights(token)
            else:
                self.assertIn("with another key, named 'b';", self.refusal(token))

    def test_embedded_key(self) -> None:
        """
        Keys inside a token are ignored.
        """
        token = signed(
            {"iss": HUB, "aud": HUB, "exp": NOW + 60},
            OTHER_SECRET,
            typ="at+jwt",
            jwk={"kty": "oct", "k": "YW5vdGhlciBzZWNyZXQgb2YgdGhpcnR5LXR3byBieXRlcyBvciBtb3Jl"},
            jku="https://evil.example/",
        )
        self.assertIn("the signature is made with another key", self.refusal(token))


class ChangingKeysTests(VerifierCase):
    """
    Keys that change while the hub runs.
    """

    def setUp(self) -> None:
        super().setUp()
        self.source = ChangingKeys()
        self.verifier = self.make({HUB: Trust((self.source,), (self.source,))})
        self.token = access_token(private_key("P-256"), "ES256", kid="new")

    def key(self, kid: str | None, kind: str = "P-256") -> VerificationKey:
        """
        Return a key with a name.
        """
        return VerificationKey.from_pem(public_pem(kind), kid=kid)

    def test_waits(self) -> None:
        """
        A token with an unknown key waits until that key is fetched.
        """
        self.source.keys = (self.key("old", "RSA"),)
        result = self.verifier.verify(
            Credential(self.token, CredentialPlace.HEADER), Action.PUBLISH
        )
        self.assertNoResult(result)
        self.source.keys = (self.key("new"),)
        self.source.sought.pop().callback(None)
        self.assertEqual(Matchers.of("/p"), self.successResultOf(result).publish)

    def test_in_vain(self) -> None:
        """
        If the key of a token cannot be found, the token is refused; the reason says that its name
        is unknown.
        """
        self.source.keys = (self.key("old", "P-256"),)
        token = access_token(private_key("Ed25519"), "EdDSA", kid="new")
        for one, expected in (
            (token, "alg is 'EdDSA'; expected 'ES256'"),
            (
                resigned(self.token),
                "the signature is made with another key, named 'new', which this hub does not know",
            ),
        ):
            result = self.verifier.verify(Credential(one, CredentialPlace.HEADER), Action.PUBLISH)
            self.source.sought.pop().callback(None)
            self.assertIn(expected, self.failureResultOf(result, Refused).value.reason)

    def test_does_not_wait(self) -> None:
        """
        A token does not wait if its key is known, or if a set cannot contain its key.
        """
        self.source.keys = (self.key("new"),)
        self.rights(self.token)
        self.refusal(resigned(self.token))
        self.refusal(access_token())
        self.assertEqual([], self.source.sought)

    def test_without_name(self) -> None:
        """
        A token without a ``kid`` may also wait, with or without names of the known keys.
        """
        token = access_token(private_key("P-256"), "ES256")
        for before in ((), (self.key(None, "RSA"),)):
            self.source.keys = before
            result = self.verifier.verify(Credential(token, CredentialPlace.HEADER), Action.PUBLISH)
            self.assertNoResult(result)
            self.source.keys = (self.key(None),)
            self.source.sought.pop().callback(None)
            self.successResultOf(result)

    def test_no_keys(self) -> None:
        """
        As long as no keys are known, a token gets 503, because it may be good.
        """
        for problem, expected in (
            ("the set is down", "there are no keys: the set is down"),
            ("", "there are no keys: their set is empty"),
        ):
            self.source.problem = problem
            result = self.verifier.verify(
                Credential(self.token, CredentialPlace.HEADER), Action.PUBLISH
            )
            self.source.sought.pop().callback(None)
            refused = self.failureResultOf(result, Refused).value
            self.assertEqual(
                (503, None, 30.0), (refused.status, refused.error, refused.retry_after)
            )
            self.assertEqual(expected, refused.reason)

    def test_empty(self) -> None:
        """
        An empty list of fixed keys also gives 503.
        """
        self.verifier = self.make({HUB: Trust((FixedKeys(()),))})
        result = self.verifier.verify(
            Credential(self.token, CredentialPlace.HEADER), Action.PUBLISH
        )
        refused = self.failureResultOf(result, Refused).value
        self.assertEqual("there are no keys: their set is empty", refused.reason)

    def test_cancel(self) -> None:
        """
        Cancelling a check stops its wait for keys.
        """
        result = self.verifier.verify(
            Credential(self.token, CredentialPlace.HEADER), Action.PUBLISH
        )
        result.cancel()
        self.failureResultOf(result, CancelledError)
        self.assertEqual(["cancel"], self.source.calls)

    def test_start_and_stop(self) -> None:
        """
        A source that several issuers share is started and stopped once.
        """
        other = ChangingKeys()
        trust = Trust((self.source,), (self.source, other))
        verifier = self.make({HUB: trust, OTHER: trust}, legacy=trust)
        verifier.start()
        verifier.stop()
        for source in (self.source, other):
            self.assertEqual(["start", "stop"], source.calls)

    def test_fixed(self) -> None:
        """
        Fixed keys may be started and stopped, without effect.
        """
        verifier = self.make({HUB: trust(public_pem("Ed25519"))})
        verifier.start()
        self.verifier = verifier
        self.assertIn("alg is 'ES256'; expected 'EdDSA'", self.refusal(self.token))
        verifier.stop()
        self.assertEqual([], self.clock.getDelayedCalls())
        self.assertTrue(verifier.has_keys(Action.PUBLISH))
