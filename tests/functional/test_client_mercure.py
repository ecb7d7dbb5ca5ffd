"""
The Mercure client over real sockets: publishing, subscribing and discovery, with a hub.
"""

from contextlib import ExitStack

from twisted.internet import reactor
from twisted.internet.defer import DeferredList, gatherResults
from twisted.trial.unittest import TestCase

from ssetwist.client import EARLIEST, Loss, Publisher, Update, hub_metadata, subscribe
from ssetwist.errors import NoHub, NotPublished
from tests.functional.mercure_process import (
    OTHER_TOPIC,
    PATH,
    TOPIC,
    access_token,
    legacy_token,
    mercure_hub,
)
from tests.functional.scripted_server import Connection, Script, ScriptedServer, head
from tests.functional.support import PATIENCE


class MercureTests(TestCase):
    """
    A hub as a process, and its clients in this process.
    """

    timeout = 2 * PATIENCE  # trial's own name; in seconds

    def start(self, *options: str) -> str:
        """
        Run a hub, and return its URL.
        """
        stack = ExitStack()
        self.addCleanup(stack.close)
        process = stack.enter_context(mercure_hub(*options))
        return f"http://{process.host}:{process.port}{PATH}"

    async def test_publish_and_subscribe(self) -> None:
        """
        In both dialects, published updates arrive in order; a bad update does not affect the
        others.
        """
        url = self.start()
        for legacy, token in ((False, access_token()), (True, legacy_token())):
            async with (
                subscribe(url, TOPIC, reactor=reactor, token=token, legacy=legacy) as source,
                Publisher(url, reactor=reactor, token=token) as publisher,
            ):
                await source.when_open()
                first = await publisher.publish(TOPIC, "first", private=True)
                updates = [Update(TOPIC, str(number)) for number in range(2500)]
                updates[1234] = Update(OTHER_TOPIC, "x")
                results = await publisher.publish_many(updates)
                refused = results.pop(1234)
                assert isinstance(refused, NotPublished)
                self.assertEqual(235, refused.line)
                self.assertIn(refused.status, (401, 403))
                ids = []
                async for event in source:
                    ids.append(event.id)
                    if event.data == "2499":
                        break
                self.assertEqual([first, *results], ids)

    async def test_many_at_a_time(self) -> None:
        """
        Hundreds of updates can be published at once; the requests run in parallel, and all updates
        arrive.
        """
        url = self.start()
        async with Publisher(url, reactor=reactor, token=access_token()) as publisher:
            published = [publisher.publish(TOPIC, str(number)) for number in range(300)]
            ids = await gatherResults(published)
        self.assertEqual(300, len(set(ids)))

    async def test_slow_hub(self) -> None:
        """
        A hub that limits the publish rate gets every update in the end, each once.
        """
        url = self.start("--publish-rate", "200")
        async with Publisher(url, reactor=reactor, token=access_token()) as publisher:
            results = await publisher.publish_many(
                Update(TOPIC, str(number)) for number in range(700)
            )
            self.assertEqual(700, len({one for one in results if isinstance(one, str)}))
        async with subscribe(url, TOPIC, reactor=reactor, since=EARLIEST) as source:
            heard = [(await source.__anext__()).data for _ in range(700)]
        self.assertEqual({str(number) for number in range(700)}, set(heard))

    async def test_loss(self) -> None:
        """
        If the hub cannot continue after an event, the client reports the loss, once.
        """
        url = self.start()
        lost: list[Loss] = []
        async with subscribe(
            url, TOPIC, reactor=reactor, since="urn:unknown", on_loss=lost.append
        ) as source:
            gap = await source.__anext__()
        self.assertEqual("gap", gap.type)
        self.assertEqual([Loss("urn:unknown", EARLIEST)], lost)

    async def test_closed_in_the_middle(self) -> None:
        """
        A publisher that is closed during many publications: each has succeeded, or fails and says
        if the hub may have published it.  The hub has no other updates.
        """
        url = self.start()
        publisher = Publisher(url, reactor=reactor, token=access_token())
        published = [publisher.publish(TOPIC, str(number)) for number in range(50)]
        first = await published[0]
        closed = publisher.close()
        problem = await self.assertFailure(publisher.publish(TOPIC, "late"), NotPublished)
        self.assertFalse(problem.is_uncertain)
        ended = dict(enumerate(await DeferredList(published[1:], consumeErrors=True), 1))
        await closed
        ids = {"0": first} | {str(one): id for one, (is_id, id) in ended.items() if is_id}
        problems = {str(one): failure for one, (is_id, failure) in ended.items() if not is_id}
        self.assertNotEqual({}, problems)
        for failure in problems.values():
            failure.trap(NotPublished)
        uncertain = {one for one, failure in problems.items() if failure.value.is_uncertain}
        async with Publisher(url, reactor=reactor, token=access_token()) as another:
            await another.publish(TOPIC, "last")
        heard: dict[str, str] = {}
        async with subscribe(url, TOPIC, reactor=reactor, since=EARLIEST) as source:
            async for event in source:
                if event.data == "last":
                    break
                self.assertNotIn(event.data, heard)
                heard[event.data] = event.id
        self.assertEqual(ids, {data: heard.get(data) for data in ids})
        self.assertLessEqual(set(heard) - set(ids), uncertain)

    async def test_metadata(self) -> None:
        """
        The client does not trust metadata that names another hub.
        """
        url = self.start()
        await self.assertFailure(hub_metadata(url, reactor=reactor), NoHub)


class ExchangeTests(TestCase):
    """
    A publisher and a server that follows a script.
    """

    timeout = 2 * PATIENCE  # trial's own name; in seconds

    async def start(self, script: Script) -> ScriptedServer:
        """
        Run the server.
        """
        server = ScriptedServer(script)
        await server.listen()
        self.addCleanup(server.stop)
        return server

    async def test_connection_is_reused(self) -> None:
        """
        Successive requests use the same connection.
        """

        async def script(connection: Connection) -> None:
            while True:
                await connection.request()
                connection.send(head("200 OK", content_length=1) + b"1")

        server = await self.start(script)
        async with Publisher(server.url(), reactor=reactor) as publisher:
            for _ in range(5):
                self.assertEqual("1", await publisher.publish("a"))
        self.assertEqual([0] * 5, [request.connection for request in server.requests])

    async def test_head_without_end(self) -> None:
        """
        A head without an end is cut off, even if it is not the first on its connection.
        """

        async def script(connection: Connection) -> None:
            await connection.request()
            connection.send(head("200 OK", content_length=1) + b"1")
            await connection.request()
            connection.send(b"HTTP/1.1 200 OK\r\n")
            await connection.flood(b"X-A: %d\r\n" % number * 1000 for number in range(100_000))

        server = await self.start(script)
        async with Publisher(server.url(), reactor=reactor, attempts=1) as publisher:
            self.assertEqual("1", await publisher.publish("a"))
            problem = await self.assertFailure(publisher.publish("a"), NotPublished)
        self.assertIn("its head has more than", str(problem))
        self.assertEqual([0, 0], [request.connection for request in server.requests])
