"""
Secrets: the output of a hub contains no token and no secret, whatever requests it gets.
"""

import os
import secrets
import subprocess
import sys
import time
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

from twisted.trial.unittest import SynchronousTestCase

from tests.conformance.mercure_hub import HUB, PATH
from tests.conformance.mercure_publisher import FORM, access_token, legacy_token
from tests.functional.support import PATIENCE, ROOT, HubProcess, hub

VARIABLE = "SSETWIST_SECRETS_TEST_KEY"


class SecretsTests(SynchronousTestCase):
    """
    A hub that gets all kinds of tokens, in all places.
    """

    def setUp(self) -> None:
        self.secret = secrets.token_urlsafe(40)
        os.environ[VARIABLE] = self.secret
        self.addCleanup(os.environ.pop, VARIABLE)
        self.answers = b""

    def tokens(self) -> list[str]:
        """
        Return valid and invalid tokens, of both dialects.
        """
        key, other = self.secret.encode(), secrets.token_bytes(40)
        now = time.time()
        return [
            access_token(key, sub=secrets.token_hex(20)),
            access_token(key, exp=now - 1),
            access_token(key, aud="https://other.example"),
            access_token(key, iss=secrets.token_hex(20) * 10),
            access_token(key, header={"typ": secrets.token_hex(20), "kid": "x"}),
            access_token(key, authorization_details=[secrets.token_hex(20)]),
            access_token(other),
            access_token(key, header={"crit": ["x"], "x": secrets.token_hex(20)}),
            legacy_token(None, key, sub=secrets.token_hex(20)),
            legacy_token(None, key, exp=now - 1),
            legacy_token({"publish": secrets.token_hex(20)}, key),
            legacy_token({"subscribe": []}, key),
            legacy_token(None, other),
            secrets.token_hex(40),
            f"{secrets.token_hex(20)}.{secrets.token_hex(20)}.{secrets.token_hex(20)}",
            secrets.token_hex(10),
            f'"{secrets.token_hex(20)}"',
            secrets.token_hex(10_000),
        ]

    def show(self, process: HubProcess, token: str) -> None:
        """
        Send a token in every place, to every resource.
        """
        parameters = [
            urlencode({name: token}) for name in ("authorization", "access_token", "Authorization")
        ]
        places: list[tuple[dict[str, str], str]] = [
            ({"Authorization": f"Bearer {token}"}, ""),
            ({"Authorization": f"Basic {token}"}, ""),
            ({"Authorization": token}, ""),
            ({"Cookie": f"__Secure-mercure_access_token={token}"}, ""),
            ({"Cookie": f"mercureAuthorization={token}", "Origin": "https://hub.example"}, ""),
            *(({}, f"&{parameter}") for parameter in parameters),
            ({}, f"&%61uthorization={token}"),
            ({}, f";authorization={token}"),
            ({}, f"&authorization={token}&authorization={token}"),
            ({"Referer": f"https://hub.example/?{parameters[0]}"}, ""),
        ]
        for fields, query in places:
            form = {"Content-Type": FORM, **fields}
            self.ask(process, "POST", f"{PATH}?x{query}", form, "topic=/a&private&data=DATA")
            self.ask(process, "HEAD", f"{PATH}?match=/a{query}", fields)
            self.ask(process, "GET", f"{PATH}?matches{query}", fields)
            self.ask(process, "GET", f"{PATH}/subscriptions?x{query}", fields)
            self.ask(process, "GET", f"/elsewhere?x{query}", fields)

    def ask(
        self, process: HubProcess, method: str, path: str, fields: dict[str, str], body: str = ""
    ) -> None:
        """
        Send a request, and keep the whole answer.
        """
        connection = HTTPConnection(process.host, process.port, timeout=PATIENCE)
        try:
            connection.request(method, path, body or None, fields)
            response = connection.getresponse()
            self.answers += str(response.headers).encode() + response.read()
        finally:
            connection.close()

    def test_no_token_in_any_output(self) -> None:
        """
        Neither the log, nor an answer, nor the list of processes has a part of a token or a secret;
        the log has no data of an update.
        """
        tokens = self.tokens()
        options = (f"--key=env:{VARIABLE}", f"--audience={HUB}", "--anonymous", "--subscriptions")
        with hub(*options, launcher=[sys.executable]) as process:
            for token in tokens:
                self.show(process, token)
                process.read_log()  # a full pipe would stop it
            command = Path(f"/proc/{process.process.pid}/cmdline").read_bytes()
            self.assertEqual(0, process.stop())
        said = command.decode() + self.answers.decode("latin-1") + process.log
        self.assertIn("authorization=...", process.log)
        self.assertIn("the signature is made with another key", process.log)
        self.assertNotIn("Traceback", process.log)
        self.assertNotIn("DATA", process.log)
        self.assertNotIn(self.secret, said)
        for token in tokens:
            for part in token.strip('"').split("."):
                # All headers of tokens begin alike; the rest differs.
                self.assertNotIn(part[-16:], said)

    def test_not_on_the_command_line(self) -> None:
        """
        A secret on the command line is refused, because the list of processes would show it; the
        error does not repeat it.
        """
        twistd = Path(sys.executable).with_name("twistd")
        for option in ("--key", "--jwks"):
            found = subprocess.run(
                [twistd, "-n", "--pidfile=", "ssetwist", f"{option}={self.secret}"],
                cwd=ROOT,
                capture_output=True,
                text=True,
                timeout=PATIENCE,
            )
            self.assertEqual(1, found.returncode, found.stderr)
            self.assertIn(f"{option}: ", found.stderr)
            self.assertNotIn(self.secret, found.stdout + found.stderr)
