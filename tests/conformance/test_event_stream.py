"""
The event-stream format, WHATWG HTML 9.2: our encoder, and a reader written from the standard.
"""

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ssetwist import Event
from ssetwist.eventstream import encode_comment, encode_event, encode_reconnection_time

from .cases import ENCODINGS, READINGS
from .reference import Received, read

# A character that means something to the format is as likely as all others together.
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


def split(stream: bytes, cuts: list[int]) -> list[bytes]:
    """
    Cut a stream at these places, as TCP may.
    """
    ends = sorted({cut for cut in cuts if cut < len(stream)} | {len(stream)})
    return [stream[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def expected(events: list[Event]) -> list[Received]:
    """
    Return what a reader must see of events that were written in this order.
    """
    received, last_event_id = [], ""
    for event in events:
        last_event_id = last_event_id if event.id is None else event.id
        data = re.sub("\r\n?", "\n", event.data)
        received.append(Received(event.type, data, last_event_id))
    return received


class EncodingTests(SynchronousTestCase):
    """
    Our encoder writes what the case table says.
    """

    def test_bytes(self) -> None:
        """
        Every case is written with exactly its bytes.
        """
        for case in ENCODINGS:
            stream = b"".join(map(encode_event, case.events))
            self.assertEqual(case.stream, stream, case.name)

    def test_whole(self) -> None:
        """
        Every case is read as the events that it was written for.
        """
        for case in ENCODINGS:
            received = read(case.stream).received
            self.assertEqual(expected(case.events), received, case.name)

    def test_byte_by_byte(self) -> None:
        """
        Every case is read the same when its bytes come one at a time.
        """
        for case in ENCODINGS:
            received = read(*split(case.stream, list(range(len(case.stream))))).received
            self.assertEqual(expected(case.events), received, case.name)

    def test_trailing_data(self) -> None:
        """
        What follows and is cut off by the end of the response changes nothing.
        """
        for case in ENCODINGS:
            received = read(case.stream, b"event: x\nid: x\ndata: cut off\n").received
            self.assertEqual(expected(case.events), received, case.name)


class ReferenceReaderTests(SynchronousTestCase):
    """
    The oracle itself is right.
    """

    def test_whole(self) -> None:
        """
        Every case is read as the standard says.
        """
        for case in READINGS:
            reader = read(case.stream)
            self.assertEqual(list(case.received), reader.received, case.name)
            self.assertEqual(case.last_event_id, reader.last_event_id, case.name)
            self.assertEqual(case.reconnection_time, reader.reconnection_time, case.name)

    def test_byte_by_byte(self) -> None:
        """
        Every case is read the same when its bytes come one at a time.
        """
        for case in READINGS:
            reader = read(*split(case.stream, list(range(len(case.stream)))))
            self.assertEqual(list(case.received), reader.received, case.name)
            self.assertEqual(case.last_event_id, reader.last_event_id, case.name)
            self.assertEqual(case.reconnection_time, reader.reconnection_time, case.name)


class RoundTripTests(SynchronousTestCase):
    """
    What is written is what is read.
    """

    @settings(deadline=None)
    @given(st.lists(EVENTS, max_size=5), CUTS)
    def test_events(self, events: list[Event], cuts: list[int]) -> None:
        """
        Any events survive, however the bytes are cut.
        """
        stream = b"".join(map(encode_event, events))
        reader = read(*split(stream, cuts))
        self.assertEqual(expected(events), reader.received)

    @settings(deadline=None)
    @given(st.lists(EVENTS, max_size=5))
    def test_last_event_id(self, events: list[Event]) -> None:
        """
        A client comes back with the id of the last event that had one.
        """
        ids = [event.id for event in events if event.id is not None]
        reader = read(*map(encode_event, events))
        self.assertEqual(["", *ids][-1], reader.last_event_id)

    @settings(deadline=None)
    @given(st.lists(EVENTS, max_size=5))
    def test_retry(self, events: list[Event]) -> None:
        """
        The reconnection time is that of the last event that had one.
        """
        times = [event.retry for event in events if event.retry is not None]
        reader = read(*map(encode_event, events))
        self.assertEqual([None, *times][-1], reader.reconnection_time)

    @settings(deadline=None)
    @given(st.lists(EVENTS | COMMENTS, max_size=8), CUTS)
    def test_comments(self, frames: list[Event | str], cuts: list[int]) -> None:
        """
        Comments, whatever is in them, change nothing of what is read.
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

    @settings(deadline=None)
    @given(st.integers(0, 86_400_000))
    def test_reconnection_time(self, milliseconds: int) -> None:
        """
        A reconnection time is read as it was given, without a blank line behind it.
        """
        reader = read(encode_reconnection_time(milliseconds / 1000))
        self.assertEqual(milliseconds, reader.reconnection_time)

    @settings(deadline=None)
    @given(st.floats(0, 86400), EVENTS)
    def test_reconnection_time_is_no_event(self, seconds: float, event: Event) -> None:
        """
        A reconnection time changes nothing of the event that follows it.
        """
        reader = read(encode_reconnection_time(seconds), encode_event(event))
        self.assertEqual(expected([event]), reader.received)
