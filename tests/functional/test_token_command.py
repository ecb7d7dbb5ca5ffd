"""
``python -m ssetwist token`` as a process.
"""

from twisted.trial.unittest import SynchronousTestCase

from tests.functional import commands

HUB = "https://hub.example/.well-known/mercure"
SECRET = "a secret of thirty-two bytes and more"


def run(*arguments: str, input: str = "") -> tuple[int, str, str]:
    """
    Run a command to its end; return its status, its output and its errors.
    """
    return commands.run(*arguments, input=input, HUB_KEY=SECRET)


class TokenCommandTests(SynchronousTestCase):
    """
    Making a token, and explaining it.
    """

    def test_mint_and_check(self) -> None:
        """
        A minted token is accepted; the output is the token, and nothing else.
        """
        options = ("--key", "env:HUB_KEY", "--audience", HUB)
        status, token, errors = run("token", "mint", *options, "--publish", "*")
        self.assertEqual((0, ""), (status, errors))
        self.assertEqual(1, len(token.splitlines()))
        status, output, errors = run("token", "check", "-", *options, input=token)
        self.assertEqual((0, ""), (status, errors))
        self.assertEqual("accepted", output.splitlines()[-1])
        status, output, errors = run("token", "check", "-", "--key", "env:HUB_KEY", input=token)
        self.assertEqual((1, ""), (status, errors))
        self.assertIn("refused: the hub's --audience is not set", output)

    def test_limits_of_the_hub(self) -> None:
        """
        A token with many topics is judged by the limits of the hub, if they are given.
        """
        options = ("--key", "env:HUB_KEY", "--audience", HUB)
        topics = [f"--publish=/{number}" for number in range(101)]
        wide = ("--max-matchers", "500")
        self.assertEqual(2, run("token", "mint", *options, *topics)[0])
        _, token, _ = run("token", "mint", *options, *topics, *wide)
        check = ("token", "check", "-", "--action=publish", *options)
        for limits, expected in (((), 1), (wide, 0)):
            status, output, errors = run(*check, *limits, input=token)
            self.assertEqual((expected, ""), (status, errors), output)

    def test_set_that_is_down(self) -> None:
        """
        If a key set cannot be fetched, the command names this as the reason, and ends.
        """
        mint = ("token", "mint", "--dialect", "0.x", "--key", "env:HUB_KEY", "--publish", "*")
        _, token, _ = run(*mint)
        check = ("token", "check", "-", "--jwks", "http://127.0.0.1:1/keys")
        status, output, errors = run(*check, input=token)
        self.assertEqual((1, ""), (status, errors))
        self.assertIn("refused: there are no keys: http://127.0.0.1:1/keys: ", output)

    def test_usage(self) -> None:
        """
        A command line without a command, or with nonsense, has status 2 and no traceback.
        """
        for arguments in ((), ("token",), ("token", "check", "x", "--key", SECRET)):
            status, _, errors = run(*arguments)
            self.assertEqual(2, status)
            self.assertNotIn("Traceback", errors)
            self.assertNotIn(SECRET, errors)
