"""
Whether a token is believed.
"""

import base64
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.errors import Refused
from ssetwist.hub import NOTHING, Everything, Matchers
from ssetwist.mercure.rights._checks import Checks
from ssetwist.mercure.rights._rights import Action, Rights
from ssetwist.mercure.tokens._credentials import Credential, CredentialPlace
from ssetwist.mercure.tokens._keys import VerificationKey, from_bytes
from ssetwist.mercure.tokens._trust import FixedKeys, Trust
from ssetwist.mercure.tokens._verifier import CLOCK_SKEW, TokenVerifier
from ssetwist.mercure.topics._limits import Limits
from tests.unit.mercure.fake_tokens import (
    HUB,
    NOW,
    OTHER_SECRET,
    SECRET,
    access_token,
    detail,
    private_key,
    public_pem,
    signed,
)

OTHER = "https://issuer.example"


@dataclass(eq=False)
class ChangingKeys:
    """
    Keys that come when they are sought, and the test lets them.
    """

    keys: tuple[VerificationKey, ...] = ()
    problem: str = ""
    sought: "list[Deferred[None]]" = field(default_factory=list)
    calls: list[str] = field(default_factory=list)

    def seek(self) -> "Deferred[None]":
        """
        Wait for the test.
        """
        self.sought.append(Deferred(lambda _: self.calls.append("cancel")))
        return self.sought[-1]

    def start(self) -> None:
        """
        Note it.
        """
        self.calls.append("start")

    def stop(self) -> None:
        """
        Note it.
        """
        self.calls.append("stop")


def trust(*contents: bytes) -> Trust:
    """
    Trust these keys for everything.
    """
    source = FixedKeys(tuple(from_bytes(content) for content in contents))
    return Trust((source,), (source,))


