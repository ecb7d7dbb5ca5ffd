"""
Challenges.
"""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.errors import Refused
from ssetwist.mercure.access._challenge import challenge, quoted

METADATA = "https://hub.example/.well-known/oauth-protected-resource/.well-known/mercure"


class ChallengeTests(SynchronousTestCase):
    """
    The value of WWW-Authenticate.
    """

    def test_none(self) -> None:
        """
        Not every refusal is a challenge.
        """
        self.assertIsNone(challenge(Refused(404, "There is nothing."), METADATA))

    def test_bare(self) -> None:
        """
        Who shows no token gets no code.
        """
        refused = Refused(401, "A token is needed.", error="")
        self.assertEqual("Bearer", challenge(refused))
        self.assertEqual(f'Bearer resource_metadata="{METADATA}"', challenge(refused, METADATA))

    def test_code(self) -> None:
        """
        Who shows one that does not do gets a code, and a sentence.
        """
        refused = Refused(401, "The token is not valid.", error="invalid_token", reason="expired")
        self.assertEqual(
            'Bearer error="invalid_token", error_description="The token is not valid.", '
            f'resource_metadata="{METADATA}"',
            challenge(refused, METADATA),
        )

    def test_reason_is_secret(self) -> None:
        """
        Which check failed is not told.
        """
        refused = Refused(401, "The token is not valid.", error="invalid_token", reason="expired")
        self.assertNotIn("expired", str(challenge(refused)))

    @given(st.text())
    def test_description(self, text: str) -> None:
        """
        Whatever the sentence is, there is nothing in it that RFC 6750 does not allow.
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
    Quoted strings.
    """

    def test_escaped(self) -> None:
        """
        What would end it, or escape, is escaped.
        """
        self.assertEqual(r'"a\"b\\c"', quoted(r'a"b\c'))
