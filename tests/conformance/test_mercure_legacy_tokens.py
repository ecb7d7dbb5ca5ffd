"""
Tokens of Mercure 0.x, clause by clause (section 16).
"""

import time

from tests.conformance.mercure_hub import KEYS, SECRET, a_topic, hub
from tests.conformance.mercure_publisher import access_token, legacy_token
from tests.conformance.mercure_tokens import COOKIE, LEGACY_COOKIE, OWN_PAGE, TokenCase
from tests.unit.mercure.fake_tokens import file, private_key, public_pem, signed


class LegacyTests(TokenCase):
    """
    Tokens of 0.x (section 16).
    """

    def test_Z3_token(self) -> None:
        """
        Only the signature is required; ``exp`` and ``nbf`` are checked if they are there.
        """
        now = time.time()
        self.assert_accepted(legacy_token())
        self.assert_accepted(legacy_token(exp=now + 60, nbf=now - 60, aud="x", iss="y"))
        self.assert_invalid(legacy_token(exp=now - 60), "exp is")
        self.assert_invalid(legacy_token(nbf=now + 60), "nbf is")
        self.assert_invalid(legacy_token(key=b"x" * 40), "the signature is")

    def test_Z3_public_keys(self) -> None:
        """
        A token may be signed with a private key; the hub checks it with the public key.
        """
        for kind, algorithm in (("P-256", "ES256"), ("RSA", "RS256")):
            made = self.fresh_hub(f"--key=file:{file(self, public_pem(kind))}")
            self.assert_accepted(legacy_token(None, private_key(kind), algorithm), made)

    def test_Z3_namespaced_claim(self) -> None:
        """
        A claim with a URL as its name wins over the claim ``mercure``.
        """
        for claim, status in (({"publish": ["*"]}, 200), ({"publish": []}, 401), ({}, 401)):
            token = legacy_token({"publish": ["*"]}, **{"https://mercure.rocks/": claim})
            self.assert_status(status, self.publish_with(("Authorization", f"Bearer {token}")))

    def test_Z3_never_mixed(self) -> None:
        """
        A token with anything of 1.0 is checked by all rules of 1.0, and its claim ``mercure`` is
        ignored.
        """
        claim = {"publish": ["*"], "subscribe": ["*"]}
        self.assert_invalid(legacy_token(authorization_details=[]), "typ is")
        self.assert_invalid(legacy_token(authorization_details=None), "typ is")
        self.assert_invalid(access_token(aud=None, mercure=claim), "aud is")
        self.assert_invalid(access_token(exp=None, mercure=claim), "exp is")
        token = access_token(authorization_details=None, mercure=claim)
        self.assert_status(403, self.publish_with(("Authorization", f"Bearer {token}")))

    def test_Z3_switch(self) -> None:
        """
        One option turns off tokens of 0.x, their cookie and their parameter.
        """
        made = hub(*KEYS, "--no-legacy")
        self.assert_invalid(legacy_token(), "0.x", made)
        token = access_token()
        cookie = ("Cookie", f"{LEGACY_COOKIE}={token}")
        self.assert_status(401, self.publish_with(cookie, OWN_PAGE, at=made))
        for given in (token, legacy_token()):
            refused = self.publish_with(at=made, query=f"?authorization={given}")
            self.assert_status(401, refused)
            self.assertNotIn("error=", refused.headers["WWW-Authenticate"])

    def test_Z4_publish(self) -> None:
        """
        Each topic must match a selector in the claim's ``publish``; otherwise the answer is 401.
        """
        for selectors, topics, status in (
            (["*"], ["/a", "/b"], 200),
            (["/a"], ["/a"], 200),
            (["/a"], ["/a", "/b"], 401),
            (["/books/{id}"], ["/books/1"], 200),
            (["/books/{id}"], ["/books/1/pages"], 401),
            (["/a", "/books/{id}"], ["/a", "/books/1"], 200),
            ([], ["/a"], 401),
            (None, ["/a"], 401),
        ):
            claim = {"subscribe": ["*"]} | ({} if selectors is None else {"publish": selectors})
            fields = [("topic", topic) for topic in topics]
            with self.assert_publishes(int(status == 200)):
                response = self.hub.publish(fields, token=legacy_token(claim))
            self.assert_status(status, response)

    def test_Z4_null(self) -> None:
        """
        A claim that is ``null`` or missing grants nothing.
        """
        for claims in ({"mercure": {"publish": None}}, {"mercure": {}}, {"mercure": None}, {}):
            bearer = ("Authorization", f"Bearer {signed(claims, SECRET)}")
            self.assert_status(401, self.publish_with(bearer))

    def test_Z4_nonsense(self) -> None:
        """
        A claim that does not consist of lists of strings is refused.
        """
        for claim in ("*", ["*"], 1, {"publish": "*"}, {"publish": [1]}, {"publish": {"*": 1}}):
            self.assert_invalid(legacy_token(claim), "mercure")

    def test_Z6_missing_grant(self) -> None:
        """
        A token of 0.x without the grant gets 401 without a code, because 0.x does not use 403.
        """
        token = legacy_token({"subscribe": ["*"]})
        response = self.publish_with(("Authorization", f"Bearer {token}"))
        self.assert_status(401, response)
        self.assertNotIn("error=", response.headers["WWW-Authenticate"])

    def test_Z6_reserved_topic(self) -> None:
        """
        A reserved topic gets 400 in both dialects, because another token would not help; 0.24.2
        answers 403.
        """
        token = legacy_token()
        for topic in ("/.well-known/mercure", "mercure/x"):
            self.assert_refuses(400, "topic", {"topic": topic}, token=token)

    def test_Z6_bad_fields(self) -> None:
        """
        An invalid field gets 400, even with a token of 0.x.
        """
        token = legacy_token()
        self.assert_refuses(400, "topic", {"data": "x"}, token=token)
        for name, bad in (("retry", "x"), ("id", "#x"), ("type", "mercure")):
            self.assert_refuses(400, name, {"topic": a_topic(), name: bad}, token=token)

    def test_Z9_typ(self) -> None:
        """
        The type of a token of 0.x is ``JWT`` or missing.
        """
        for typ in ("JWT", "jwt", None, "x"):
            self.assert_accepted(legacy_token(header={"typ": typ}))

    def test_Z9_cookie(self) -> None:
        """
        A token of 0.x may be in the cookie of either dialect.
        """
        for name in (LEGACY_COOKIE, COOKIE):
            cookie = ("Cookie", f"{name}={legacy_token()}")
            self.assert_status(200, self.publish_with(cookie, OWN_PAGE))
            self.assert_status(200, self.subscribe_with(cookie))
