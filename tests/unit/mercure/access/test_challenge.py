"""
Challenges to clients without access.
"""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.errors import Refused
from ssetwist.mercure.access._answer import challenge, quoted

METADATA = "https://hub.example/.well-known/oauth-protected-resource/.well-known/mercure"


class ChallengeTests(SynchronousTestCase):
    """
    The value of ``WWW-Authenticate``.
    """

    def test_not_a_challenge(self) -> None:
        """
        Only refusals with a code, or with ``""`` in its place, are challenges.
        """
        self.assertIsNone(challenge(Refused(404, "There is nothing."), METADATA))

    def test_bare(self) -> None:
        """
        A client without a token gets neither a code nor a description.
        """
        refused = Refused(401, "A token is needed.", error="")
        self.assertEqual("Bearer", challenge(refused))
        self.assertEqual(f'Bearer resource_metadata="{METADATA}"', challenge(refused, METADATA))

    def test_code(self) -> None:
        """
        A client with a bad token gets a code and a description.
        """
        refused = Refused(401, "The token is not valid.", error="invalid_token", reason="expired")
        self.assertEqual(
            'Bearer error="invalid_token", error_description="The token is not valid.", '
            f'resource_metadata="{METADATA}"',
            challenge(refused, METADATA),
        )

    def test_reason_is_secret(self) -> None:
        """
        The challenge does not tell the client which check failed.
        """
        refused = Refused(401, "The token is not valid.", error="invalid_token", reason="expired")
        self.assertNotIn("expired", str(challenge(refused)))

    @given(st.text())
    def test_description(self, text: str) -> None:
        """
        A description only has characters that RFC 6750 allows.
        """
        value = challenge(Refused(403, text, error="insufficient_scope"))
        assert value is not None
        before, _, description = value.partition('error_description="')
        self.assertEqual('Bearer error="insufficient_scope", ', before)
        self.assertEqual(len(text), len(description[:-1]))
        for character in description[:-1]:
            self.assertTrue(" " <= character <= "~" and character not in '"\\', character)


class QuotedTests(SynchronousTestCase):
    """
    Quoted strings in headers.
    """

    def test_escaped(self) -> None:
        """
        Quotes and backslashes are escaped.
        """
        self.assertEqual(r'"a\"b\\c"', quoted(r'a"b\c'))
