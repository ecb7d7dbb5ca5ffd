"""
Requests to a hub that are refused or fail, and their lines in the log.
"""

from dataclasses import replace

from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs, formatEvent
from twisted.web.server import Request

from ssetwist.mercure import Action, Rights
from ssetwist.mercure.subscribing._subscribing import Subscribing
from tests.unit.hub.fake import Broken, fail
from tests.unit.mercure.case import ALICE, ByName, ResourceCase


class RefusalTests(ResourceCase):
    """
    Requests that are refused.
    """

    def test_line(self) -> None:
        """
        The log has a line for each: the status, the client, the request without its query, and the
        reason, which the client does not learn.
        """
        for request, line in (
            (("?match=news", "eve"), "401 to 192.0.2.1:50000 GET /: 'eve' is nobody"),
            (("a/b?token=secret", "alice"), "404 to 192.0.2.1:50000 GET /a/b: "),
        ):
            with capturedLogs() as logged:
                client = self.ask(*request)
            [said] = [formatEvent(event) for event in logged if "status" in event]
            self.assertTrue(said.startswith(line), said)
            self.assertNotIn(b"is nobody", client.received)

    def test_method(self) -> None:
        """
        A method that is not allowed gets 405 with those that are, at the hub and below it; a long
        one is shortened in the log.
        """
        for path, allowed in (
            ("", b"get, head, query, post, options"),
            ("subscriptions", b"get, head, options"),
        ):
            client = self.ask(path, method="PUT")
            self.assertEqual(405, self.status(client))
            self.assertIn(b"\r\nallow: " + allowed + b"\r\n", client.head)
            self.assertEqual(b"allowed methods: " + allowed + b".\n", client.body.lower())


class WritingAuthorizer(ByName):
    """
    An authorizer that mistakenly writes to the request.
    """

    def authorize(self, request: Request, action: Action) -> Deferred[Rights]:
        request.write(b"hello")
        return super().authorize(request, action)


class FailureTests(ResourceCase):
    """
    Requests that fail.
    """

    def test_authorizer_in_time(self) -> None:
        """
        A request waits for its authorizer for as long as the settings say.
        """
        self.authorizer.is_slow = True
        self.make(replace(self.settings, authorize_timeout=4.0))
        requests = [self.ask(), self.publish(), self.ask("subscriptions")]
        self.clock.advance(3.9)
        self.assertEqual([b""] * 3, [client.received for client in requests])
        self.clock.advance(0.1)
        self.assertEqual([503] * 3, [self.status(client) for client in requests])

    def test_after_the_answer_began(self) -> None:
        """
        A request that fails after its answer has begun is not answered a second time.
        """
        self.authorizer = WritingAuthorizer({"alice": ALICE})
        self.make(self.settings)
        client = self.ask()
        self.assertEqual((b"hello", 1), (client.body, client.received.count(b"HTTP/1.1")))
        self.assertEqual(1, len(self.flushLoggedErrors(RuntimeError)))
        self.assertEqual([], self.flushLoggedErrors())

    def test_answered(self) -> None:
        """
        A request that fails by a fault of the hub is answered with 500, which tells nothing of it.
        """
        self.patch(Subscribing, "answer", fail)
        client = self.ask()
        self.assertEqual(
            (500, b"An internal error occurred.\n"), (self.status(client), client.body)
        )
        self.assertEqual(1, len(self.flushLoggedErrors(Broken)))
