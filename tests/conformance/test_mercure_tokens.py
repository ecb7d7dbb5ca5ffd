"""
Tokens: how they are presented, and how they are checked (sections 6 and 7 of the checklist).
"""

import base64
import hashlib
import hmac
import inspect
import json
import time
from typing import Any

import jwt

from tests.conformance.mercure_hub import HUB, KEYS, SECRET, MercureHub, hub
from tests.conformance.mercure_publisher import access_token, legacy_token
from tests.conformance.mercure_tokens import COOKIE, LEGACY_COOKIE, OWN_PAGE, TokenCase
from tests.patience import wait_until
from tests.unit.mercure.fake_tokens import file, jwk, jwk_set, private_key, public_pem


class PresentationTests(TokenCase):
    """
    Presenting tokens (section 6).
    """

    def test_A1_bearer(self) -> None:
        """
        A token may be in the ``Authorization`` header, after the scheme in any case.
        """
        token = access_token()
        for scheme in ("Bearer ", "bearer ", "BEARER ", "bEaReR   "):
            self.assert_status(200, self.publish_with(("Authorization", f"{scheme}{token}")))

    def test_A1_malformed(self) -> None:
        """
        Several headers, another scheme, and a missing, short or second token are refused with 400,
        even where tokens are optional.
        """
        token = access_token()
        good = ("Authorization", f"Bearer {token}")
        for fields in (
            [good, good],
            [("Authorization", f"Basic {token}")],
            [("Authorization", token)],
            [("Authorization", "Bearer")],
            [("Authorization", "Bearer ")],
            [("Authorization", "")],
            [("Authorization", f"Bearer{token}")],
            [("Authorization", f"Bearer {token[:40]}")],
            [("Authorization", f"Bearer {token} {token}")],
            [("Authorization", f"Bearer {token}, Bearer {token}")],
            [("Authorization", f'Bearer "{token}"')],
        ):
            with self.assert_publishes(0):
                self.assert_malformed(self.publish_with(*fields))
                self.assert_malformed(self.subscribe_with(*fields))

    def test_A2_cookie(self) -> None:
        """
        A token may be in a cookie with the recommended name.
        """
        cookie = ("Cookie", f"a=b; {COOKIE}={access_token()}; c=d")
        self.assert_status(200, self.publish_with(cookie, OWN_PAGE))
        self.assert_status(200, self.subscribe_with(cookie))

    def test_A2_other_name(self) -> None:
        """
        The cookie may have another name, which replaces the usual ones.
        """
        made = hub(*KEYS, "--cookie-name=mine")
        for name, status in (("mine", 200), (COOKIE, 401), (LEGACY_COOKIE, 401)):
            cookie = ("Cookie", f"{name}={access_token()}")
            self.assert_status(status, self.publish_with(cookie, OWN_PAGE, at=made))

    def test_A3_header_wins(self) -> None:
        """
        If the header has a token, the cookie is ignored, even if only the cookie has a good token.
        """
        good, bad = access_token(), access_token(aud="https://other.example")
        for header, cookie, status in ((good, bad, 200), (bad, good, 401)):
            fields = [("Authorization", f"Bearer {header}"), ("Cookie", f"{COOKIE}={cookie}")]
            self.assert_status(status, self.publish_with(*fields))
            self.assert_status(status, self.subscribe_with(*fields))

    def test_A4_no_token_in_the_url(self) -> None:
        """
        The parameter ``access_token`` is ignored, and tokens of 1.0 are refused in any parameter.
        """
        token = access_token()
        self.assert_status(401, self.publish_with(query=f"?access_token={token}"))
        self.assert_status(401, self.publish_with(query=f"?authorization={token}"))
        self.assert_status(401, self.subscribe_with(query=f"&authorization={token}"))
        anonymous = self.subscribe_with(query=f"&access_token={token}")
        self.assert_status(200, anonymous)

    def test_A4_legacy_parameter(self) -> None:
        """
        A token of 0.x may be in the URL; there it wins over a cookie, and a header wins over it.
        """
        good, bad = legacy_token(), legacy_token(key=b"another" * 10)
        legacy_cookie = ("Cookie", f"{LEGACY_COOKIE}={good}")
        bad_cookie = ("Cookie", f"{LEGACY_COOKIE}={bad}")
        self.assert_status(200, self.publish_with(query=f"?authorization={good}"))
        for fields, parameter, status in (
            ([bad_cookie, OWN_PAGE], good, 200),
            ([legacy_cookie, OWN_PAGE], bad, 401),
            ([("Authorization", f"Bearer {good}")], bad, 200),
            ([("Authorization", f"Bearer {bad}")], good, 401),
        ):
            found = self.publish_with(*fields, query=f"?authorization={parameter}")
            self.assert_status(status, found)
            found = self.subscribe_with(*fields, query=f"&authorization={parameter}")
            self.assert_status(status, found)

    def test_A4_malformed_parameter(self) -> None:
        """
        The parameter must not be repeated, and must be long enough for a token.
        """
        token = legacy_token()
        for value in (f"{token}&authorization={token}", token[:40], ""):
            self.assert_malformed(self.publish_with(query=f"?authorization={value}"))

    def test_A5_no_cookies_of_ours(self) -> None:
        """
        The hub never sets the cookie; the application does.
        """
        cookie = ("Cookie", f"{COOKIE}={access_token()}")
        for response in (self.publish_with(cookie, OWN_PAGE), self.subscribe_with(cookie)):
            self.assertNotIn("Set-Cookie", response.headers)

    def test_A6_plain_http(self) -> None:
        """
        For development without TLS, a token of either dialect may be in the cookie of 0.x, which
        does not need TLS.
        """
        for token in (access_token(), legacy_token()):
            cookie = ("Cookie", f"{LEGACY_COOKIE}={token}")
            self.assert_status(200, self.publish_with(cookie, OWN_PAGE))


