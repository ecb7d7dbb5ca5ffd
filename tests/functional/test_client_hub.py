"""
An event source against this hub: no event is lost, whichever side ends the stream.
"""

from twisted.internet import reactor

from ssetwist import Event
from ssetwist.client import Backoff, EventSource, ReadyState
from tests.functional.case import HubCase


class HubTests(HubCase):
    """
    A hub and a client, over TCP.
    """

    async def listen_to(self, path: str = "/", **options: object) -> EventSource:
        """
        Open an event source, and wait until it is subscribed.
        """
        wanted = len(self.subscribers) + 1
        source = EventSource(
            f"http://127.0.0.1:{self.port.getHost().port}{path}",
            # The hub asks for three seconds.
            **{
                "reactor": reactor,
                "backoff": Backoff(first=0.0, max_server_delay=0.001),
                **options,
            },
        )
        self.addCleanup(source.close)
        await self.until(lambda: len(self.subscribers) == wanted, "the source is subscribed")
        return source

    async def test_events_are_unchanged(self) -> None:
        """
        An event arrives as it was published.
        """
        await self.start()
        source = await self.listen_to()
        for event in (Event("grüße\n🙂", "t"), Event(""), Event("\n")):
            id = await self.hub.publish("topic", event)
            self.assertEqual(Event(event.data, event.type, id), await source.next())

    async def test_cut(self) -> None:
        """
        All events arrive, once and in order, even if the stream is ended or cut again and again.
        """
        await self.start()
        source = await self.listen_to()
        expected: list[Event] = []
        heard: list[Event | None] = []

        async def publish() -> None:
            data = str(len(expected))
            expected.append(Event(data, id=await self.hub.publish("topic", Event(data))))

        await publish()
        heard.append(await source.next())
        for cut in range(1, 7):
            subscriber = self.subscribers[-1]
            await publish()
            subscriber.abort() if cut % 2 else subscriber.end()
            await publish()
            await self.until(lambda cut=cut: len(self.subscribers) > cut, "the source is back")
            await publish()
        heard += [await source.next() for _ in expected[1:]]
        self.assertEqual(expected, heard)

    async def test_ended_for_good(self) -> None:
        """
        A source does not come back after its stream was ended for good.
        """
        await self.start()
        source = await self.listen_to()
        self.subscribers[0].end(for_good=True)
        self.assertEqual(["end"], [event.type async for event in source])
        self.assertIs(ReadyState.CLOSED, source.state)
        self.assertEqual(1, len(self.subscribers))

    async def test_heartbeats(self) -> None:
        """
        The hub's heartbeats keep a silent stream alive.
        """
        await self.start(heartbeat=0.05)
        beats: list[str] = []
        source = await self.listen_to(silence_timeout=1.5, on_comment=beats.append)
        await self.until(lambda: len(beats) > 40, "two seconds of heartbeats came")
        self.assertEqual(1, len(self.subscribers))
        self.assertIs(ReadyState.OPEN, source.state)

    async def test_close_is_noticed(self) -> None:
        """
        The hub notices at once that a client has closed.
        """
        await self.start()
        source = await self.listen_to()
        await source.close()
        await self.end_reason()
        self.assertEqual(0, self.hub.subscriber_count)
