"""
Options for keys and tokens.
"""

import os
from typing import Any

from treq.client import HTTPClient
from treq.testing import RequestTraversalAgent
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import capturedLogs, formatEvent
from twisted.python.usage import Options
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.static import Data

from ssetwist.errors import Refused
from ssetwist.mercure.rights._rights import Action, Rights
from ssetwist.mercure.tokens._credentials import COOKIE, LEGACY_COOKIE, Credential, CredentialPlace
from ssetwist.mercure.tokens._key_options import KEY_OPTIONS, NO_LEGACY, token_settings
from ssetwist.mercure.tokens._keys import PUBLIC_ALGORITHMS
from ssetwist.mercure.tokens._settings import TokenSettings
from ssetwist.mercure.tokens._verifier import TokenVerifier
from tests.clock import Clock
from tests.unit.mercure.fake_tokens import (
    HUB,
    NOW,
    OTHER_SECRET,
    SECRET,
    access_token,
    file,
    jwk,
    jwk_set,
    private_key,
    public_pem,
    signed,
)


class OptionsTests(SynchronousTestCase):
    """
    Settings that follow from options.
    """

    def problem(self, **values: Any) -> str:
        """
        Return the error message of options that make no sense.
        """
        return str(self.assertRaises(ValueError, token_settings, values))

    def test_nothing(self) -> None:
        """
        Without options the hub has no keys, and speaks Mercure 0.x.
        """
        for values in ({}, {option.name: None for option in KEY_OPTIONS}):
            self.assertEqual(TokenSettings(), token_settings(values))

    def test_twistd(self) -> None:
        """
        ``twistd`` understands the table of options.
        """

        class Some(Options):
            optParameters = [[one.name, None, None, one.help] for one in KEY_OPTIONS]  # noqa: RUF012
            optFlags = [[NO_LEGACY.name, None, NO_LEGACY.help]]  # noqa: RUF012

        options = Some()
        options.parseOptions(["--key", file(self, SECRET), "--audience", HUB, "--no-legacy"])
        settings = token_settings(options)
        self.assertEqual((HUB, False), (settings.audience, settings.is_legacy_allowed))
        self.assertEqual(1, len(settings.publish))

    def test_keys(self) -> None:
        """
        A key is for both actions, unless an action has its own.
        """
        secret, pem = file(self, SECRET), f"file:{file(self, public_pem('RSA'))}"
        for values, publish, subscribe in (
            ({"key": secret}, ["HS256"], ["HS256"]),
            ({"publisher_key": secret}, ["HS256"], []),
            ({"subscriber-key": secret}, [], ["HS256"]),
            ({"key": secret, "publisher_key": pem}, ["RS256"], ["HS256"]),
        ):
            settings = token_settings(values)
            self.assertEqual(
                (publish, subscribe),
                (
                    [key.algorithms[0] for key in settings.publish],
                    [key.algorithms[0] for key in settings.subscribe],
                ),
            )

    def test_variable(self) -> None:
        """
        A key may come from the environment.
        """
        os.environ["SSETWIST_TEST_KEY"] = SECRET.decode()
        self.addCleanup(os.environ.pop, "SSETWIST_TEST_KEY")
        self.assertEqual(1, len(token_settings({"key": "env:SSETWIST_TEST_KEY"}).publish))

    def test_raw_secret(self) -> None:
        """
        A secret on the command line is refused, because the list of processes shows it, and the
        error does not repeat it.
        """
        for name in ("key", "publisher-key", "subscriber-key", "jwks"):
            problem = self.problem(**{name: SECRET.decode()})
            self.assertTrue(problem.startswith(f"{name.replace('-', '_')}: "), problem)
            self.assertNotIn("a secret of", problem)

    def test_algorithms(self) -> None:
        """
        The chosen algorithms are used, and they must fit the keys.
        """
        settings = token_settings({"key": file(self, b"s" * 64), "algorithm": "HS512, HS256"})
        self.assertEqual(("HS256", "HS512"), settings.publish[0].algorithms)
        self.assertEqual(PUBLIC_ALGORITHMS, TokenSettings().algorithms)
        for values, expected in (
            ({"algorithm": "none"}, "algorithm: 'none' is not one of"),
            ({"key": file(self, SECRET), "algorithm": "HS512"}, "key: HS512 needs a secret of"),
            ({"key": file(self, SECRET), "algorithm": "RS256"}, "key: RS256 does not fit"),
            ({"jwks": "https://a/", "algorithm": "HS256"}, "jwks: HS256 does not fit"),
        ):
            self.assertIn(expected, self.problem(**values))

    def test_sets(self) -> None:
        """
        A key set in a file is read at once; one at a URL is not.
        """
        self.assertEqual("https://a/k", token_settings({"jwks": "https://a/k"}).jwks)
        path = file(self, jwk_set(jwk("RSA")))
        self.assertEqual(path, token_settings({"jwks": path}).jwks)
        for source, expected in (
            (file(self, b"{"), "jwks: it is not JSON"),
            (file(self, jwk_set()), "there is no key in it that can be used; it is empty"),
            (file(self, jwk_set({"kty": "oct"})), "that can be used; key number 1: it is a shared"),
            ("https://me:s3cret@a/", "jwks: it has a name or a password"),
        ):
            self.assertIn(expected, self.problem(jwks=source))
        self.assertIn("ES256 does not fit", self.problem(jwks=path, algorithm="ES256"))

    def test_audience(self) -> None:
        """
        The audience is a URL; by default it is also the issuer.
        """
        self.assertEqual(HUB, token_settings({"audience": HUB}).issuer)
        self.assertEqual("i", token_settings({"audience": HUB, "issuer": "i"}).issuer)
        for values, expected in (
            (
                {"audience": "hub"},
                "audience: it must be a URL of http or https, with a host, such",
            ),
            ({"audience": f"{HUB}?a"}, "audience: it must have neither ? nor #"),
            ({"audience": f"{HUB}#"}, "audience: it must have neither ? nor #"),
            ({"issuer": ""}, "issuer: it is empty"),
        ):
            self.assertIn(expected, self.problem(**values))

    def test_legacy(self) -> None:
        """
        With ``--no-legacy`` the hub speaks only 1.0, and its keys need an audience.
        """
        self.assertTrue(token_settings({"no_legacy": False}).is_legacy_allowed)
        self.assertFalse(token_settings({"no_legacy": True}).is_legacy_allowed)
        for values in ({"key": file(self, SECRET)}, {"jwks": "https://a/"}):
            self.assertIn("audience: it must be given", self.problem(no_legacy=1, **values))

    def test_cookies(self) -> None:
        """
        The hub reads the cookies of the dialects in use, or the chosen cookie.
        """
        for values, expected in (
            ({}, (COOKIE, LEGACY_COOKIE)),
            ({"no_legacy": True}, (COOKIE,)),
            ({"cookie_name": "token"}, ("token",)),
        ):
            self.assertEqual(expected, token_settings(values).cookie_names)
        self.assertIn("cookie_name: a cookie has a name", self.problem(cookie_name="a b"))


