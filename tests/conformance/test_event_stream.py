"""
The event-stream format, WHATWG HTML 9.2: our encoder, our parser, and a reader written from the
standard.
"""

import re
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ssetwist import Event
from ssetwist.eventstream import (
    EventStreamParser,
    encode_comment,
    encode_event,
    encode_id,
    encode_reconnection_time,
)
from tests.conformance.cases import ENCODINGS, READINGS, Reading
from tests.conformance.reference import Received, read

# A character with a meaning in the format is as likely as all others together.
_SPECIAL = st.sampled_from("\r\n\0: \t\ufeff\u2028\u2029\x85\x0b\x0c")
_ANY = st.characters(codec="utf-8")
_TEXT = st.text(_SPECIAL | _ANY)
_LINE = st.text((_SPECIAL | _ANY).filter(lambda character: character not in "\r\n"))

EVENTS = st.builds(
    Event,
    data=_TEXT | st.sampled_from(["", "\n", "\r\n", "data: a", "id: 1\n\n", ":"]),
    type=_LINE.filter(bool) | st.sampled_from(["message", "tick"]),
    id=st.none() | _LINE.map(lambda line: line.replace("\0", "")),
    retry=st.none() | st.integers(0, 10**15),
)
COMMENTS = st.text(_SPECIAL | st.characters()) | st.sampled_from(
    ["", "data: a\n\n", "\nid: 1\n\n", "\r\rretry: 1\r", "\ud800"]
)
CUTS = st.lists(st.integers(0, 2000))

# Parts with a likely meaning that a server may send and our encoder would not.
_PARTS = st.sampled_from(
    [
        *(b"\n", b"\r", b"\r\n", b"\n\n", b"\r\r", b"\r\n\r\n"),
        *(b"data", b"data:", b"data: ", b"event: ", b"event:", b"id", b"id:", b"id: ", b"retry: "),
        *(b":", b" ", b"\0", b"a", b"12", b"9" * 5000, b"x: y\n", b": c\n", b"id: 1\n"),
        *(b"data: a\n\n", b"id: 1\nevent: t\ndata: a\n\n", b"event:t\nid:2\ndata:a\ndata\n\n"),
        *("é€😀".encode(), "\u2028\x85".encode(), b"\xef\xbb\xbf"),
        *(b"\xe2\x82", b"\xff", b"\xf0", b"\x80", b"\xed\xa0\x80"),
    ]
)
STREAMS = st.lists(_PARTS | st.binary(max_size=8), max_size=40).map(b"".join)

# Blocks as servers write them, mostly alike, with some others in between.
_VALUE = st.sampled_from(
    ["a", "", " ", " a", "é€😀", "data: a", "a: b", ":", "\0", "\ufeff", "\u2028"]
)
_FORM = st.tuples(
    st.lists(st.sampled_from(["id", "event", "data"]), max_size=3),
    st.sampled_from([": ", ":"]),
    st.sampled_from(["\n", "\r\n", "\r"]),
)
_OTHER_BLOCK = st.sampled_from(
    [
        *(": c", ":\ndata: a", "", "\n", "id", "event: t", "retry: 5", "x", "data: a\nid: 7"),
        *("data: a\nx: y\ndata", "data:a\ndata: b", "event: \ndata: ", "id:5\n\nevent\ndata:1"),
    ]
)


@st.composite
def alike(draw: st.DrawFn) -> bytes:
    """
    Return a stream of blocks that are mostly alike.
    """
    fields, colon, end = draw(_FORM)
    fields = [*fields, "data"] if draw(st.booleans()) else fields
    block = st.tuples(*[_VALUE.map(f"{field}{colon}{{}}".format) for field in fields])
    blocks = st.lists(block.map("\n".join) | block.map("\n".join) | _OTHER_BLOCK, max_size=12)
    return "".join(f"{one}\n\n" for one in draw(blocks)).replace("\n", end).encode()


@dataclass(frozen=True)
class Seen:
    """
    The result of our parser for a stream, in the oracle's terms.
    """

    received: list[Received]
    last_event_id: str
    reconnection_time: float | None


