"""
The token that a client shows a hub.
"""

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.client.mercure._token import Bearer, TokenSource


class BearerTests(SynchronousTestCase):
    """
    The header that shows a token.
    """

    def headers(self, token: TokenSource | None) -> dict[str, str]:
        """
        Return the header for a token.
        """
        return self.successResultOf(Deferred.fromCoroutine(Bearer(token).headers()))

    def test_shown(self) -> None:
        """
        A token is shown in one header; without a token that header is missing.
        """
        self.assertEqual({"Authorization": "Bearer a.b-c_d="}, self.headers("a.b-c_d="))
        self.assertEqual({}, self.headers(None))

    def test_function(self) -> None:
        """
        A token's function is called each time, and may return a Deferred.
        """
        tokens = iter(["one", "two"])
        for expected in ("one", "two"):
            self.assertEqual(
                {"Authorization": f"Bearer {expected}"}, self.headers(lambda: next(tokens))
            )
        self.assertEqual({"Authorization": "Bearer x"}, self.headers(lambda: succeed("x")))

    def test_never_repeated(self) -> None:
        """
        A text that cannot be a token is refused, and not repeated, because it may be a mistyped
        secret.
        """
        for wrong in ("", "secret\r\nHost: x", "secret token", "sécret", "Bearer secret"):
            with self.subTest(wrong=wrong):
                problem = self.assertRaises(ValueError, Bearer, wrong)
                self.assertNotIn("cret", str(problem))
                asked = Deferred.fromCoroutine(Bearer(lambda wrong=wrong: wrong).headers())
                self.assertNotIn("cret", str(self.failureResultOf(asked, ValueError).value))
        problem = self.assertRaises(TypeError, Bearer, b"secret")
        self.assertNotIn("secret", str(problem))
        self.assertNotIn("secret", repr(Bearer("secret")))