class VerifierCase(SynchronousTestCase):
    """
    A verifier, and what it says.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(NOW)
        self.verifier = self.make({HUB: trust(SECRET)})

    def make(
        self,
        issuers: Mapping[str, Trust],
        *,
        audience: str | None = HUB,
        legacy: Trust | None = None,
        limits: Limits | None = None,
    ) -> TokenVerifier:
        """
        Make a verifier.
        """
        more = {} if limits is None else {"limits": limits}
        return TokenVerifier(
            clock=self.clock, audience=audience, issuers=issuers, legacy=legacy, **more
        )

    def rights(
        self,
        token: str,
        action: Action = Action.PUBLISH,
        source: CredentialPlace = CredentialPlace.HEADER,
    ) -> Rights:
        """
        Return what a token allows.
        """
        return self.successResultOf(self.verifier.verify(Credential(token, source), action))

    def refusal(
        self,
        token: str,
        action: Action = Action.PUBLISH,
        source: CredentialPlace = CredentialPlace.HEADER,
    ) -> str:
        """
        Return why a token is refused; its peer is told the same each time.
        """
        failure = self.failureResultOf(
            self.verifier.verify(Credential(token, source), action), Refused
        )
        self.assertEqual(
            (401, "invalid_token", "The token is not accepted."),
            (failure.value.status, failure.value.error, failure.value.text),
        )
        for part in (token, *token.split(".")):
            if len(part) > 10:
                self.assertNotIn(part, failure.value.reason)
                self.assertNotIn(part, failure.getTraceback())
        return failure.value.reason


class AccessTokenTests(VerifierCase):
    """
    Tokens of 1.0.
    """

    def test_accepted(self) -> None:
        """
        A good token allows what its details say.
        """
        rights = self.rights(access_token())
        self.assertEqual(Matchers.of("/p"), rights.publish)
        self.assertEqual(NOW + 60, rights.expires)
        self.assertFalse(rights.is_legacy)
        rights = self.rights(access_token(), Action.SUBSCRIBE)
        self.assertEqual(Matchers.of("/s"), rights.subscribe)
        self.assertEqual(1, rights.payload_of("/s"))

    def test_other_action(self) -> None:
        """
        What it says of another action is left out: that may have other keys.
        """
        rights = self.rights(access_token(), Action.PUBLISH)
        self.assertEqual((NOTHING, ()), (rights.subscribe, rights.payloads))
        self.assertIsNone(self.rights(access_token(), Action.SUBSCRIBE).publish)

    def test_no_details(self) -> None:
        """
        A token without details is good, and allows nothing (D9).
        """
        rights = self.rights(access_token(authorization_details=None))
        self.assertEqual((None, NOTHING), (rights.publish, rights.subscribe))

    def test_identity(self) -> None:
        """
        It is known for whom it was made.
        """
        self.assertEqual(
            self.rights(access_token(sub="a", jti="1")).identity,
            self.rights(access_token(sub="a", jti="2"), Action.SUBSCRIBE).identity,
        )

    def test_type(self) -> None:
        """
        Details are read from what says that it is an access token only.
        """
        for typ in ("at+jwt", "AT+jwt", "application/at+jwt"):
            self.rights(access_token(typ=typ))
        for typ, found in (("JWT", "'JWT'"), ("jwt+at", "'jwt+at'"), (5, "no text but a number")):
            self.assertEqual(
                f"typ is {found}; expected 'at+jwt'", self.refusal(access_token(typ=typ))
            )

    def test_in_url(self) -> None:
        """
        A token of 1.0 is never taken from the URL (A4).
        """
        self.rights(access_token(), source=CredentialPlace.COOKIE)
        self.assertEqual(
            "the token's place is the URL; expected the Authorization header or a cookie",
            self.refusal(access_token(), source=CredentialPlace.QUERY),
        )

    def test_issuer(self) -> None:
        """
        The issuer is one that is trusted, to the letter.
        """
        for issuer, found in (
            (None, "missing"),
            (OTHER, f"'{OTHER}'"),
            (f"{HUB}/", f"'{HUB}/'"),
            ([HUB], "no text but an array"),
        ):
            self.assertEqual(
                f"iss is {found}; expected '{HUB}'; who issues tokens is told by --issuer, and is "
                "the --audience without it",
                self.refusal(access_token(iss=issuer)),
            )

    def test_keys_of_issuer(self) -> None:
        """
        A token is checked with the keys of its own issuer, and no other's.
        """
        self.verifier = self.make({HUB: trust(SECRET), OTHER: trust(OTHER_SECRET)})
        self.rights(access_token())
        self.rights(access_token(OTHER_SECRET, iss=OTHER))
        for token in (access_token(iss=OTHER), access_token(OTHER_SECRET)):
            self.assertIn("the signature is made with another key", self.refusal(token))

    def test_audience(self) -> None:
        """
        The token is for this hub, maybe for others, too.
        """
        self.rights(access_token(aud=["https://x.example", HUB]))
        for audience, found in (
            (None, "missing"),
            ("https://x.example", "'https://x.example'"),
            (["a", 5], "'a' and no text but a number"),
            ([], "empty"),
            (f"{HUB}/", f"'{HUB}/'"),
            ({HUB: 1}, "no text but an object"),
            ([[HUB]], "no text but an array"),
        ):
            self.assertEqual(
                f"aud is {found}; expected '{HUB}'", self.refusal(access_token(aud=audience))
            )

    def test_no_audience(self) -> None:
        """
        A hub that does not know its own URL accepts none.
        """
        self.verifier = self.make({HUB: trust(SECRET)}, audience=None, legacy=trust(SECRET))
        self.assertEqual(
            "the hub's --audience is not set; expected the hub's own URL; without it no token of "
            "1.0 is accepted",
            self.refusal(access_token()),
        )

    def test_expiry(self) -> None:
        """
        A token ends, and has not ended.
        """
        self.rights(access_token(exp=NOW + 0.001))
        for expires, found in (
            (None, "missing"),
            (NOW, "2027-01-15 08:00:00 UTC"),
            (NOW - 60, "2027-01-15 07:59:00 UTC"),
            (str(NOW + 60), "no number of seconds"),
            (True, "no number of seconds"),
            ([NOW + 60], "no number of seconds"),
            (10**400, "no number of seconds"),
            (-1, "1969-12-31 23:59:59 UTC"),
        ):
            self.assertEqual(
                f"exp is {found}; expected later than now, which is 2027-01-15 08:00:00 UTC",
                self.refusal(access_token(exp=expires)),
            )

    def test_not_before(self) -> None:
        """
        A token may begin later; then it is no good yet, but for what clocks differ.
        """
        early = self.rights(access_token(nbf=NOW + CLOCK_SKEW))
        self.assertEqual(self.rights(access_token()).publish, early.publish)
        for begins in (NOW + CLOCK_SKEW + 1, "x", True):
            reason = self.refusal(access_token(nbf=begins))
            self.assertIn("expected at most 5 s later than now", reason)

    def test_optional_claims(self) -> None:
        """
        What issuers must say, and hubs must not ask for, may be missing or odd.
        """
        odd = self.rights(access_token(sub=5, client_id=None, iat="x", jti=[]))
        plain = self.rights(access_token())
        self.assertEqual(
            (plain.publish, plain.subscribe, plain.expires),
            (odd.publish, odd.subscribe, odd.expires),
        )

    def test_bad_details(self) -> None:
        """
        A mistake in the details rejects the token; limits are those that were given.
        """
        bad = access_token(authorization_details=[detail("publish")])
        self.assertEqual("authorization_details[0].topics is empty", self.refusal(bad))
        self.verifier = self.make({HUB: trust(SECRET)}, limits=Limits(max_matchers=1))
        self.assertIn("there may be 1", self.refusal(access_token()))

    def test_garbage(self) -> None:
        """
        What is no token is refused.
        """
        self.assertEqual(
            "the token is in 1 part; expected a signed JWT, in three parts",
            self.refusal("s3cret-s3cret-s3cret"),
        )

    def test_checks(self) -> None:
        """
        Each check is told, with what was found and what was expected; the last is that which fails.
        """
        checks = Checks()
        token = access_token(aud="x")
        self.failureResultOf(
            self.verifier.verify(Credential(token, CredentialPlace.HEADER), Action.PUBLISH, checks)
        )
        self.assertEqual(
            [
                ("typ", True),
                ("the token's place", True),
                ("iss", True),
                ("alg", True),
                ("the signature", True),
                ("aud", False),
            ],
            [(check.subject, check.is_met) for check in checks.done],
        )
        self.assertEqual(f"aud is 'x'; expected '{HUB}'", str(checks.done[-1]))


class SignatureTests(VerifierCase):
    """
    Keys and algorithms.
    """

    def test_wrong_secret(self) -> None:
        """
        A token that somebody else has signed is refused; it is said what is expected.
        """
        self.assertEqual(
            "the signature is made with another key; expected one that is made with the hub's "
            "shared secret for tokens to publish",
            self.refusal(access_token(OTHER_SECRET)),
        )

    def test_changed(self) -> None:
        """
        A token whose claims have been changed is refused.
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
        for algorithm, found in ((None, "missing"), (["HS256"], "no text but an array")):
            token = _with_header({"typ": "at+jwt", "alg": algorithm})
            self.assertEqual(f"alg is {found}; expected 'HS256'", self.refusal(token))

    def test_confusion(self) -> None:
        """
        A public key is no secret, though the token says so.
        """
        pem = public_pem("RSA")
        self.verifier = self.make({HUB: trust(pem)})
        self.rights(access_token(private_key("RSA"), "RS256"))
        self.rights(access_token(private_key("RSA"), "PS512"))
        head, claims, _ = access_token().split(".")
        signature = _hmac(pem, f"{head}.{claims}")
        self.assertIn(
            "alg is 'HS256'; expected 'RS256'", self.refusal(f"{head}.{claims}.{signature}")
        )

    def test_actions(self) -> None:
        """
        There may be separate keys to publish and to subscribe, or for one of them only.
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
        A name helps to find the key, and does not hide one without; where no key has it, all are
        tried.
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
        Keys that a token brings along are not looked at.
        """
        token = signed(
            {"iss": HUB, "aud": HUB, "exp": NOW + 60},
            OTHER_SECRET,
            typ="at+jwt",
            jwk={"kty": "oct", "k": "YW5vdGhlciBzZWNyZXQgb2YgdGhpcnR5LXR3byBieXRlcyBvciBtb3Jl"},
            jku="https://evil.example/",
        )
        self.assertIn("the signature is made with another key", self.refusal(token))


