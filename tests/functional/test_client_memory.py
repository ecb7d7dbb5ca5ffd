"""
Memory of a client: it does not grow with the length of the stream.
"""

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from itertools import repeat

from treq.client import HTTPClient
from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredQueue
from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import Agent

from ssetwist.client import stream_events
from ssetwist.eventstream import Event
from tests.functional.client_case import ClientCase
from tests.functional.scripted_server import (
    CHUNKED_HEAD,
    HEAD,
    Connection,
    Script,
    chunk,
    floods_with,
)
from tests.functional.support import PATIENCE, ROOT

#: Megabytes that are read; ``python -m tests.functional.client_soak`` reads a thousand.
MEGABYTES = 64

#: Bytes by which the memory may still grow: the allocator needs some.
GROWTH = 4 << 20

#: The most bytes that the server can send to a client that does not read: the kernel stores some
#: megabytes on each side.  The server offers many times as much.
UNREAD = 24 << 20

EVENT = b"data: " + b"x" * 8185 + b"\n\n"


class SoakTests(SynchronousTestCase):
    """
    A long stream that is read as it comes, in a separate process.
    """

    def soak(self, client: str) -> None:
        said = subprocess.run(
            [
                *(sys.executable, "-m", "tests.functional.client_soak"),
                *("--client", client, "--megabytes", str(MEGABYTES)),
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=3 * PATIENCE,
        )
        self.assertEqual((0, ""), (said.returncode, said.stderr))
        result = json.loads(said.stdout)
        self.assertEqual(MEGABYTES, result["megabytes"])
        self.assertLess(result["grown"], GROWTH)

    def test_source(self) -> None:
        """
        The memory of an event source stays flat.
        """
        self.soak("source")

    def test_treq(self) -> None:
        """
        The memory of a reader of a treq response stays flat.
        """
        self.soak("treq")

    def test_agent(self) -> None:
        """
        The memory of a reader of an ``Agent``'s response stays flat.
        """
        self.soak("agent")


class BackpressureTests(ClientCase):
    """
    A program that stops taking events: its client stops reading, so the server's socket fills up
    and stays full.
    """

    count = 4 * UNREAD // len(EVENT)

    async def assert_blocks(
        self, script: Script, open: Callable[[str], Callable[[], Deferred[Event]]]
    ) -> None:
        """
        Check that the server can send nothing more after the first events, and can send again when
        they are taken.
        """
        server = await self.serve(script)
        next_event = open(server.url())
        for _ in range(3):
            self.assertEqual(8185, len((await next_event()).data))
        connection = server.connections[0]
        await self.until(lambda: connection.is_blocked, "the server is blocked")
        before = -1
        while before != connection.flooded:  # the kernel takes some more now and then
            before = connection.flooded
            await deferLater(reactor, 0.1)
            await self.until(lambda: connection.is_blocked, "the server is blocked again")
        self.assertLess(connection.flooded, UNREAD)
        for _ in range(self.count - 3):
            self.assertEqual(8185, len((await next_event()).data))
        self.assertFalse(connection.is_blocked)

    async def test_source(self) -> None:
        """
        An event source does not read from its connection while its events are not taken.
        """

        def open(url: str) -> Callable[[], Deferred[Event]]:
            return self.open(url).next

        await self.assert_blocks(floods_with(HEAD, lambda: repeat(EVENT, self.count)), open)

    async def test_callback(self) -> None:
        """
        An event source with a callback does not read while it waits for the callback's result.
        """

        def open(url: str) -> Callable[[], Deferred[Event]]:
            taking: DeferredQueue[Event] = DeferredQueue()
            steps: DeferredQueue[None] = DeferredQueue()

            async def handle(event: Event) -> None:
                await steps.get()
                taking.put(event)

            def take() -> Deferred[Event]:
                steps.put(None)
                return taking.get()

            self.open(url).for_each(handle).addErrback(lambda _: None)
            return take

        await self.assert_blocks(floods_with(HEAD, lambda: repeat(EVENT, self.count)), open)

    async def test_large_chunk(self) -> None:
        """
        A large HTTP chunk is never held as a whole.
        """

        async def script(connection: Connection) -> None:
            await connection.request()
            connection.send(CHUNKED_HEAD + b"%x\r\n" % (self.count * len(EVENT)))
            await connection.flood(repeat(EVENT, self.count))

        await self.assert_blocks(script, lambda url: self.open(url).next)

    async def test_one_shot(self) -> None:
        """
        A response, of treq or of an ``Agent``, is not read while its events are not taken.
        """
        for request in (
            lambda url: HTTPClient(Agent(reactor)).get(url, unbuffered=True),
            lambda url: Agent(reactor).request(b"GET", url.encode()),
        ):

            def open(url: str, request: object = request) -> Callable[[], Deferred[Event]]:
                async def events() -> AsyncIterator[Event]:
                    async for event in stream_events(await request(url)):
                        yield event

                async def take() -> Event:
                    return await anext(source)

                source = events()
                return lambda: Deferred.fromCoroutine(take())

            await self.assert_blocks(
                floods_with(CHUNKED_HEAD, lambda: repeat(chunk(EVENT), self.count)), open
            )
