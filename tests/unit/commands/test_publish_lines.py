"""
Publishing of lines.
"""

import io

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.__main__ import parse
from ssetwist.client import Publisher
from ssetwist.commands._lines import Lines
from ssetwist.commands._publish_lines import PublishedLines
from ssetwist.commands._status import StatusOutput
from ssetwist.commands._terminal import Output, Terminal
from ssetwist.commands._update_maker import UpdateMaker
from tests.clock import Clock
from tests.unit.client.fake_hub import FakeHub
from tests.unit.commands.test_lines import Slow

URL = "https://hub.example/.well-known/mercure"


class PublishedLinesTests(SynchronousTestCase):
    """
    Lines of an input that may wait for more.
    """

    def test_cancelled(self) -> None:
        """
        If the publication is cancelled while it waits for a line, nothing waits for it any more.
        """
        clock, slow = Clock(), Slow()
        terminal = Terminal(io.StringIO(), io.StringIO(), io.StringIO())
        published = PublishedLines(
            clock,
            Publisher(URL, reactor=clock, client=FakeHub()),
            UpdateMaker(parse(["publish", URL, "--topic=a"])),
            Output(terminal.output, clock),
            StatusOutput(terminal, is_quiet=False),
            Lines(slow),
            in_flight=1,
            writes_ids=False,
        )
        publishing = Deferred.fromCoroutine(published.publish())
        self.assertFalse(slow.waiting[0].called)
        publishing.cancel()
        self.failureResultOf(publishing, CancelledError)
        self.assertEqual([True], [one.called for one in slow.waiting])
        self.assertEqual([], clock.getDelayedCalls())
