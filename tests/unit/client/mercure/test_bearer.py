"""
The syntax of bearer tokens.
"""

from twisted.trial.unittest import SynchronousTestCase

from ssetwist.client.mercure import check_token
from ssetwist.mercure.tokens import CredentialPlace, credential_of


class TokenTests(SynchronousTestCase):
    """
    ``check_token``, compared with the hub's own check of a token.
    """

    def test_tokens(self) -> None:
        """
        A token has letters, digits and ``-._~+/``, and may end with ``=``; the hub takes the same.
        """
        for token in ("a", "AZaz09-._~+/", "a==", "eyJ.eyJ.x_-"):
            self.assertEqual(token, check_token(token))
            long = "a" * 41 + token
            found = credential_of(authorization=[f"Bearer {long}".encode()], cookies=[])
            assert found is not None
            self.assertEqual((long, CredentialPlace.HEADER), (found.token, found.place))

    def test_others(self) -> None:
        """
        A text with any other character is not a token.
        """
        for text in ("", "=", "a=b", "a b", "a\n", "a\r\nb: c", "é", "a,b", '"a"', "a\0"):
            self.assertRaises(ValueError, check_token, text)