class VerifierTests(SynchronousTestCase):
    """
    Verifiers that follow from settings.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(NOW)

    def rights(self, verifier: TokenVerifier, token: str) -> Rights:
        """
        Return the rights of a token.
        """
        return self.successResultOf(
            verifier.verify(Credential(token, CredentialPlace.HEADER), Action.PUBLISH)
        )

    def test_keys(self) -> None:
        """
        Both dialects use the same keys; by default the issuer is the hub.
        """
        values = {"publisher-key": file(self, SECRET), "audience": HUB}
        verifier = token_settings(values).verifier(self.clock)
        self.assertIsNotNone(self.rights(verifier, access_token()).publish)
        self.rights(verifier, signed({}))
        self.assertEqual([True, False], [verifier.has_keys(action) for action in Action])
        for token in (access_token(OTHER_SECRET), access_token(iss="other")):
            result = verifier.verify(Credential(token, CredentialPlace.HEADER), Action.PUBLISH)
            self.failureResultOf(result, Refused)

    def test_one_dialect(self) -> None:
        """
        Tokens of 0.x need the legacy dialect; tokens of 1.0 need an audience.
        """
        key = file(self, SECRET)
        for values, token in (
            ({"key": key, "audience": HUB, "no-legacy": True}, signed({})),
            ({"key": key}, access_token()),
        ):
            verifier = token_settings(values).verifier(self.clock)
            result = verifier.verify(Credential(token, CredentialPlace.HEADER), Action.PUBLISH)
            self.failureResultOf(result, Refused)

    def test_file_of_keys(self) -> None:
        """
        A key set in a file serves both actions, next to other keys.
        """
        values = {
            "key": file(self, SECRET),
            "jwks": file(self, jwk_set(jwk("P-256"))),
            "audience": HUB,
        }
        verifier = token_settings(values).verifier(self.clock)
        verifier.start()
        self.rights(verifier, access_token())
        self.rights(verifier, access_token(private_key("P-256"), "ES256"))
        self.assertTrue(verifier.has_keys(Action.SUBSCRIBE))
        verifier.stop()
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_fetched_keys(self) -> None:
        """
        A key set at a URL is fetched, and a token waits for it.
        """
        root = Resource()
        root.putChild(b"keys", Data(jwk_set(jwk("P-256")), "application/json"))
        agent = RequestTraversalAgent(root)
        values = {"jwks": "https://issuer.example/keys", "issuer": "i", "audience": HUB}
        verifier = token_settings(values).verifier(self.clock, HTTPClient(agent))
        verifier.start()
        agent.flush()
        self.rights(verifier, access_token(private_key("P-256"), "ES256", iss="i"))
        verifier.stop()
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_algorithm_of_fetched_keys(self) -> None:
        """
        Keys at a URL are used for the algorithms in the options only.
        """
        root = Resource()
        root.putChild(b"keys", Data(jwk_set(jwk("RSA")), "application/json"))
        agent = RequestTraversalAgent(root)
        for algorithm, is_accepted in (("RS256", True), ("RS512", False)):
            values = {"jwks": "https://issuer.example/keys", "issuer": "i", "audience": HUB}
            settings = token_settings({**values, "algorithm": algorithm})
            verifier = settings.verifier(self.clock, HTTPClient(agent))
            verifier.start()
            agent.flush()
            token = access_token(private_key("RSA"), "RS256", iss="i")
            verifying = verifier.verify(Credential(token, CredentialPlace.HEADER), Action.PUBLISH)
            verifying.addErrback(lambda problem: problem.trap(Refused))
            self.assertEqual(is_accepted, isinstance(self.successResultOf(verifying), Rights))
            verifier.stop()

    def test_own_client(self) -> None:
        """
        By default, a key set is fetched with a new client on the reactor.
        """
        reactor = MemoryReactorClock()
        verifier = token_settings({"jwks": "http://127.0.0.1:8/keys"}).verifier(reactor)
        verifier.start()
        self.assertEqual([("127.0.0.1", 8)], [client[:2] for client in reactor.tcpClients])
        verifier.stop()

    def test_without_tls(self) -> None:
        """
        Keys that come without TLS cause a warning, which shows no part that may be secret.
        """
        agent = HTTPClient(RequestTraversalAgent(Data(b"{}", "application/json")))
        with capturedLogs() as logs:
            token_settings({"jwks": "HTTP://a/k?s3cret"}).verifier(self.clock, agent)
            token_settings({"jwks": "https://a/k?s3cret"}).verifier(self.clock, agent)
        self.assertEqual(
            ["http://a/k: fetched without TLS; anyone on its way can make tokens"],
            [formatEvent(event) for event in logs],
        )

    def test_repr(self) -> None:
        """
        The ``repr`` of settings shows no secret.
        """
        settings = token_settings({"key": file(self, SECRET), "jwks": "https://a/?s3cret"})
        self.assertNotIn("s3cret", repr(settings))
        self.assertNotIn("a secret", repr(settings))
