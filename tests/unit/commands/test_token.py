"""
The command ``python -m ssetwist token``.
"""

import contextlib
import io

from twisted.trial.unittest import SynchronousTestCase

from ssetwist.__main__ import parse, run
from ssetwist.commands._token import Terminal
from ssetwist.mercure.tokens._jwt import Token
from tests.clock import Clock, TwoClocks
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
    private_pem,
    public_pem,
    signed,
)


class CommandCase(SynchronousTestCase):
    """
    Command lines and their results.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(NOW)
        self.key = file(self, SECRET)

    def run_command(self, *arguments: str, input: str = "") -> tuple[int, str, str]:
        """
        Return the status of a command, its output, and its error messages.
        """
        output, errors = io.StringIO(), io.StringIO()
        with contextlib.redirect_stderr(errors):
            try:
                result = run(
                    self.clock, parse(["token", *arguments]), Terminal(io.StringIO(input), output)
                )
            except SystemExit as status:  # parse ends so
                return int(str(status.code)), output.getvalue(), errors.getvalue()
        status = self.failureResultOf(result, SystemExit).value
        self.assertEqual([], self.clock.getDelayedCalls())
        return int(str(status.code)), output.getvalue(), errors.getvalue()


class CheckTests(CommandCase):
    """
    ``token check``.
    """

    def check(self, token: str, *options: str, input: str = "") -> tuple[int, list[str]]:
        """
        Return the status and the lines of the output.
        """
        status, output, errors = self.run_command(
            "check", token, "--key", self.key, *options, input=input
        )
        self.assertEqual("", errors)
        return status, output.splitlines()

    def test_accepted(self) -> None:
        """
        Each check is shown with the found and the expected value, and then the rights of the token.
        """
        status, lines = self.check(access_token(sub="a"), "--audience", HUB)
        self.assertEqual(0, status)
        self.assertEqual("as a token to publish:", lines[0])
        self.assertIn("  ok: typ is 'at+jwt'; expected 'at+jwt'", lines)
        self.assertIn(f"  ok: aud is '{HUB}'; expected '{HUB}'", lines)
        self.assertIn("  dialect: 1.0", lines)
        self.assertIn("  it may publish to: '/p'", lines)
        self.assertIn("  it may see private updates of: '/s'", lines)
        self.assertIn("  it ends: 2027-01-15 08:01:00 UTC", lines)
        self.assertEqual("accepted", lines[-1])

    def test_refused(self) -> None:
        """
        The reason of a refusal is the last line.
        """
        status, lines = self.check(access_token(aud="x"), "--audience", HUB)
        self.assertEqual(1, status)
        self.assertIn(f"  WRONG: aud is 'x'; expected '{HUB}'", lines)
        self.assertEqual(f"refused: aud is 'x'; expected '{HUB}'", lines[-1])

    def test_legacy(self) -> None:
        """
        A token of 0.x is explained as the hub would judge it.
        """
        token = signed({"mercure": {"publish": ["*", "/b"]}})
        status, lines = self.check(token)
        self.assertEqual(0, status)
        self.assertIn("  dialect: 0.x", lines)
        self.assertIn("  it may publish to: '/b', every topic", lines)
        self.assertIn("  it may see private updates of: nothing", lines)
        self.assertIn("  it ends: never", lines)
        status, lines = self.check(token, "--no-legacy", "--audience", HUB)
        self.assertEqual(1, status)
        self.assertIn("refused: the dialect is 0.x", lines[-1])

    def test_matchers(self) -> None:
        """
        Matchers of all kinds are described.
        """
        token = signed({"mercure": {"publish": ["/{id}"]}})
        self.assertIn("  it may publish to: the URI template '/{id}'", self.check(token)[1])
        topics = [{"match": "/:id", "match_type": "urlpattern"}]
        token = access_token(
            authorization_details=[
                {
                    "type": "https://mercure.rocks/authorization-detail",
                    "actions": ["publish"],
                    "topics": topics,
                }
            ]
        )
        _, lines = self.check(token, "--audience", HUB)
        self.assertIn("  it may publish to: the URL pattern '/:id'", lines)

    def test_limits(self) -> None:
        """
        A token with more matchers than the hub allows is refused, and the limit is named; smaller
        limits of the hub do not apply to tokens.
        """
        topics = [{"match": f"/{number}", "match_type": "exact"} for number in range(101)]
        detail = {
            "type": "https://mercure.rocks/authorization-detail",
            "actions": ["publish"],
            "topics": topics,
        }
        options = ("--audience", HUB, "--action=publish")
        for count, limit, status in (
            (101, (), 1),
            (101, ("--max-matchers=101",), 0),
            (100, ("--max-matchers=1", "--max-pattern=1"), 0),
        ):
            detail["topics"] = topics[:count]
            token = access_token(authorization_details=[detail])
            found, lines = self.check(token, *options, *limit)
            self.assertEqual(status, found)
            if status:
                self.assertIn("too many entries: at most 100", lines[-1])
        for wrong in ("--max-matchers=0", "--max-pattern=x"):
            status, _, errors = self.run_command("check", "x", "--key", self.key, wrong)
            self.assertEqual(2, status)
            self.assertIn(wrong.partition("=")[0], errors)

    def test_standard_input(self) -> None:
        """
        The token may come from the standard input, where other users cannot see it.
        """
        status, lines = self.check("-", "--action", "subscribe", input=f" {signed({})}\n")
        self.assertEqual((0, "accepted"), (status, lines[-1]))

    def test_wrong_token(self) -> None:
        """
        A text that is not a token is refused, and not repeated.
        """
        for token, input in (("s3cret", ""), ("-", "s3cret" * 10000)):
            status, lines = self.check(token, input=input)
            self.assertEqual(1, status)
            self.assertIn("refused: the token is ", lines[-1])
            self.assertNotIn("s3cret", "".join(lines))

    def test_more_than_a_token(self) -> None:
        """
        A text with more than a token is refused before it is read, and the message says what to
        remove.
        """
        for token, input, expected in (
            ("-", "", "TOKEN: it is empty"),
            ("-", "Bearer s3cret", "TOKEN: it contains a space; give the token alone"),
        ):
            status, output, errors = self.run_command(
                "check", token, "--key", self.key, input=input
            )
            self.assertEqual((2, ""), (status, output))
            self.assertIn(expected, errors)
            self.assertNotIn("s3cret", errors)

    def test_not_to_publish(self) -> None:
        """
        A token without publishing rights is refused for that action, as by the hub.
        """
        token = signed({"mercure": {"subscribe": ["*"]}})
        status, lines = self.check(token)
        self.assertEqual(0, status)
        self.assertEqual("accepted to subscribe", lines[-2])
        self.assertEqual("refused to publish: it says nothing of publishing", lines[-1])
        self.assertEqual(1, self.check(token, "--action", "publish")[0])

    def test_one_action(self) -> None:
        """
        A token may be explained for one action only.
        """
        _, lines = self.check(signed({}), "--action", "subscribe")
        self.assertIn("as a token to subscribe:", lines)
        self.assertNotIn("as a token to publish:", lines)

    def test_separate_keys(self) -> None:
        """
        A token may be accepted for one action and refused for the other.
        """
        status, lines = self.check(
            signed({"mercure": {"publish": []}}),
            "--subscriber-key",
            file(self, OTHER_SECRET),
        )
        self.assertEqual(0, status)
        self.assertEqual("accepted to publish", lines[-2])
        self.assertIn("refused to subscribe: the signature is made with another key", lines[-1])

    def test_set(self) -> None:
        """
        Keys may come from a JWK set, as for the hub.
        """
        path = file(self, jwk_set(jwk("P-256")))
        token = access_token(private_key("P-256"), "ES256")
        self.assertEqual(0, self.check(token, "--jwks", path, "--audience", HUB)[0])

    def test_no_key(self) -> None:
        """
        A check without a key is refused.
        """
        status, output, errors = self.run_command("check", signed({}))
        self.assertEqual((2, ""), (status, output))
        self.assertEqual(
            "python -m ssetwist token check: the check needs a key; give --key, for example\n",
            errors,
        )

    def test_options(self) -> None:
        """
        Wrong options are refused in one line, which does not show secrets.
        """
        status, _, errors = self.run_command("check", "x", "--key", "s3cret")
        self.assertEqual((2, 1), (status, errors.count("\n")))
        self.assertIn("--key: it must say where the key is", errors)
        self.assertNotIn("s3cret", errors)
        self.assertEqual(2, self.run_command("check")[0])
        self.assertEqual(2, self.run_command("check", "x", "--aud", "x")[0])

    def test_twice(self) -> None:
        """
        An option with one value is refused if it is given twice.
        """
        status, _, errors = self.run_command("check", "x", "--key", self.key, "--key", "s3cret")
        self.assertEqual(2, status)
        self.assertIn("argument --key: given twice; give it once\n", errors)
        self.assertNotIn("s3cret", errors)

    def test_help(self) -> None:
        """
        The help tells the exit statuses.
        """
        for command in ("check", "mint"):
            output = io.StringIO()
            with contextlib.redirect_stdout(output):
                self.assertRaises(SystemExit, parse, ["token", command, "--help"])
            self.assertIn("env:NAME", output.getvalue())
            self.assertIn(
                "The exit status is 0 if a token is"
                if command == "mint"
                else "accepted for at least one",
                output.getvalue(),
            )


class MintTests(CommandCase):
    """
    ``token mint``.
    """

    def mint(self, *options: str) -> str:
        """
        Return the minted token.
        """
        status, output, errors = self.run_command("mint", *options)
        self.assertEqual((0, ""), (status, errors))
        return output.strip()

    def problem(self, *options: str) -> str:
        """
        Return the error message of a refused command line.
        """
        status, output, errors = self.run_command("mint", *options)
        self.assertEqual((2, ""), (status, output))
        return errors

    def test_access_token(self) -> None:
        """
        A minted token is accepted for the requested rights.
        """
        token = self.mint(
            *("--key", self.key, "--audience", HUB, "--subject", "me", "--payload", '{"a":1}'),
            *("--publish", "/a", "--publish", "/b", "--subscribe-urlpattern", "/:id"),
        )
        status, output, _ = self.run_command("check", token, "--key", self.key, "--audience", HUB)
        self.assertEqual(0, status)
        self.assertIn("it may publish to: '/a', '/b'", output)
        self.assertIn("it may see private updates of: the URL pattern '/:id'", output)
        self.assertIn("it ends: 2027-01-15 09:00:00 UTC", output)
        claims = Token.parse(token).claims
        self.assertEqual(("me", HUB), (claims["sub"], claims["iss"]))
        self.assertEqual(
            [None, {"a": 1}],
            [detail.get("payload") for detail in claims["authorization_details"]],
        )

    def test_private_key(self) -> None:
        """
        A token may be signed with a private key that has a name, and have another issuer.
        """
        token = self.mint(
            *("--key", file(self, private_pem("P-256")), "--kid", "k", "--issuer", "i"),
            *("--audience", HUB, "--publish", "*", "--algorithm", "ES256"),
        )
        self.assertEqual("k", Token.parse(token).header["kid"])
        status, _, _ = self.run_command(
            *("check", token, "--publisher-key", file(self, public_pem("P-256"))),
            *("--audience", HUB, "--issuer", "i"),
        )
        self.assertEqual(0, status)

    def test_legacy_token(self) -> None:
        """
        A token of 0.x may last for ever.
        """
        token = self.mint(
            *("--dialect", "0.x", "--key", self.key, "--subscribe", "/{id}", "--expires-in", "0")
        )
        self.assertEqual({"mercure": {"subscribe": ["/{id}"]}}, Token.parse(token).claims)
        token = self.mint("--dialect", "0.x", "--key", self.key, "--publish", "*")
        self.assertEqual(NOW + 3600, Token.parse(token).claims["exp"])

    def test_dates(self) -> None:
        """
        The times in a token are dates, whatever the clock of the reactor shows.
        """
        self.clock = TwoClocks(NOW)
        options = ("--key", self.key, "--publish", "*", "--expires-in", "60")
        for dialect in (("--dialect", "0.x"), ("--audience", HUB)):
            self.clock.step(100)
            claims = Token.parse(self.mint(*options, *dialect)).claims
            self.assertEqual(self.clock.now() + 60, claims["exp"])

    def test_refused(self) -> None:
        """
        Wrong options, and a token without rights, are refused.
        """
        key, hub, all = ("--key", self.key), ("--audience", HUB), ("--publish", "*")
        legacy, subscribe = ("--dialect", "0.x"), ("--subscribe", "*")
        for options, expected in (
            ((), "--key: the token must be signed; give the key"),
            ((*key, *hub), "the token would allow nothing"),
            ((*key, *all), "--audience: a token of 1.0 needs it"),
            ((*key, *hub, *all, "--expires-in", "0"), "a token of 1.0 must end"),
            ((*key, *hub, *all, "--expires-in", "-1"), "--expires-in: it must be a number"),
            ((*key, *hub, *all, "--expires-in", "nan"), "--expires-in: it must be a number"),
            ((*key, *hub, *all, "--expires-in", "1e99"), "--expires-in: it must be a number"),
            ((*key, *hub, *all, "--payload", "{"), "--payload: it is not JSON"),
            ((*key, *hub, *subscribe, "--payload", "NaN"), "payload cannot be written as JSON"),
            ((*key, *legacy, *subscribe, "--payload", "NaN"), "payload cannot be written as JSON"),
            ((*key, *hub, *all, "--algorithm", "RS256"), "--key: RS256 does not fit"),
            ((*key, *hub, *all, "--algorithm", "none"), "--algorithm: 'none' is not one of"),
            ((*key, *hub, "--publish", ""), "mint: --publish: it is empty"),
            ((*key, *hub, "--subscribe-urlpattern", "/:("), "mint: --subscribe-urlpattern: '/:('"),
            ((*key, "--audience", "hub", *all), "mint: --audience: it must be a URL"),
            ((*key, *hub, *all, "--expires-in", "1h"), "'1h' is not a number of seconds"),
            (
                (*key, *legacy, *all, "--subject", "me"),
                "mint: --subject: tokens of 0.x do not have one",
            ),
            ((*key, *legacy, "--publish-urlpattern", "/:id"), "0.x does not have URL patterns"),
            (
                (*key, *legacy, *subscribe, "--subscribe-urlpattern", "/:id"),
                "0.x does not have URL patterns",
            ),
            (("--key", "s3cret", *hub, *all), "--key: it must say where the key is"),
        ):
            problem = self.problem(*options)
            self.assertIn(expected, problem)
            self.assertNotIn("s3cret", problem)
