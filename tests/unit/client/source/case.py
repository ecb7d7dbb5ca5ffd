"""
Attempts of a source, one by one.
"""

from ssetwist.client import ReadyState
from ssetwist.errors import SSETwistError
from tests.unit.client.case import SourceCase


class AttemptCase(SourceCase):
    def failed(self, data: bytes, **options: object) -> SSETwistError:
        """
        Return what ends a source that is answered so.
        """
        source = self.source(**options)
        closed = source.when_closed()
        wire = self.accept(data)
        self.turn()
        self.assertFalse(wire.is_connected, "the connection is gone")
        problem = self.failureResultOf(closed).value
        self.assertIs(ReadyState.CLOSED, source.state)
        return problem
