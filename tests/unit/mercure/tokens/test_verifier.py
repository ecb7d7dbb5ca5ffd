"""
The checks of a token.
"""

from collections.abc import Mapping
from math import inf
from typing import Any

from ssetwist.hub import NOTHING, Everything, Matchers
from ssetwist.hub._turns import MAX_TURN
from ssetwist.mercure.rights._checks import Checks
from ssetwist.mercure.rights._rights import Action
from ssetwist.mercure.tokens._credentials import Credential, CredentialPlace
from ssetwist.mercure.tokens._verifier import CLOCK_SKEW
from ssetwist.mercure.topics._limits import Limits
from tests.unit.mercure.case import TickingClock
from tests.unit.mercure.fake_tokens import (
    HUB,
    NOW,
    OTHER_SECRET,
    SECRET,
    access_token,
    detail,
    signed,
)
from tests.unit.mercure.tokens.case import OTHER, VerifierCase, trust


class AccessTokenTests(VerifierCase):
    """
    Tokens of 1.0.
    """

    def test_accepted(self) -> None:
        """
        A good token gives the rights in its details.
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
        The rights of a token to another action are dropped, because that action may need other
        keys.
        """
        rights = self.rights(access_token(), Action.PUBLISH)
        self.assertEqual((NOTHING, ()), (rights.subscribe, rights.payloads))
        self.assertIsNone(self.rights(access_token(), Action.SUBSCRIBE).publish)

    def test_ambient(self) -> None:
        """
        Rights are ambient if the token is in a cookie, which browsers add to requests of any page.
        """
        for place in (CredentialPlace.HEADER, CredentialPlace.COOKIE):
            rights = self.rights(access_token(), source=place)
            self.assertEqual(place is CredentialPlace.COOKIE, rights.is_ambient)

    def test_no_details(self) -> None:
        """
        A token without details is accepted, and gives no rights (D9).
        """
        rights = self.rights(access_token(authorization_details=None))
        self.assertEqual((None, NOTHING), (rights.publish, rights.subscribe))

    def test_identity(self) -> None:
        """
        Tokens with the same issuer and subject have the same identity.
        """
        self.assertEqual(
            self.rights(access_token(sub="a", jti="1")).identity,
            self.rights(access_token(sub="a", jti="2"), Action.SUBSCRIBE).identity,
        )

    def test_type(self) -> None:
        """
        Details count only in a token with the type of an access token.
        """
        for typ in ("at+jwt", "AT+jwt", "application/at+jwt"):
            self.rights(access_token(typ=typ))
        for typ, found in (("JWT", "'JWT'"), ("jwt+at", "'jwt+at'"), (5, "a number")):
            self.assertEqual(
                f"typ is {found}; expected 'at+jwt'", self.refusal(access_token(typ=typ))
            )

    def test_in_url(self) -> None:
        """
        A token of 1.0 in the URL is refused (A4).
        """
        self.rights(access_token(), source=CredentialPlace.COOKIE)
        self.assertEqual(
            "the token's place is the URL; expected the Authorization header or a cookie",
            self.refusal(access_token(), source=CredentialPlace.QUERY),
        )

    def test_issuer(self) -> None:
        """
        The issuer must equal a trusted one exactly.
        """
        for issuer, found in (
            (None, "missing"),
            (OTHER, f"'{OTHER}'"),
            (f"{HUB}/", f"'{HUB}/'"),
            ([HUB], "an array"),
        ):
            self.assertEqual(
                f"iss is {found}; expected '{HUB}'; --issuer names the issuer, which is the "
                "--audience by default",
                self.refusal(access_token(iss=issuer)),
            )

    def test_keys_of_issuer(self) -> None:
        """
        A token is checked only with the keys of its own issuer.
        """
        self.verifier = self.make({HUB: trust(SECRET), OTHER: trust(OTHER_SECRET)})
        self.rights(access_token())
        self.rights(access_token(OTHER_SECRET, iss=OTHER))
        for token in (access_token(iss=OTHER), access_token(OTHER_SECRET)):
            self.assertIn("the signature is made with another key", self.refusal(token))

    def test_audience(self) -> None:
        """
        The token must name this hub as an audience, alone or beside others.
        """
        self.rights(access_token(aud=["https://x.example", HUB]))
        for audience, found in (
            (None, "missing"),
            ("https://x.example", "'https://x.example'"),
            (["a", 5], "'a' and a number"),
            ([], "empty"),
            (f"{HUB}/", f"'{HUB}/'"),
            ({HUB: 1}, "an object"),
            ([[HUB]], "an array"),
        ):
            self.assertEqual(
                f"aud is {found}; expected '{HUB}'", self.refusal(access_token(aud=audience))
            )

    def test_no_audience(self) -> None:
        """
        A hub that does not know its own URL refuses tokens of 1.0.
        """
        self.verifier = self.make({HUB: trust(SECRET)}, audience=None, legacy=trust(SECRET))
        self.assertEqual(
            "the hub's --audience is not set; expected the hub's own URL; without it no token of "
            "1.0 is accepted",
            self.refusal(access_token()),
        )

    def test_expiry(self) -> None:
        """
        A token needs an end, which must be in the future.
        """
        self.rights(access_token(exp=NOW + 0.001))
        for expires, found in (
            (None, "missing"),
            (NOW, "2027-01-15 08:00:00 UTC"),
            (NOW - 60, "2027-01-15 07:59:00 UTC"),
            (str(NOW + 60), "not a number of seconds"),
            (True, "not a number of seconds"),
            ([NOW + 60], "not a number of seconds"),
            (10**400, "not a number of seconds"),
            (-1, "1969-12-31 23:59:59 UTC"),
        ):
            self.assertEqual(
                f"exp is {found}; expected later than now, which is 2027-01-15 08:00:00 UTC",
                self.refusal(access_token(exp=expires)),
            )

    def test_not_before(self) -> None:
        """
        A token that begins later is refused, except for a small difference between clocks.
        """
        early = self.rights(access_token(nbf=NOW + CLOCK_SKEW))
        self.assertEqual(self.rights(access_token()).publish, early.publish)
        for begins in (NOW + CLOCK_SKEW + 1, "x", True):
            reason = self.refusal(access_token(nbf=begins))
            self.assertIn("expected at most 5 s later than now", reason)

    def test_optional_claims(self) -> None:
        """
        Claims that issuers must write, but hubs need not check, may be missing or odd.
        """
        odd = self.rights(access_token(sub=5, client_id=None, iat="x", jti=[]))
        plain = self.rights(access_token())
        self.assertEqual(
            (plain.publish, plain.subscribe, plain.expires),
            (odd.publish, odd.subscribe, odd.expires),
        )

    def test_bad_details(self) -> None:
        """
        A mistake in the details rejects the token; the verifier's limits hold.
        """
        bad = access_token(authorization_details=[detail("publish")])
        self.assertEqual("authorization_details[0].topics is empty", self.refusal(bad))
        self.verifier = self.make({HUB: trust(SECRET)}, limits=Limits(max_matchers=1))
        self.assertIn("at most 1", self.refusal(access_token()))

    def test_garbage(self) -> None:
        """
        A text that is not a token is refused.
        """
        self.assertEqual(
            "the token is in 1 part; expected a signed JWT, in three parts",
            self.refusal("s3cret-s3cret-s3cret"),
        )

    def test_checks(self) -> None:
        """
        Each check is recorded, up to the one that fails.
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


class ManyPatternsTests(VerifierCase):
    """
    Tokens with many patterns.
    """

    def test_turns(self) -> None:
        """
        The patterns of a token are compiled in as many turns as that takes, and in one if it is
        quick.
        """
        self.clock = clock = TickingClock()
        clock.advance(NOW)
        verifier = self.make({HUB: trust(SECRET)}, legacy=trust(SECRET))
        topics = [{"match": f"/{number}/*", "match_type": "urlpattern"} for number in range(9)]
        templates = [f"https://example.com/{number}/{{id}}" for number in range(9)]
        for token in (
            access_token(authorization_details=[detail("publish", topics=topics)]),
            signed({"mercure": {"publish": templates}}),
        ):
            credential = Credential(token, CredentialPlace.HEADER)
            clock.tick = 0.0
            self.successResultOf(verifier.verify(credential, Action.PUBLISH))
            clock.tick = MAX_TURN
            verifying = verifier.verify(credential, Action.PUBLISH)
            self.assertLess(8, clock.turns_until(verifying))
            self.assertTrue(self.successResultOf(verifying).publish)


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
        Return a token of 0.x with these claims.
        """
        return signed({**self.CLAIMS, **changes}, key)

    def test_accepted(self) -> None:
        """
        A token of 0.x needs nothing but a good signature (Z3).
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
        A signed token without the claim is accepted, and gives no rights.
        """
        rights = self.rights(signed({}, OTHER_SECRET))
        self.assertIsNone(rights.publish)

    def test_no_legacy(self) -> None:
        """
        A hub that speaks only 1.0 refuses tokens of 0.x.
        """
        self.verifier = self.make({HUB: trust(OTHER_SECRET)})
        self.assertEqual(
            "the dialect is 0.x, because typ is 'JWT'; expected 1.0, with typ 'at+jwt'; "
            "this hub does not accept 0.x (--no-legacy)",
            self.refusal(self.token()),
        )

    def test_keys(self) -> None:
        """
        Tokens of 0.x have their own keys, which do not work for tokens of 1.0.
        """
        self.assertIn("with another key", self.refusal(self.token(SECRET)))
        self.assertIn("with another key", self.refusal(access_token(OTHER_SECRET)))

    def test_no_mixture(self) -> None:
        """
        A token of 1.0 with the claim of 0.x gets neither the rights nor the milder rules of 0.x.
        """
        legacy = self.CLAIMS["mercure"]
        rights = self.rights(access_token(authorization_details=None, mercure=legacy))
        self.assertIsNone(rights.publish)
        for changes in ({"exp": None}, {"aud": None}, {"iss": None}, {"typ": "JWT"}):
            self.refusal(access_token(mercure=legacy, **changes))
        self.assertIn("typ is 'JWT'", self.refusal(self.token(authorization_details=[])))

    def test_expiry(self) -> None:
        """
        The times of a token are checked if it has them.
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
            "mercure.publish is not an array", self.refusal(self.token(mercure={"publish": "*"}))
        )
