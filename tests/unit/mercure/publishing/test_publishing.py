"""
Clients that leave while their events wait for the log, and publications that are repeated.
"""

from dataclasses import replace

from ssetwist import Hub
from ssetwist.hub import Matchers
from tests.memory import Client
from tests.unit.hub.fake import Broken, SlowLog
from tests.unit.mercure.case import ALICE, ResourceCase, Slow

LINES = {"Content_Type": "application/x-ndjson"}


class LeavesTests(ResourceCase):
    """
    Publishers that leave before a slow log has their events safe.
    """

    def setUp(self) -> None:
        super().setUp()
        self.slow = SlowLog(self.log)
        self.hub = Hub(clock=self.clock, log=self.slow, flush_threads=1, heartbeat=0)
        self.make(self.settings)

    def leave(self, client: Client) -> None:
        """
        Let a client leave, and check that nothing is logged as an error.
        """
        client.close()
        self.clock.pump([0.1] * 10)
        self.assertEqual([], self.flushLoggedErrors())

    def test_while_the_log_waits(self) -> None:
        """
        If a client leaves, its appends to the log are cancelled, even those of several lines, and
        no error is logged.
        """
        for count, options in ((1, {}), (5, LINES)):
            body = b'{"topic":"news"}\n' * count if options else b"topic=news"
            client = self.publish(body, **options)
            self.assertEqual(["append"] * count, [asked for asked, _, _ in self.slow.unanswered])
            self.leave(client)
            self.assertEqual([], self.slow.unanswered)
            self.assertEqual(["append"] * count, self.slow.cancelled)
            self.slow.cancelled.clear()

    def test_between_two_lines(self) -> None:
        """
        If a client leaves between two lines, the lines that were begun are cancelled, and no
        further line is published.
        """
        slow = Matchers(frozenset(), frozenset([Slow(self.clock)]))
        self.authorizer.people["alice"] = replace(ALICE, publish=slow)
        clients: list[Client] = []
        self.clock.callLater(0, lambda: self.clients[-1].close())
        clients.append(self.publish(b'{"topic":"news"}\n' * 5, **LINES))
        begun = self.log.head
        self.assertTrue(0 < begun < 5, begun)
        self.leave(clients[0])
        self.assertEqual(begun, self.log.head)
        self.assertEqual(([], ["append"] * begun), (self.slow.unanswered, self.slow.cancelled))

    def test_stays(self) -> None:
        """
        A client that stays gets its answer when the log has all lines safe, in their order.
        """
        client = self.publish(b'{"topic":"news"}\n{"topic":"/a"}', **LINES)
        self.assertEqual(b"", client.received)
        self.slow.answer("append")
        self.assertEqual(b'{"id": "#e.1"}\n{"id": "#e.2"}\n', client.body)

    def test_log_breaks(self) -> None:
        """
        If the log breaks while lines wait, the client gets 500, and the error is logged once.
        """
        for body, options in ((b"topic=news", {}), (b'{"topic":"news"}\n' * 3, LINES)):
            client = self.publish(body, **options)
            self.slow.break_down()
            self.assertEqual(500, self.status(client))
            self.assertEqual(1, len(self.flushLoggedErrors(Broken)))
            self.assertEqual([], self.flushLoggedErrors())


class WithoutIdentityTests(ResourceCase):
    """
    Publishers without an identity, such as all visitors of an application that names nobody.
    """

    def setUp(self) -> None:
        super().setUp()
        self.authorizer.people["nobody"] = replace(ALICE, identity="")

    def test_rate(self) -> None:
        """
        The rate of each address is limited on its own: one publisher cannot silence the others.
        """
        self.make(replace(self.settings, publish_rate=1.0))
        for address in ("192.0.2.1", "192.0.2.2"):
            clients = [self.publish_from(address) for _ in range(2)]
            self.assertEqual([200, 429], [self.status(client) for client in clients])

    def test_same_key(self) -> None:
        """
        If publishers at two addresses use the same key, both updates are published.
        """
        addresses = ("192.0.2.1", "192.0.2.2", "192.0.2.1")
        clients = [self.publish_from(address, Idempotency_Key="k") for address in addresses]
        self.assertEqual([b"#e.1", b"#e.2", b"#e.1"], [client.body for client in clients])

    def publish_from(self, address: str, **headers: str) -> Client:
        """
        Publish an update without a name.
        """
        return self.ask("", "nobody", method="POST", body=b"topic=news", address=address, **headers)


class AgainTests(ResourceCase):
    """
    Publications that are repeated under their key.
    """

    def test_lines(self) -> None:
        """
        A client may repeat some lines of a batch and leave the other lines blank: the hub
        recognises each line by its number and its text.
        """
        key = {"Idempotency_Key": "k", **LINES}
        both = self.publish(b'{"topic":"news"}\n{"topic":"/a"}\n', **key)
        second = self.publish(b'\n{"topic":"/a"}\n', **key)
        self.assertEqual(both.body.splitlines()[1:], second.body.splitlines())
        self.assertEqual(2, self.log.head)

    def test_two_publishers(self) -> None:
        """
        If two publishers use the same key, both updates are published.
        """
        self.authorizer.people["carol"] = replace(ALICE, identity="carol")
        key = {"Idempotency_Key": "k"}
        clients = [
            self.ask("", name, method="POST", body=b"topic=news", **key)
            for name in ("alice", "carol")
        ]
        self.assertEqual([b"#e.1", b"#e.2"], [client.body for client in clients])