def parse(*pieces: bytes) -> Seen:
    """
    Return the result of our parser for these bytes.
    """
    parser = EventStreamParser()
    events = [event for piece in pieces for event in parser.feed(piece)]
    received = [Received(event.type, event.data, event.id or "") for event in events]
    return Seen(received, parser.last_event_id, parser.reconnection_time)


def seconds(milliseconds: int | None) -> float | None:
    """
    Return a reconnection time as our parser reports it, in seconds; a longer time than browsers can
    hold becomes the longest.
    """
    return None if milliseconds is None else min(milliseconds, 2**53 - 1) / 1000


def split(stream: bytes, cuts: list[int]) -> list[bytes]:
    """
    Cut a stream at these places, as TCP might.
    """
    ends = sorted({cut for cut in cuts if cut < len(stream)} | {len(stream)})
    return [stream[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def expected(events: list[Event]) -> list[Received]:
    """
    Return the events that a reader must see if these events were written.
    """
    received, last_event_id = [], ""
    for event in events:
        last_event_id = last_event_id if event.id is None else event.id
        data = re.sub("\r\n?", "\n", event.data)
        received.append(Received(event.type, data, last_event_id))
    return received


class EncodingTests(SynchronousTestCase):
    """
    Our encoder writes the bytes of the case table.
    """

    def test_bytes(self) -> None:
        """
        Each case is written with exactly its bytes.
        """
        for case in ENCODINGS:
            stream = b"".join(map(encode_event, case.events))
            self.assertEqual(case.stream, stream, case.name)

    def test_whole(self) -> None:
        """
        Each case is read as its events.
        """
        for case in ENCODINGS:
            received = read(case.stream).received
            self.assertEqual(expected(case.events), received, case.name)

    def test_byte_by_byte(self) -> None:
        """
        Each case is read the same, one byte at a time.
        """
        for case in ENCODINGS:
            received = read(*split(case.stream, list(range(len(case.stream))))).received
            self.assertEqual(expected(case.events), received, case.name)

    def test_trailing_data(self) -> None:
        """
        An incomplete block at the end of the response changes nothing.
        """
        for case in ENCODINGS:
            received = read(case.stream, b"event: x\nid: x\ndata: cut off\n").received
            self.assertEqual(expected(case.events), received, case.name)


class ReferenceReaderTests(SynchronousTestCase):
    """
    The oracle agrees with the case table.
    """

    def test_whole(self) -> None:
        """
        Each case is read as the standard says.
        """
        for case in READINGS:
            reader = read(case.stream)
            self.assertEqual(list(case.received), reader.received, case.name)
            self.assertEqual(case.last_event_id, reader.last_event_id, case.name)
            self.assertEqual(case.reconnection_time, reader.reconnection_time, case.name)

    def test_byte_by_byte(self) -> None:
        """
        Each case is read the same, one byte at a time.
        """
        for case in READINGS:
            reader = read(*split(case.stream, list(range(len(case.stream)))))
            self.assertEqual(list(case.received), reader.received, case.name)
            self.assertEqual(case.last_event_id, reader.last_event_id, case.name)
            self.assertEqual(case.reconnection_time, reader.reconnection_time, case.name)


class ParserTests(SynchronousTestCase):
    """
    Our parser agrees with the case table and the oracle.
    """

    def assert_reads(self, case: Reading, *pieces: bytes) -> None:
        seen = parse(*pieces)
        self.assertEqual(list(case.received), seen.received, case.name)
        self.assertEqual(case.last_event_id, seen.last_event_id, case.name)
        self.assertEqual(seconds(case.reconnection_time), seen.reconnection_time, case.name)

    def test_whole(self) -> None:
        """
        Each case is read as the standard says.
        """
        for case in READINGS:
            self.assert_reads(case, case.stream)

    def test_byte_by_byte(self) -> None:
        """
        Each case is read the same, one byte at a time.
        """
        for case in READINGS:
            self.assert_reads(case, *split(case.stream, list(range(len(case.stream)))))

    def test_two_pieces(self) -> None:
        """
        Each case is read the same in two pieces, wherever it is cut.
        """
        for case in READINGS:
            for cut in range(len(case.stream)):
                self.assert_reads(case, case.stream[:cut], case.stream[cut:])

    def test_trailing_data(self) -> None:
        """
        An incomplete block at the end of the response changes nothing.
        """
        for case in READINGS:
            self.assert_reads(case, case.stream, b"event: x\nid: x\ndata: cut off\n")

    @given(STREAMS | alike(), CUTS)
    def test_oracle(self, stream: bytes, cuts: list[int]) -> None:
        """
        Any bytes, however they are cut, are read as the oracle reads them whole.
        """
        known = read(stream)
        seen = parse(*split(stream, cuts))
        self.assertEqual(known.received, seen.received)
        self.assertEqual(known.last_event_id, seen.last_event_id)
        self.assertEqual(seconds(known.reconnection_time), seen.reconnection_time)

    @given(st.lists(EVENTS | COMMENTS, max_size=8), CUTS)
    def test_round_trip(self, frames: list[Event | str], cuts: list[int]) -> None:
        """
        Our parser reads what our encoder writes.
        """
        events = [frame for frame in frames if isinstance(frame, Event)]
        stream = b"".join(
            encode_event(frame) if isinstance(frame, Event) else encode_comment(frame)
            for frame in frames
        )
        seen = parse(*split(stream, cuts))
        self.assertEqual(expected(events), seen.received)

    def test_relay(self) -> None:
        """
        Events that were read can be written again, and are read the same.
        """
        stream = b"id: 1\ndata: a\n\ndata: b\n\nid\nevent: t\ndata\n\n"
        again = b"".join(map(encode_event, EventStreamParser().feed(encode_id("0") + stream)))
        self.assertEqual(parse(stream).received[:2], parse(again).received[:2])


class RoundTripTests(SynchronousTestCase):
    """
    Our encoder and the oracle agree.
    """

    @given(st.lists(EVENTS, max_size=5), CUTS)
    def test_events(self, events: list[Event], cuts: list[int]) -> None:
        """
        Any events are read back, however the bytes are cut.
        """
        stream = b"".join(map(encode_event, events))
        reader = read(*split(stream, cuts))
        self.assertEqual(expected(events), reader.received)

    @given(st.lists(EVENTS, max_size=5))
    def test_last_event_id(self, events: list[Event]) -> None:
        """
        A client reconnects with the id of the last event that had one.
        """
        ids = [event.id for event in events if event.id is not None]
        reader = read(*map(encode_event, events))
        self.assertEqual(["", *ids][-1], reader.last_event_id)

    @given(st.lists(EVENTS, max_size=5))
    def test_retry(self, events: list[Event]) -> None:
        """
        The reconnection time is that of the last event that had one.
        """
        times = [event.retry for event in events if event.retry is not None]
        reader = read(*map(encode_event, events))
        self.assertEqual([None, *times][-1], reader.reconnection_time)

    @given(st.lists(EVENTS | COMMENTS, max_size=8), CUTS)
    def test_comments(self, frames: list[Event | str], cuts: list[int]) -> None:
        """
        Comments with any text do not change the events.
        """
        events = [frame for frame in frames if isinstance(frame, Event)]
        stream = b"".join(
            encode_event(frame) if isinstance(frame, Event) else encode_comment(frame)
            for frame in frames
        )
        reader = read(*split(stream, cuts))
        without = read(*map(encode_event, events))
        self.assertEqual(without.received, reader.received)
        self.assertEqual(without.last_event_id, reader.last_event_id)
        self.assertEqual(without.reconnection_time, reader.reconnection_time)

    @given(st.integers(0, 86_400_000))
    def test_reconnection_time(self, milliseconds: int) -> None:
        """
        A reconnection time is read as it was given, and needs no blank line after it.
        """
        reader = read(encode_reconnection_time(milliseconds / 1000))
        self.assertEqual(milliseconds, reader.reconnection_time)

    @given(st.floats(0, 86400), EVENTS)
    def test_reconnection_time_is_no_event(self, seconds: float, event: Event) -> None:
        """
        A reconnection time does not change the event that follows.
        """
        reader = read(encode_reconnection_time(seconds), encode_event(event))
        self.assertEqual(expected([event]), reader.received)
