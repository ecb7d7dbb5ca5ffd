"""
A program that reads event streams from memory with one library, as its users do, and prints the
time.

Run it with the Python that has the library; it imports nothing else of the benchmarks.
"""

import argparse
import asyncio
import gc
import json
import time
from collections.abc import Callable, Iterable, Iterator
from types import SimpleNamespace

#: Bytes of each piece.
PIECE = 65_536

#: A function from the pieces of a stream and the number of its events to the number of events read.
Reader = Callable[[list[bytes], int], int]

_JSON = '{"a": 1}'
_DELTA = '{"id":"chatcmpl-123","object":"chat.completion.chunk","created":1694268190,"model":"x",'
_DELTA += '"choices":[{"index":0,"delta":{"content":" sí €"},"logprobs":null}]}'
_TYPES = ("content_block_delta", "ping", "content_block_stop", "message_delta")


def _block(stream: str, number: int) -> str:
    if stream == "data":
        return f"data: {_JSON}\n\n"
    if stream == "model":
        return f"data: {_DELTA}\n\n"
    if stream == "types":
        return f"event: {_TYPES[number % len(_TYPES)]}\ndata: {_JSON}\n\n"
    if stream == "lines":
        return f'event: x\ndata: {{\ndata:   "a": {number}\ndata: }}\n\n'
    if stream == "mixed":
        if number % 3 == 0:
            return f": ping\n\nid: {number}\ndata: {_JSON}\n\n"
        return f"data: {_JSON}\n\n" if number % 3 == 1 else f"data: {_JSON}\nevent: x\nx: y\n\n"
    ends = f"id: {number}\nevent: x\ndata: {_JSON}\n\n"
    return ends.replace("\n", "\r\n") if stream == "crlf" else ends


#: Streams that are read, with a description of each.
STREAMS = {
    "fields": "id, event and data, 42 bytes",
    "data": "one line of data, 16 bytes",
    "model": "one line of data, 180 bytes, not all ASCII",
    "types": "event and data, with event types that change",
    "lines": "event and three lines of data",
    "crlf": "as fields, with CRLF",
    "mixed": "several forms in turn, with comments",
}

#: Megabytes of one event, on many lines and on one.
LARGE = {"lines": (12.5, 25.0, 50.0), "line": (12.5, 25.0, 50.0)}

#: Python's garbage collector on or off: its cost depends on the other objects of a program.
MODES = ("gc on", "gc off")


def pieces(stream: str, events: int) -> list[bytes]:
    """
    Return a stream of this many events, as it arrives.
    """
    whole = "".join(_block(stream, number) for number in range(events)).encode()
    return [whole[start : start + PIECE] for start in range(0, len(whole), PIECE)]


def ssetwist() -> Reader:
    from ssetwist.eventstream import EventStreamParser

    def read(stream: list[bytes], events: int) -> int:
        feed, count = EventStreamParser().feed, 0
        for piece in stream:
            for event in feed(piece):
                _ = event.type, event.data, event.id
                count += 1
        return count

    return read


def httpx_sse() -> Reader:
    import httpx
    from httpx_sse import connect_sse

    class InMemory(httpx.BaseTransport):
        def __init__(self, stream: Iterable[bytes]) -> None:
            self.stream = stream

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            headers = {"Content-Type": "text/event-stream"}
            return httpx.Response(200, headers=headers, content=iter(self.stream))

    def read(stream: list[bytes], events: int) -> int:
        count = 0
        with (
            httpx.Client(transport=InMemory(stream)) as client,
            connect_sse(client, "GET", "http://localhost/") as source,
        ):
            for event in source.iter_sse():
                _ = event.event, event.data, event.id
                count += 1
        return count

    return read


def sseclient() -> Reader:
    from sseclient import SSEClient

    def read(stream: list[bytes], events: int) -> int:
        count = 0
        for event in SSEClient(iter(stream)).events():
            _ = event.event, event.data, event.id
            count += 1
        return count

    return read


def aiohttp_sse_client() -> Reader:
    from aiohttp import StreamReader
    from aiohttp.base_protocol import BaseProtocol
    from aiohttp_sse_client.client import EventSource
    from yarl import URL

    class AlwaysReading(BaseProtocol):
        def pause_reading(self) -> None:
            """
            Ignore the call: the whole stream is there already.
            """

    async def read_all(stream: list[bytes], events: int) -> int:
        loop = asyncio.get_running_loop()
        content = StreamReader(AlwaysReading(loop), 2**16, loop=loop)
        for piece in stream:
            content.feed_data(piece)

        class InMemory:
            async def request(self, *_: object, **__: object) -> SimpleNamespace:
                return SimpleNamespace(
                    status=200,
                    content_type="text/event-stream",
                    content=content,
                    real_url=URL("http://localhost/"),
                    close=lambda: None,
                )

        count = 0
        async with EventSource("http://localhost/", session=InMemory()) as source:
            async for event in source:
                _ = event.type, event.data, event.last_event_id
                count += 1
                if count == events:  # at the end of the stream it would reconnect
                    break
        return count

    return lambda stream, events: asyncio.run(read_all(stream, events))


READERS = {
    "ssetwist": ssetwist,
    "httpx-sse": httpx_sse,
    "sseclient-py": sseclient,
    "aiohttp-sse-client": aiohttp_sse_client,
}


def measure(reader: Reader, stream: str, events: int, collects: bool) -> float:
    """
    Return the CPU seconds of reading, with the garbage collector on or off.

    :raises SystemExit: If an event was not read.
    """
    arriving = pieces(stream, events)
    gc.collect()
    (gc.enable if collects else gc.disable)()
    began = time.process_time()
    count = reader(arriving, events)
    seconds = time.process_time() - began
    gc.enable()
    # httpx-sse turns a comment with a blank line into an event if there was an id before.
    if count < events:
        raise SystemExit(f"{stream}: read {count} of {events} events")
    return seconds


def _one_event(megabytes: float, is_one_line: bool) -> Iterator[bytes]:
    size = round(megabytes * 1e6)
    line = b"x" * size if is_one_line else b"x" * 74
    whole = b"data: " + line + b"\n"
    whole = whole * (size // len(whole) or 1) + b"\n"
    return (whole[start : start + 1000] for start in range(0, len(whole), 1000))


def measure_large(megabytes: float, is_one_line: bool) -> float:
    """
    Return the CPU seconds that our parser takes for one event in pieces of 1 KB.
    """
    from ssetwist.eventstream import EventStreamParser

    feed, events = EventStreamParser(max_line=2**27, max_event=2**27).feed, 0
    stream = list(_one_event(megabytes, is_one_line))
    began = time.process_time()
    for piece in stream:
        events += len(feed(piece))
    seconds = time.process_time() - began
    if events != 1:
        raise SystemExit(f"read {events} events instead of one")
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description="Read event streams from memory.")
    parser.add_argument("library", choices=READERS)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--large", action="store_true", help="read one large event instead")
    options = parser.parse_args()
    if options.large:
        figures = {
            f"{megabytes:g} {form}": measure_large(megabytes, form == "line")
            for form, sizes in LARGE.items()
            for megabytes in sizes
        }
    else:
        reader = READERS[options.library]()
        for stream in STREAMS:
            measure(reader, stream, 1000, collects=True)  # warms up
        figures = {
            f"{stream} {mode}": measure(reader, stream, options.events, mode == "gc on")
            for stream in STREAMS
            for mode in MODES
        }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
