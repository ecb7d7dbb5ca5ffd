"""
Single attempts of a source.
"""

from ssetwist.client import ReadyState
from ssetwist.errors import SSETwistError
from tests.unit.client.case import SourceCase


class AttemptCase(SourceCase):
    def failed(self, data: bytes, **options: object) -> SSETwistError:
        """
        Return the failure that ends a source with this answer.
        """
        source = self.source(**options)
        closed = source.when_closed()
        wire = self.accept(data)
        self.turn()
        self.assertFalse(wire.is_connected, "the connection is gone")
        problem = self.failureResultOf(closed).value
        self.assertIs(ReadyState.CLOSED, source.state)
        return problem
