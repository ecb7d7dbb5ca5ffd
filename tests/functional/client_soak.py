"""
A program that reads a long stream and prints the memory that this took::

    python -m tests.functional.client_soak --megabytes 1024

It prints JSON: the number of events, the seconds, and the bytes by which the peak of the process's
memory grew after the first few megabytes.
"""

import argparse
import json
import resource
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from threading import Thread

from treq.client import HTTPClient
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import react
from twisted.web.client import Agent

from ssetwist.client import EventSource, stream_events
from ssetwist.eventstream import Event, encode_event
from tests.functional.scripted_server import CHUNKED_HEAD, LAST_CHUNK, chunk

#: Bytes after which everything that is created once has been created.
WARM_UP = 8 << 20

_EVENT = encode_event(Event("ü" * 480 + "\n" + "x" * 40, "token", "é1"))

#: Some events in a chunk, which ends inside one of them.
_MANY = _EVENT * 60


def serve(megabytes: int) -> str:
    """
    Answer one request with this many megabytes, in a thread; return the URL.
    """
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        with listener, suppress(OSError):  # a client may leave
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(CHUNKED_HEAD)
                for _ in range((megabytes << 20) // len(_MANY)):
                    connection.sendall(chunk(_MANY[:1000]) + chunk(_MANY[1000:]))
                connection.sendall(LAST_CHUNK)

    Thread(target=answer, daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}/"


async def from_source(url: str) -> AsyncIterator[Event]:
    """
    Read with an event source, which must not reconnect.
    """
    async with EventSource(url, reactor=reactor, policy=lambda _: False) as source:
        with suppress(Exception):
            async for event in source:
                yield event


async def from_treq(url: str) -> AsyncIterator[Event]:
    """
    Read a response of treq, which would keep the body by default.
    """
    response = await HTTPClient(Agent(reactor)).post(url, data=b"ask")
    async for event in stream_events(response):
        yield event


async def from_agent(url: str) -> AsyncIterator[Event]:
    """
    Read a response of an ``Agent``.
    """
    async for event in stream_events(await Agent(reactor).request(b"GET", url.encode())):
        yield event


CLIENTS: dict[str, Callable[[str], AsyncIterator[Event]]] = {
    "source": from_source,
    "treq": from_treq,
    "agent": from_agent,
}


def peak() -> int:
    """
    Return the most memory that this process has ever had, in bytes.
    """
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # in the unit of Linux


async def soak(client: str, megabytes: int) -> None:
    began = time.monotonic()
    first, count = 0, 0
    async for event in CLIENTS[client](serve(megabytes)):
        assert event.type == "token"
        count += 1
        if not first and count * len(_EVENT) >= WARM_UP:
            first = peak()
    print(
        json.dumps(
            {
                "client": client,
                "megabytes": round(count * len(_EVENT) / 2**20),
                "events": count,
                "seconds": round(time.monotonic() - began, 1),
                "grown": peak() - first,
            }
        )
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0].strip())
    parser.add_argument("--client", choices=CLIENTS, default="source")
    parser.add_argument("--megabytes", type=int, default=1024)
    chosen = parser.parse_args()
    react(lambda _: Deferred.fromCoroutine(soak(chosen.client, chosen.megabytes)))
