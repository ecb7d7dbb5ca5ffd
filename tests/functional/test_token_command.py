"""
``python -m ssetwist token`` as a process.
"""

import os
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from tests.functional.support import PATIENCE, ROOT

HUB = "https://hub.example/.well-known/mercure"
SECRET = "a secret of thirty-two bytes and more"


def run(*arguments: str, input: str = "") -> "subprocess.CompletedProcess[str]":
    """
    Run a command to its end.
    """
    return subprocess.run(
        [sys.executable, "-m", "ssetwist", *arguments],
        input=input,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        cwd=ROOT,
        env={**os.environ, "HUB_KEY": SECRET},
    )


class TokenCommandTests(SynchronousTestCase):
    """
    Making a token, and explaining it.
    """

    def test_mint_and_check(self) -> None:
        """
        A minted token is accepted; the output is the token, and nothing else.
        """
        options = ("--key", "env:HUB_KEY", "--audience", HUB)
        made = run("token", "mint", *options, "--publish", "*")
        self.assertEqual((0, ""), (made.returncode, made.stderr))
        self.assertEqual(1, len(made.stdout.splitlines()))
        checked = run("token", "check", "-", *options, input=made.stdout)
        self.assertEqual((0, ""), (checked.returncode, checked.stderr))
        self.assertEqual("accepted", checked.stdout.splitlines()[-1])
        refused = run("token", "check", "-", "--key", "env:HUB_KEY", input=made.stdout)
        self.assertEqual((1, ""), (refused.returncode, refused.stderr))
        self.assertIn("refused: the hub's --audience is not set", refused.stdout)

    def test_limits_of_the_hub(self) -> None:
        """
        A token with many topics is judged by the limits of the hub, if they are given.
        """
        options = ("--key", "env:HUB_KEY", "--audience", HUB)
        topics = [f"--publish=/{number}" for number in range(101)]
        wide = ("--max-matchers", "500")
        self.assertEqual(2, run("token", "mint", *options, *topics).returncode)
        made = run("token", "mint", *options, *topics, *wide)
        check = ("token", "check", "-", "--action=publish", *options)
        for limits, expected in (((), 1), (wide, 0)):
            found = run(*check, *limits, input=made.stdout)
            self.assertEqual((expected, ""), (found.returncode, found.stderr), found.stdout)

    def test_set_that_is_down(self) -> None:
        """
        If a key set cannot be fetched, the command names this as the reason, and ends.
        """
        token = run("token", "mint", "--dialect", "0.x", "--key", "env:HUB_KEY", "--publish", "*")
        found = run(
            *("token", "check", "-", "--jwks", "http://127.0.0.1:1/keys"), input=token.stdout
        )
        self.assertEqual((1, ""), (found.returncode, found.stderr))
        self.assertIn("refused: there are no keys: http://127.0.0.1:1/keys: ", found.stdout)

    def test_usage(self) -> None:
        """
        A command line without a command, or with nonsense, has status 2 and no traceback.
        """
        for arguments in ((), ("token",), ("token", "check", "x", "--key", SECRET)):
            ended = run(*arguments)
            self.assertEqual(2, ended.returncode)
            self.assertNotIn("Traceback", ended.stderr)
            self.assertNotIn(SECRET, ended.stderr)
