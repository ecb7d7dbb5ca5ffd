"""
An event source that reads a stream, which a server sends byte for byte as a test needs.
"""

import gzip
import zlib
from collections.abc import Iterable, Iterator

from twisted.logger import capturedLogs, formatEvent

from ssetwist.client import ReadyState
from ssetwist.errors import EventTooLarge
from ssetwist.eventstream import Event
from tests.functional.client_case import ClientCase
from tests.functional.scripted_server import (
    CHUNKED_HEAD,
    HEAD,
    LAST_CHUNK,
    Connection,
    Script,
    answers,
    answers_and_stays,
    chunk,
    dribbles,
    floods_with,
    head,
    resets_after,
)

#: A script that tells a client that comes back that the stream is over.
NO_MORE = answers(head("204 No Content"))

STREAM = (
    b"\xef\xbb\xbf: comment\r\nid: \xc3\xa91\r\ndata: gr\xc3\xbc\xc3\x9fe\r\n\r\n"
    b"event: t\rdata: one\rdata: two\r\rdata: \xf0\x9f\x99\x82\n\n"
)
EVENTS = [Event("grüße", id="é1"), Event("one\ntwo", "t", id="é1"), Event("🙂", id="é1")]


class ReadingTests(ClientCase):
    """
    Events of a stream, whatever the pieces that it arrives in.
    """

    async def assert_heard(
        self, expected: list[Event], *scripts: Script, **options: object
    ) -> None:
        """
        Check that a source receives these events from these scripts and a final 204.
        """
        self.server = await self.serve(*scripts, NO_MORE)
        source = self.open(self.server.url(), **options)
        self.assertEqual(expected, [event async for event in source])
        self.assertIs(ReadyState.CLOSED, source.state)
        self.assertEqual(len(scripts) + 1, len(self.server.requests))

    async def test_log(self) -> None:
        """
        The log has a line for each beginning and each end, and nothing about the insides.
        """
        server = await self.serve(answers(HEAD + STREAM), NO_MORE)
        with capturedLogs() as logs:
            source = self.open(server.url())
            self.assertEqual(EVENTS, [event async for event in source])
            await source.close()
        self.assertEqual(
            [
                f"{server.url()}: open",
                f"{server.url()}: the server has ended the stream; next attempt in 0.0 s",
            ],
            [formatEvent(log) for log in logs],
        )

    async def test_dribbled(self) -> None:
        """
        A stream may arrive byte by byte with its head, cut inside characters and between CR and LF.
        """
        await self.assert_heard(EVENTS, dribbles(HEAD + STREAM))

    async def test_dribbled_chunks(self) -> None:
        """
        A stream may arrive byte by byte in chunks of one byte, with pieces that end inside the
        lines of the chunks.
        """
        body = b"".join(chunk(STREAM[place : place + 1]) for place in range(len(STREAM)))
        await self.assert_heard(EVENTS, dribbles(CHUNKED_HEAD + body + LAST_CHUNK))

    async def test_at_once(self) -> None:
        """
        A stream may arrive in one piece with its head.
        """
        await self.assert_heard(EVENTS, answers(HEAD + STREAM))

    async def test_cr_is_the_end(self) -> None:
        """
        An event that ends with CR is handed out before the next byte comes, which may take long.
        """
        server = await self.serve(answers_and_stays(HEAD + b"data: now\r\r"))
        self.assertEqual(Event("now"), await self.open(server.url()).next())
        self.assertFalse(server.connections[0].is_lost)

    async def test_length_too_long(self) -> None:
        """
        A body that is shorter than its announced length was cut off; its events are still handed
        out.
        """
        body = b"data: all\n\ndata: ha"
        await self.assert_heard(
            [Event("all")], answers(HEAD[:-2] + b"Content-Length: 100\r\n\r\n" + body)
        )

    async def test_length_too_short(self) -> None:
        """
        Bytes beyond the announced length of a body belong neither to this stream nor to a later
        one.
        """
        body = b"data: all\n\n"
        script = answers(HEAD[:-2] + b"Content-Length: %d\r\n\r\n" % len(body) + body + body)
        await self.assert_heard([Event("all")], script)

    async def test_http_1_0(self) -> None:
        """
        A response of HTTP/1.0 ends with its connection.
        """
        await self.assert_heard(EVENTS, answers(HEAD.replace(b"/1.1", b"/1.0"), STREAM))

    async def test_chunks_broken_off(self) -> None:
        """
        Events in the received part of a chunk that was cut off are handed out.
        """
        await self.assert_heard(EVENTS, answers(CHUNKED_HEAD + b"400\r\n" + STREAM))

    async def test_no_chunks(self) -> None:
        """
        A body that is announced as chunks, but does not consist of chunks, is a network failure
        like any other.
        """
        await self.assert_heard(
            EVENTS, answers(CHUNKED_HEAD + b"nonsense\r\n\r\n"), answers(HEAD + STREAM)
        )

    async def test_early_hints(self) -> None:
        """
        A response 103 before the real response is skipped.
        """
        hints = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n"
        await self.assert_heard(EVENTS, answers(hints, HEAD, STREAM))

    async def test_unfinished_block(self) -> None:
        """
        An unfinished block at the end of a stream is dropped, and the next stream does not continue
        it.
        """
        await self.assert_heard(
            [Event("one", id="1"), Event("three", id="1")],
            answers(HEAD, b"id: 1\ndata: one\n\nid: 2\ndata: two\n"),
            answers(HEAD, b"data: three\n\n"),
        )
        self.assertEqual(
            [None, "1", "1"], [one.headers["Last-Event-ID"] for one in self.server.requests]
        )

    async def test_cut_inside_a_character(self) -> None:
        """
        Half a character at the end of a stream does not spoil the next stream.
        """
        await self.assert_heard(
            [Event("one"), Event("ü")],
            resets_after(HEAD, b"data: one\n\ndata: \xf0\x9f"),
            answers(HEAD, b"data: \xc3\xbc\n\n"),
        )

    async def test_comments(self) -> None:
        """
        Comments are handed out on request.
        """
        comments: list[str] = []
        await self.assert_heard(EVENTS, answers(HEAD + STREAM), on_comment=comments.append)
        self.assertEqual(["comment"], [comment.strip() for comment in comments])

    async def assert_too_large(self, script: Script, **limits: int) -> None:
        """
        Check that a source gives up, closes the connection, and names the limit that was exceeded.
        """
        server = await self.serve(script)
        source = self.open(server.url(), **limits)
        problem = await self.assertFailure(source.next(), EventTooLarge)
        self.assertIn(problem.limit, limits.values())
        await self.until(lambda: server.connections[0].is_lost, "the connection is closed")
        self.assertIs(ReadyState.CLOSED, source.state)
        self.assertEqual(1, len(server.connections))

    async def test_endless_line(self) -> None:
        """
        A line without an end is refused when it exceeds the limit.
        """
        await self.assert_too_large(floods_with(HEAD, forever(b"x" * 4096)), max_line=1 << 20)

    async def test_endless_event(self) -> None:
        """
        An event without an end is refused when it exceeds the limit.
        """
        await self.assert_too_large(
            floods_with(HEAD + b"data: x\n", forever(b"data: " + b"x" * 4096 + b"\n")),
            max_event=1 << 20,
        )

    async def test_endless_comments(self) -> None:
        """
        A stream of comments only, without an end, needs no memory.
        """
        sent = 4 << 20

        async def script(connection: Connection) -> None:
            await connection.request()
            connection.send(HEAD)
            await connection.flood([b": " + b"x" * 4093 + b"\n"] * (sent // 4096))
            connection.send(b"data: at last\n\n")

        await self.assert_heard([Event("at last")], script, max_line=1 << 16, max_event=1 << 16)
        self.assertEqual(sent, self.server.connections[0].flooded)


class CompressionTests(ClientCase):
    """
    Streams that are compressed with gzip.
    """

    gzip_head = HEAD[:-2] + b"Content-Encoding: gzip\r\n\r\n"

    async def test_event_by_event(self) -> None:
        """
        Each event is decoded when its bytes arrive, without waiting for more.
        """
        pieces = list(compressed(b"data: %d\n\n" % number for number in range(5)))
        server = await self.serve(answers_and_stays(self.gzip_head))
        source = self.open(server.url(), gzip=True)
        await source.when_open()
        for number, piece in enumerate(pieces):
            server.connections[0].send(piece)
            self.assertEqual(Event(str(number)), await source.next())
        self.assertEqual("gzip", server.requests[0].headers["Accept-Encoding"])

    async def test_dribbled(self) -> None:
        """
        A compressed stream, including its end, may arrive byte by byte.
        """
        server = await self.serve(dribbles(self.gzip_head + gzip.compress(STREAM)), NO_MORE)
        source = self.open(server.url(), gzip=True)
        self.assertEqual(EVENTS, [event async for event in source])

    async def test_gzip_is_not_wanted(self) -> None:
        """
        A source that does not want gzip says so in its request.
        """
        server = await self.serve(answers(HEAD + STREAM), NO_MORE)
        async for _ in self.open(server.url()):
            pass
        self.assertIn(server.requests[0].headers["Accept-Encoding"], (None, "identity"))

    async def test_damaged(self) -> None:
        """
        A stream that is announced as gzip but is not gzip fails, and the source makes another
        attempt.
        """
        server = await self.serve(
            answers(self.gzip_head, b"data: plain\n\n"), answers(HEAD + STREAM), NO_MORE
        )
        source = self.open(server.url(), gzip=True)
        self.assertEqual(EVENTS, [event async for event in source])

    async def test_bomb(self) -> None:
        """
        The limits also apply to a few compressed bytes that decode to very many.
        """
        bomb = gzip.compress(b"data: " + b"x" * (64 << 20))
        self.assertLess(len(bomb), 1 << 17)
        server = await self.serve(answers_and_stays(self.gzip_head + bomb))
        source = self.open(server.url(), gzip=True, max_line=1 << 20)
        await self.assertFailure(source.next(), EventTooLarge)


def compressed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """
    Compress pieces as one stream, so that each piece can be decoded at once.
    """
    compressor = zlib.compressobj(wbits=31)
    for piece in pieces:
        yield compressor.compress(piece) + compressor.flush(zlib.Z_SYNC_FLUSH)


def forever(piece: bytes) -> object:
    """
    Return an iterator that repeats a piece without end.
    """
    return lambda: iter(lambda: piece, None)
