"""
``python -m ssetwist`` when its starter has closed the standard streams, as some daemons do.
"""

import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from tests.functional.support import PATIENCE, ROOT, require

#: The URL of a hub that gets no request, because there are no lines to publish.
PUBLISH = ("publish", "http://127.0.0.1:1/.well-known/mercure", "--topic=a")


class ClosedStreamsTests(SynchronousTestCase):
    """
    Standard streams that are closed.
    """

    def test_nothing_is_missed(self) -> None:
        """
        A closed input has no lines, and output to a closed stream is dropped.  Neither is a
        failure.
        """
        require(sys.platform != "win32", "a shell that closes streams")
        for closed, expected in (
            ("<&-", "published 0 events"),
            (">&- <&-", "published 0 events"),
            ("2>&- <&-", ""),
        ):
            ended = subprocess.run(
                ["sh", "-c", f'exec "$0" -m ssetwist "$@" {closed}', sys.executable, *PUBLISH],
                cwd=ROOT,
                capture_output=True,
                text=True,
                timeout=PATIENCE,
                check=False,
            )
            said = ended.stderr
            self.assertEqual((0, ""), (ended.returncode, ended.stdout), said)
            self.assertTrue(said.startswith(expected), said)
            self.assertEqual(bool(expected), bool(said))
