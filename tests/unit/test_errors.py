"""
The texts of errors: for a person, for the peer and for the log.
"""

from twisted.trial.unittest import SynchronousTestCase

from ssetwist.errors import InvalidOption, Refused


class RefusedTests(SynchronousTestCase):
    def test_reason(self) -> None:
        """
        The log gets the reason, or the text for the peer if there is no other reason.
        """
        self.assertEqual("too long", Refused(400, "too long").reason)
        refused = Refused(401, "The token is not accepted.", reason="it has expired")
        self.assertEqual(("it has expired", 401), (refused.reason, refused.status))
        self.assertEqual("The token is not accepted.", str(refused))


class InvalidOptionTests(SynchronousTestCase):
    def test_names(self) -> None:
        """
        An option has its name in Python, and on a command line the one that is typed there.
        """
        problem = InvalidOption("max_body_size", "-1 is not 0 or more")
        self.assertEqual("max_body_size: -1 is not 0 or more", str(problem))
        self.assertEqual("--max-body-size: -1 is not 0 or more", problem.on_command_line)
