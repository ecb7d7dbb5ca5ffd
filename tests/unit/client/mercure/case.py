"""
A publisher, and a hub that answers as a test says.
"""

import json
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionRefusedError
from twisted.trial.unittest import SynchronousTestCase
from twisted.web._newclient import ResponseNeverReceived

from ssetwist.client import Interruption, Publisher
from ssetwist.errors import NotPublished
from tests.clock import Clock
from tests.unit.client.fake_hub import FakeHub, Response, SentRequest

URL = "https://hub.example/.well-known/mercure"

REFUSED = ConnectionRefusedError("nobody is there")

LOST = ResponseNeverReceived([])

JSON_LINES = {"Content-Type": "application/x-ndjson"}


def answer_lines(sent: SentRequest) -> Response:
    """
    Answer each line: the data of the line is the id in the answer, or, if it is a number, the
    status.
    """
    answers = []
    for number, line in enumerate(sent.body.split(b"\n"), 1):
        if not line:
            continue
        data = json.loads(line)["data"]
        if data.isdigit():
            answers.append({"error": "no", "status": int(data), "line": number, "retry_after": 2})
        else:
            answers.append({"id": data[:10]})
    body = b"".join(json.dumps(answer).encode() + b"\n" for answer in answers)
    return Response(200, body, JSON_LINES)


class PublisherCase(SynchronousTestCase):
    """
    A publisher and a hub.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.hub = FakeHub()
        self.interruptions: list[Interruption] = []

    def tearDown(self) -> None:
        self.assertEqual([], self.clock.getDelayedCalls())

    def publisher(self, **options: Any) -> Publisher:
        """
        Return a publisher with a jitter of 0.5.
        """
        options.setdefault("client", self.hub)
        return Publisher(
            URL,
            reactor=self.clock,
            jitter=lambda: 0.5,
            on_interruption=self.interruptions.append,
            **options,
        )

    def results(self, waiting: "Deferred[list[str | NotPublished]]") -> list[Any]:
        """
        Return the ids and, for refused updates, the statuses of a call of ``publish_many``.
        """
        results = self.successResultOf(waiting)
        return [one if isinstance(one, str) else one.status for one in results]
