"""
The token that a hub is shown.
"""

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.client.mercure._token import Bearer, TokenSource


class BearerTests(SynchronousTestCase):
    """
    Showing a token.
    """

    def headers(self, token: TokenSource | None) -> dict[str, str]:
        """
        Return the headers that show it.
        """
        return self.successResultOf(Deferred.fromCoroutine(Bearer(token).headers()))

    def test_shown(self) -> None:
        """
        A token stands in one header; without one there is none.
        """
        self.assertEqual({"Authorization": "Bearer a.b-c_d="}, self.headers("a.b-c_d="))
        self.assertEqual({}, self.headers(None))

    def test_asked_for(self) -> None:
        """
        One that is asked for is asked for each time, and may come later.
        """
        tokens = iter(["one", "two"])
        for expected in ("one", "two"):
            self.assertEqual(
                {"Authorization": f"Bearer {expected}"}, self.headers(lambda: next(tokens))
            )
        self.assertEqual({"Authorization": "Bearer x"}, self.headers(lambda: succeed("x")))

    def test_never_told(self) -> None:
        """
        What can be no token is refused, and not repeated: it may nearly be one.
        """
        for wrong in ("", "secret\r\nHost: x", "secret token", "sécret", "Bearer secret"):
            with self.subTest(wrong=wrong):
                problem = self.assertRaises(ValueError, Bearer, wrong)
                self.assertNotIn("cret", str(problem))
        problem = self.assertRaises(TypeError, Bearer, b"secret")
        self.assertNotIn("secret", str(problem))
        self.assertNotIn("secret", repr(Bearer("secret")))
