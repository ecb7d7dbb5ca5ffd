"""
An event source against a server that fails at random: no event is lost or comes twice.
"""

import gzip
import os
from random import Random

from twisted.internet import reactor
from twisted.internet.task import deferLater

from ssetwist.client import ReadyState
from ssetwist.eventstream import Event, encode_event
from tests.functional.client_case import ClientCase
from tests.functional.scripted_server import CHUNKED_HEAD, HEAD, LAST_CHUNK, Connection, chunk, head

#: Number of seeds that are tried.
SEEDS = int(os.environ.get("SSETWIST_CHAOS_SEEDS", "6"))

#: Number of events in all.
COUNT = 300

#: Most events of one connection.
EACH = 40


def event(number: int) -> Event:
    """
    Return the event with a number; each number has another length of data.
    """
    text = f"{number}\n" + "ü🙂" * (number % 50)
    return Event(text, "t" * (1 + number % 3), f"é{number}")


class Chaos:
    """
    Sends the events after the given id in one of many ways, and fails in one of many ways.
    """

    def __init__(self, random: Random) -> None:
        self._random = random
        self.failures: set[str] = set()

    async def __call__(self, connection: Connection) -> None:
        request = await connection.request()
        random = self._random
        told = request.headers["Last-Event-ID"]
        begin = 1 if told is None else int(told.encode("latin-1").decode()[1:]) + 1
        if begin > COUNT:
            connection.send(head("204 No Content"))
            return
        failure = random.choice(
            ["end", "cut", "reset", "silence", "500", "429", "again", "garbage", "refuse"]
        )
        self.failures.add(failure)
        if failure == "500":
            connection.send(head("500 Internal Server Error"))
        elif failure == "429":
            connection.send(head("429 Too Many Requests", retry_after=0))
        elif failure == "again":
            # The next connection, to this location, has a failure of its own.
            connection.send(head("307 Temporary Redirect", location="/there", connection="close"))
        elif failure == "garbage":
            connection.send(random.randbytes(random.randrange(200)))
        elif failure == "refuse":
            connection.reset()
        else:
            await self._answer(connection, begin, failure)

    async def _answer(self, connection: Connection, begin: int, failure: str) -> None:
        random = self._random
        end = min(begin + random.randrange(1, EACH), COUNT + 1)
        data = b"".join(
            b": comment\r\n" * random.randrange(2)
            + random.choice([b"\n", b"\r\n", b"\r"]).join(encode_event(event(n)).split(b"\n"))
            for n in range(begin, end)
        )
        begins = HEAD
        if random.randrange(2):
            begins = begins[:-2] + b"Content-Encoding: gzip\r\n\r\n"
            data = gzip.compress(data)
        pieces = list(self._cut(data))
        if random.randrange(2):
            begins = begins.replace(HEAD[:-2], CHUNKED_HEAD[:-2])
            pieces = [chunk(piece) for piece in pieces]
            if failure == "end":
                pieces.append(LAST_CHUNK)
        if failure != "end":
            del pieces[random.randrange(len(pieces)) :]
        connection.send(begins)
        for piece in pieces:
            for part in self._cut(piece) if random.randrange(4) == 0 else [piece]:
                connection.send(part)
                if random.randrange(3) == 0:
                    await deferLater(reactor, 0)
        if failure == "reset":
            connection.reset()
        elif failure == "silence":
            await connection.gone()

    def _cut(self, data: bytes) -> list[bytes]:
        places = sorted(self._random.randrange(len(data)) for _ in range(12))
        return [
            data[start:end]
            for start, end in zip([0, *places], [*places, len(data)], strict=True)
            if start < end
        ]


class ChaosTests(ClientCase):
    """
    Each seed gives another series of failures.
    """

    async def assert_all_is_heard(self, seed: int) -> None:
        chaos = Chaos(Random(seed))
        server = await self.serve(chaos)
        source = self.open(server.url(), gzip=True, silence_timeout=0.2)
        self.assertEqual(
            [event(number) for number in range(1, COUNT + 1)], [one async for one in source]
        )
        self.assertIs(ReadyState.CLOSED, source.state)
        self.assertGreater(len(chaos.failures), 5)


for _seed in range(SEEDS):

    async def _test(self: ChaosTests, seed: int = _seed) -> None:
        """
        Check that a source receives all events, once and in order.
        """
        await self.assert_all_is_heard(seed)

    setattr(ChaosTests, f"test_{_seed}", _test)