class ValidationTests(TokenCase):
    """
    Checks of tokens (the table of section 7).
    """

    def test_V_typ(self) -> None:
        """
        The type is ``at+jwt``, in any case, with or without ``application/``.
        """
        for typ in ("at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"):
            self.assert_accepted(access_token(header={"typ": typ}))
        for typ in ("JWT", "at", "at+jwt ", "text/at+jwt", "", None, 1, ["at+jwt"]):
            self.assert_invalid(access_token(header={"typ": typ}), "typ is")

    def test_V_none(self) -> None:
        """
        A token without a signature is refused, in any spelling of "none".
        """
        for name in ("none", "None", "NONE", "nOnE", ""):
            for signature in ("", "AAAA"):
                token = f"{_part({'typ': 'at+jwt', 'alg': name})}.{_claims()}.{signature}"
                self.assert_invalid(token, "alg is")

    def test_V_algorithm_of_the_token(self) -> None:
        """
        A token cannot choose its algorithm.
        """
        for name in ("HS384", "HS512"):
            self.assert_invalid(access_token(SECRET * 2, name), "alg is")
        changed = f"{_part({'typ': 'at+jwt', 'alg': 'RS256'})}.{_claims()}.AAAA"
        self.assert_invalid(changed, "alg is")

    def test_V_algorithm_confusion(self) -> None:
        """
        A public key never works as a shared secret.
        """
        made = self.hub_with_key(public_pem("P-256"))
        signed = f"{_part({'typ': 'at+jwt', 'alg': 'HS256'})}.{_claims()}"
        for secret in (public_pem("P-256"), public_pem("P-256").strip()):
            signature = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
            self.assert_invalid(f"{signed}.{_base64(signature)}", "alg is", made)

    def test_V_allowlist(self) -> None:
        """
        Keys for EdDSA, ES256 and RS256 are accepted by default, and so are keys for other
        algorithms.
        """
        for kind, algorithms in (
            ("Ed25519", ["EdDSA"]),
            ("P-256", ["ES256"]),
            ("P-384", ["ES384"]),
            ("P-521", ["ES512"]),
            ("RSA", ["RS256", "RS512", "PS256"]),
        ):
            made = self.hub_with_key(public_pem(kind))
            for algorithm in algorithms:
                self.assert_accepted(access_token(private_key(kind), algorithm), made)

    def test_V_algorithm_option(self) -> None:
        """
        The operator may limit the algorithms of a key.
        """
        made = self.hub_with_key(public_pem("RSA"), "--algorithm=RS256,PS256")
        self.assert_accepted(access_token(private_key("RSA"), "PS256"), made)
        self.assert_invalid(access_token(private_key("RSA"), "RS512"), "alg is", made)

    def test_V_keys_of_the_token(self) -> None:
        """
        A key, or a URL of keys, inside a token is ignored.
        """
        own = private_key("P-256")
        made = self.hub_with_key(public_pem("P-384"))
        for header in (
            {"jwk": jwk("P-256")},
            {"jku": "http://127.0.0.1:1/keys"},
            {"x5u": "http://127.0.0.1:1/certificate"},
            {"x5c": ["MIIB"]},
        ):
            self.assert_invalid(access_token(own, "ES256", header=header), "alg is", made)
        header = {"jwk": {"kty": "oct", "k": _base64(b"x" * 40)}}
        self.assert_invalid(access_token(b"x" * 40, header=header), "the signature is")

    def test_V_kid(self) -> None:
        """
        The name of the key in a token is only a hint: if no key has this name, all are tried.
        """
        for kid in ("unknown", "", "../../etc/passwd", "' OR 1=1"):
            self.assert_accepted(access_token(header={"kid": kid}))
            self.assert_invalid(access_token(b"x" * 40, header={"kid": kid}), "the signature is")

    def test_V_jwk_set(self) -> None:
        """
        All keys of a set are accepted, by their names or without, and no other keys.
        """
        keys = jwk_set(jwk("P-256", kid="one"), jwk("RSA", kid="two"), jwk("Ed25519"))
        made = self.fresh_hub(f"--jwks=file:{file(self, keys)}", f"--audience={HUB}")
        self.wait_for_keys(made)
        for kind, algorithm, kid in (
            ("P-256", "ES256", "one"),
            ("RSA", "RS256", "two"),
            ("Ed25519", "EdDSA", None),
            ("P-256", "ES256", None),
            ("P-256", "ES256", "none of them"),
        ):
            header = {} if kid is None else {"kid": kid}
            token = access_token(private_key(kind), algorithm, header=header)
            self.assert_accepted(token, made)
        self.assert_invalid(access_token(private_key("P-384"), "ES384"), "alg is", made)
        self.assert_invalid(access_token(), "alg is", made)

    def test_V_iss(self) -> None:
        """
        The issuer is required, and must equal a trusted one.
        """
        for issuer in (None, "", f"{HUB}/", HUB.upper(), "https://evil.example", 1, [HUB]):
            self.assert_invalid(access_token(iss=issuer), "iss is")

    def test_V_issuer_option(self) -> None:
        """
        The issuer is the hub's own URL by default; the operator may name others.
        """
        made = hub(*KEYS, "--issuer=https://issuer.example")
        self.assert_accepted(access_token(iss="https://issuer.example"), made)
        self.assert_invalid(access_token(), "iss is", made)

    def test_V_aud(self) -> None:
        """
        The audience, a string or an array, must contain the hub's own URL.
        """
        for audience in (HUB, [HUB], ["https://other.example", HUB]):
            self.assert_accepted(access_token(aud=audience))
        for audience in (None, "", "*", f"{HUB}/", HUB[:-1], [], ["x"], [[HUB]], {HUB: 1}, 1):
            self.assert_invalid(access_token(aud=audience), "aud is")

    def test_V_exp(self) -> None:
        """
        The time of expiry is required, and must be in the future, even at the first request.
        """
        now = time.time()
        for expires in (None, now - 1, 0, -1, int(now) - 3600, "9999999999", True, [], {}):
            self.assert_invalid(access_token(exp=expires), "exp is")
        for expires in (now + 60, int(now) + 60, 10**12):
            self.assert_accepted(access_token(exp=expires))

    def test_V_nbf(self) -> None:
        """
        A token that begins in the future is refused, except within five seconds.
        """
        now = time.time()
        for moment in (now + 60, now + 10, "0", []):
            self.assert_invalid(access_token(nbf=moment), "nbf is")
        for moment in (now - 60, now + 2, 0):
            self.assert_accepted(access_token(nbf=moment))

    def test_V_not_required(self) -> None:
        """
        ``sub``, ``client_id``, ``iat`` and ``jti`` may be missing or have any value.
        """
        self.assert_accepted(access_token())
        self.assert_accepted(access_token(sub="x", client_id="y", iat=int(time.time()), jti="z"))
        self.assert_accepted(access_token(sub=1, client_id=[], iat="x", jti={}))

    def test_V_signature(self) -> None:
        """
        A signature with another key, or of changed claims, and a changed signature are refused.
        """
        self.assert_invalid(access_token(b"another secret, as long as it must be"), "the signature")
        header, _, signature = access_token().split(".")
        self.assert_invalid(f"{header}.{_claims(sub='root')}.{signature}", "the signature")
        header, claims, signature = access_token().split(".")
        self.assert_invalid(f"{header}.{claims}.{signature[:-4]}AAAA", "the signature")
        self.assert_invalid(f"{header}.{claims}.", "the signature")

    def test_V_no_token_at_all(self) -> None:
        """
        Text that is not a signed JWT is refused.
        """
        for token in ("x" * 41, ".." + "x" * 41, "a.b.c." + "x" * 41, f"{'x' * 20}.{'y' * 20}.z"):
            self.assert_invalid(token, "the token is")
        encrypted = ".".join(["eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ", *"abcd"])
        self.assert_invalid(encrypted, "the token is")
        crit = access_token(header={"crit": ["x"], "x": 1})
        self.assert_invalid(crit, "the token is")

    def test_V_separate_keys(self) -> None:
        """
        Publishers and subscribers may have separate keys, which do not work for the other action.
        """
        pem = file(self, public_pem("P-256"))
        made = self.fresh_hub(
            "--publisher-key=env:SSETWIST_CONFORMANCE_KEY",
            f"--subscriber-key=file:{pem}",
            f"--audience={HUB}",
        )
        for token, publishing, subscribing in (
            (access_token(), 200, 401),
            (access_token(_p256(), "ES256"), 401, 200),
        ):
            bearer = ("Authorization", f"Bearer {token}")
            self.assert_status(publishing, self.publish_with(bearer, at=made))
            self.assert_status(subscribing, self.subscribe_with(bearer, at=made))

    def test_V1_pinned_identifier(self) -> None:
        """
        The hub has a configured URL; the ``Host`` of a request does not matter.
        """
        token = access_token(aud="https://evil.example/.well-known/mercure")
        fields = [("Host", "evil.example"), ("Authorization", f"Bearer {token}")]
        self.assert_status(401, self.publish_with(*fields))
        fields[1] = ("Authorization", f"Bearer {access_token()}")
        self.assert_status(200, self.publish_with(*fields))

    def test_V1_no_identifier(self) -> None:
        """
        A hub without a configured URL refuses all tokens of 1.0, instead of guessing.
        """
        made = hub("--key=env:SSETWIST_CONFORMANCE_KEY")
        self.assert_invalid(access_token(), "--audience is not set", made)
        self.assert_accepted(legacy_token(), made)

    def test_V2_defaults(self) -> None:
        """
        By default, a secret is for HS256, and a public key for the algorithms that fit it.  The
        reference needs an option for that.
        """
        self.assert_accepted(access_token())
        made = self.hub_with_key(public_pem("P-256"))
        self.assert_accepted(access_token(_p256(), "ES256"), made)
        for option in ("--algorithm=HS256", "--algorithm=RS256", "--algorithm=none"):
            with self.assertRaises(SystemExit):
                self.hub_with_key(public_pem("P-256"), option)

    def test_V2_weak_keys(self) -> None:
        """
        A hub does not start with a secret shorter than its hash, a short RSA key or a private key.
        """
        for content in (b"x" * 31, public_pem("WEAK"), b"-----BEGIN PRIVATE KEY-----\n"):
            with self.assertRaises(SystemExit):
                self.hub_with_key(content)

    def test_V3_nothing_is_told(self) -> None:
        """
        The answer is the same for all faults of a token.
        """
        answers = set()
        for token in (
            access_token(b"x" * 40),
            access_token(aud="x"),
            access_token(iss="x"),
            access_token(exp=1),
            access_token(header={"typ": "JWT"}),
            access_token(authorization_details="x"),
            legacy_token("x"),
            "x" * 50,
        ):
            response = self.publish_with(("Authorization", f"Bearer {token}"))
            challenge = response.headers["WWW-Authenticate"]
            answers.add((response.status, response.body, challenge))
        self.assertEqual(1, len(answers), answers)

    def test_V_constant_time(self) -> None:
        """
        Signatures with a shared secret are compared in constant time, by the library.
        """
        verify = type(jwt.get_algorithm_by_name("HS256")).verify
        self.assertIn("hmac.compare_digest(", inspect.getsource(verify))

    def hub_with_key(self, content: bytes, *options: str) -> MercureHub:
        """
        Return a hub with a key.
        """
        return self.fresh_hub(f"--key=file:{file(self, content)}", f"--audience={HUB}", *options)

    def wait_for_keys(self, made: MercureHub) -> None:
        """
        Wait until a hub has read its keys.
        """
        bearer = ("Authorization", f"Bearer {access_token(_p256(), 'ES256')}")
        wait_until(
            lambda: self.publish_with(bearer, at=made).status != 503, "the hub has read its keys"
        )


def _part(value: Any) -> str:  # any JSON value
    return _base64(json.dumps(value).encode())


def _claims(**changes: Any) -> str:  # any JSON value
    return access_token(**changes).split(".")[1]


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _p256() -> Any:  # a key of cryptography
    return private_key("P-256")
