"""
A stream over a response in memory.
"""

from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.client.stream._stream import Stream
from ssetwist.errors import SSETwistError
from ssetwist.eventstream import Event, EventStreamParser
from tests.clock import Clock
from tests.unit.client.case import FakeResponse


def event(number: int) -> bytes:
    return b"data: %d\n\n" % number


class StreamCase(SynchronousTestCase):
    """
    One stream, with the events and the end that it has reported.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.arrived: list[str] = []
        self.ended: list[SSETwistError] = []
        self.pauses_after = 10**9

    def tearDown(self) -> None:
        self.assertEqual([], self.clock.getDelayedCalls())

    def make(self, response: FakeResponse | None = None, **options: object) -> Stream:
        """
        Return a stream that has not begun.
        """
        self.response = FakeResponse() if response is None else response
        parser = EventStreamParser(max_line=options.pop("max_line", 1000))
        self.stream = Stream(
            self.response,
            parser,
            arrived=self.arrive,
            ended=self.ended.append,
            clock=self.clock,
            **options,
        )
        return self.stream

    def begin(self, response: FakeResponse | None = None, **options: object) -> Stream:
        """
        Return a stream that has begun.
        """
        stream = self.make(response, **options)
        stream.begin()
        self.calls.clear()
        return stream

    @property
    def calls(self) -> list[str]:
        """
        Calls of the transport.
        """
        return self.response.transport.calls

    def arrive(self, events: list[Event]) -> None:
        self.assertTrue(events)
        self.arrived += [event.data for event in events]
        if len(self.arrived) >= self.pauses_after:
            self.stream.pause()

    def lose(self, reason: Exception) -> None:
        """
        End the body.
        """
        self.response.protocol.connectionLost(Failure(reason))

    def assert_problem(self, kind: type[SSETwistError], text: str) -> SSETwistError:
        """
        Check the reason of the end.
        """
        [problem] = self.ended
        self.assertIsInstance(problem, kind)
        self.assertIn(text, str(problem))
        return problem