class LegacyTests(VerifierCase):
    """
    Tokens of 0.x.
    """

    CLAIMS: Mapping[str, Any] = {"mercure": {"publish": ["*"], "subscribe": ["a"], "payload": 5}}

    def setUp(self) -> None:
        super().setUp()
        self.verifier = self.make({HUB: trust(SECRET)}, legacy=trust(OTHER_SECRET))

    def token(self, key: bytes = OTHER_SECRET, **changes: Any) -> str:
        """
        Return a token.
        """
        return signed({**self.CLAIMS, **changes}, key)

    def test_accepted(self) -> None:
        """
        A token needs nothing but a signature (Z3).
        """
        rights = self.rights(self.token())
        self.assertEqual(Matchers.of(Everything()), rights.publish)
        self.assertEqual((inf, True), (rights.expires, rights.is_legacy))
        rights = self.rights(self.token(), Action.SUBSCRIBE)
        self.assertEqual(Matchers.of("a"), rights.subscribe)
        self.assertEqual(5, rights.payload_of("x"))
        self.rights(signed(self.CLAIMS, OTHER_SECRET, typ=""))
        self.rights(self.token(), source=CredentialPlace.QUERY)

    def test_without_claim(self) -> None:
        """
        Any token that is signed is good, and allows nothing.
        """
        rights = self.rights(signed({}, OTHER_SECRET))
        self.assertIsNone(rights.publish)

    def test_switched_off(self) -> None:
        """
        They are refused where only 1.0 is spoken.
        """
        self.verifier = self.make({HUB: trust(OTHER_SECRET)})
        self.assertEqual(
            "the dialect is 0.x, because typ is 'JWT'; expected 1.0, of which typ is 'at+jwt'; "
            "this hub accepts no others (--no-legacy)",
            self.refusal(self.token()),
        )

    def test_keys(self) -> None:
        """
        They have keys of their own, which are not good for tokens of 1.0.
        """
        self.assertIn("with another key", self.refusal(self.token(SECRET)))
        self.assertIn("with another key", self.refusal(access_token(OTHER_SECRET)))

    def test_no_mixture(self) -> None:
        """
        A token of 1.0 gets nothing from the claim of 0.x, and no milder rules by it.
        """
        legacy = self.CLAIMS["mercure"]
        rights = self.rights(access_token(authorization_details=None, mercure=legacy))
        self.assertIsNone(rights.publish)
        for changes in ({"exp": None}, {"aud": None}, {"iss": None}, {"typ": "JWT"}):
            self.refusal(access_token(mercure=legacy, **changes))
        self.assertIn("typ is 'JWT'", self.refusal(self.token(authorization_details=[])))

    def test_expiry(self) -> None:
        """
        A token that ends has not ended; one that begins has begun.
        """
        self.assertEqual(NOW + 1, self.rights(self.token(exp=NOW + 1)).expires)
        self.assertEqual(inf, self.rights(self.token(exp=None, nbf=None)).expires)
        for changes in ({"exp": NOW}, {"exp": "x"}, {"nbf": NOW + 60}):
            self.refusal(self.token(**changes))

    def test_bad_claim(self) -> None:
        """
        A mistake in the claim rejects the token.
        """
        self.assertEqual(
            "mercure.publish is no array", self.refusal(self.token(mercure={"publish": "*"}))
        )


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
        A token with a key that is not known waits until it is.
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
        It is refused if that key does not come; it is said that its name is not known.
        """
        self.source.keys = (self.key("old", "P-256"),)
        token = access_token(private_key("Ed25519"), "EdDSA", kid="new")
        for one, expected in (
            (token, "alg is 'EdDSA'; expected 'ES256'"),
            (
                _resigned(self.token),
                "the signature is made with another key, named 'new', which this hub does not know",
            ),
        ):
            result = self.verifier.verify(Credential(one, CredentialPlace.HEADER), Action.PUBLISH)
            self.source.sought.pop().callback(None)
            self.assertIn(expected, self.failureResultOf(result, Refused).value.reason)

    def test_does_not_wait(self) -> None:
        """
        A token does not wait if its key is known, or can be of no set.
        """
        self.source.keys = (self.key("new"),)
        self.rights(self.token)
        self.refusal(_resigned(self.token))
        self.refusal(access_token())
        self.assertEqual([], self.source.sought)

    def test_without_name(self) -> None:
        """
        A token that names no key may wait, too, also where the keys that are known have no names.
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
        While there are no keys nobody can say whether a token is good, which is not its fault.
        """
        for problem, expected in (
            ("the set is down", "there are no keys: the set is down"),
            ("", "there are no keys: their set has none"),
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
        It is the same with keys that are fixed, if there are none.
        """
        self.verifier = self.make({HUB: Trust((FixedKeys(()),))})
        result = self.verifier.verify(
            Credential(self.token, CredentialPlace.HEADER), Action.PUBLISH
        )
        refused = self.failureResultOf(result, Refused).value
        self.assertEqual("there are no keys: their set has none", refused.reason)

    def test_cancel(self) -> None:
        """
        Who does not wait any longer does not hold anything.
        """
        result = self.verifier.verify(
            Credential(self.token, CredentialPlace.HEADER), Action.PUBLISH
        )
        result.cancel()
        self.failureResultOf(result, CancelledError)
        self.assertEqual(["cancel"], self.source.calls)

    def test_start_and_stop(self) -> None:
        """
        Each source is started and stopped once, whoever shares it.
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
        Keys that do not change need neither.
        """
        verifier = self.make({HUB: trust(public_pem("Ed25519"))})
        verifier.start()
        self.verifier = verifier
        self.assertIn("alg is 'ES256'; expected 'EdDSA'", self.refusal(self.token))
        verifier.stop()
        self.assertEqual([], self.clock.getDelayedCalls())
        self.assertTrue(verifier.has_keys(Action.PUBLISH))


def _resigned(token: str) -> str:
    """
    Return a token with a signature that is none.
    """
    return token.rpartition(".")[0] + "." + "A" * 86


def _with_header(header: object) -> str:
    """
    Return a token with a header that no library would make.
    """
    _, claims, _ = access_token().split(".")
    text = f"{_encoded(json.dumps(header).encode())}.{claims}"
    return f"{text}.{_hmac(SECRET, text)}"


def _hmac(key: bytes, text: str) -> str:
    return _encoded(hmac.digest(key, text.encode(), "sha256"))


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
