"""
Reading of events.  The case table of ``tests/conformance`` has the events of many byte sequences;
here are the limits, everything else that a client needs, and mistakes of other parsers.
"""

import gc
import tracemalloc
from collections.abc import Iterable

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ssetwist import Event, EventTooLarge, InvalidEvent, SSETwistError
from ssetwist.eventstream import EventStreamParser
from ssetwist.eventstream._event import MAX_RETRY


def parse(*pieces: bytes) -> list[Event]:
    """
    Return the events of a stream.
    """
    parser = EventStreamParser()
    return [event for piece in pieces for event in parser.feed(piece)]


class EventTests(SynchronousTestCase):
    """
    The events that are returned.
    """

    def test_event(self) -> None:
        """
        An event has its data, its type and the last event ID, and never a retry.
        """
        stream = b"id: 1\nevent: t\nretry: 5\ndata: a\ndata: b\n\n"
        self.assertEqual([Event("a\nb", type="t", id="1")], parse(stream))

    def test_defaults(self) -> None:
        """
        By default, the type is ``message`` and the last event ID is ``None``.
        """
        self.assertEqual([Event("a", type="message", id=None)], parse(b"data: a\n\n"))

    def test_id_stays(self) -> None:
        """
        An event without an id of its own has the id of earlier events.
        """
        self.assertEqual(
            [Event("a", id="1"), Event("b", id="1")], parse(b"id: 1\ndata: a\n\ndata: b\n\n")
        )

    def test_emptied_id(self) -> None:
        """
        An ``id`` field alone empties the last event ID.
        """
        stream = b"id: 1\ndata: a\n\nid\ndata: b\n\ndata: c\n\n"
        self.assertEqual([Event("a", id="1"), Event("b"), Event("c")], parse(stream))

    def test_emptied_fields_among_others(self) -> None:
        """
        An empty id or type counts, even if the blocks around have the same fields.
        """
        events = [Event("a", type="t", id="1")] * 3
        for form in ("id: {0}\nevent: {1}\n", "event: {1}\nid: {0}\n", "id:{0}\nevent:{1}\n"):
            block = (form + "data\n\n").replace("data", "data: a" if ": " in form else "data:a")
            stream = block.format("1", "t") * 3 + block.format("", "t") + block.format("1", "")
            expected = [*events, Event("a", type="t"), Event("a", id="1")]
            self.assertEqual(expected, parse(stream.encode()), form)
        for colon in (":", ": "):
            stream = f"id{colon}1\ndata{colon}a\n\n" * 3 + f"id{colon}\ndata{colon}b\n\n"
            self.assertEqual([Event("a", id="1")] * 3 + [Event("b")], parse(stream.encode()))

    def test_valid(self) -> None:
        """
        A returned event is like any other: frozen, equal to a constructed one, and valid.
        """
        for event in parse(b"data: a\n\n" * 3 + b"event: t\ndata: \xff\n\n" * 3):
            made = Event(event.data, type=event.type, id=event.id, retry=event.retry)
            self.assertIs(Event, type(event))
            self.assertEqual(made, event)
            self.assertEqual(hash(made), hash(event))
            self.assertEqual(repr(made), repr(event))
            with self.assertRaises(AttributeError):
                event.data = "b"  # type: ignore[misc]

    @given(st.lists(st.binary(max_size=20) | st.sampled_from([b"data: ", b"\n\n", b"id: "])))
    def test_always_valid(self, parts: list[bytes]) -> None:
        """
        For any bytes, every returned event could also have been constructed.
        """
        for event in parse(b"".join(parts)):
            Event(event.data, type=event.type, id=event.id)

    def test_nothing(self) -> None:
        """
        Empty input returns no events.
        """
        self.assertEqual([], parse(b"", b""))

    def test_many_alike(self) -> None:
        """
        In a run of similar blocks, events are never lost, doubled or out of order, wherever a piece
        ends.
        """
        for block in (
            "data: {0}\n\n",
            "data:{0}\n\n",
            "id: {0}\ndata: {0}\n\n",
            "event: t{0}\ndata: {0}\n\n",
            "id: {0}\nevent: t\ndata: {0}\n\n",
            "event: t\nid: {0}\ndata: {0}\n\n",
            "event:t\nid:{0}\ndata:{0}\ndata:b\n\n",
            "id: {0}\ndata: {0}\ndata: b\ndata: c\n\n",
            ": c\n\ndata: {0}\nid: {0}\n\n",
        ):
            for end in ("\n", "\r\n"):
                stream = "".join(map(block.replace("\n", end).format, range(3000))).encode()
                events = parse(stream)
                values = [int(event.data.partition("\n")[0]) for event in events]
                self.assertEqual(list(range(3000)), values, block)
                pieces = [stream[start : start + 1000] for start in range(0, len(stream), 1000)]
                self.assertEqual(events, parse(*pieces), block)


class LastEventIDTests(SynchronousTestCase):
    """
    ``last_event_id``: the id to come back with.
    """

    def last(self, stream: bytes, before: str = "") -> str:
        """
        Return the last event ID after a stream.
        """
        parser = EventStreamParser(last_event_id=before)
        parser.feed(stream)
        return parser.last_event_id

    def test_no_stream(self) -> None:
        """
        Before any event, the last event ID is empty, or the one from the stream before.
        """
        self.assertEqual("", self.last(b""))
        self.assertEqual("1", self.last(b"", before="1"))

    def test_stream_before(self) -> None:
        """
        Events without an id have the last event ID of the stream before.
        """
        parser = EventStreamParser(last_event_id="1")
        self.assertEqual([Event("a", id="1")], parser.feed(b"data: a\n\n"))
        self.assertEqual("1", parser.last_event_id)

    def test_no_data(self) -> None:
        """
        A block without data sets the last event ID, even in a run of similar blocks.
        """
        self.assertEqual("1", self.last(b"id: 1\n\n"))
        self.assertEqual("2", self.last(b"data: a\n\n" * 5 + b"id: 2\n\n" + b"data: a\n\n" * 5))

    def test_alike(self) -> None:
        """
        After a run of similar blocks, the last event ID is that of the last block.
        """
        for form in (b"id: %d\ndata: a\n\n", b"event: t\nid: %d\ndata: a\n\n"):
            self.assertEqual("9", self.last(b"".join(form % number for number in range(10))))

    def test_emptied(self) -> None:
        """
        An empty ``id`` field empties the last event ID.
        """
        self.assertEqual("", self.last(b"id\n\n", before="1"))

    def test_cut_off(self) -> None:
        """
        A block that is cut off does not set the last event ID, because its event has not come.
        """
        self.assertEqual("1", self.last(b"id: 1\n\nid: 2\ndata: a\n"))

    def test_nul(self) -> None:
        """
        An id with NUL is ignored, even in a run of similar blocks.
        """
        self.assertEqual("1", self.last(b"id: 1\ndata: a\n\n" * 5 + b"id: 2\0\ndata: a\n\n"))

    def test_impossible(self) -> None:
        """
        A last event ID that is not valid is refused.
        """
        for bad in ("a\nb", "a\0", "\ud800"):
            self.assertRaises(InvalidEvent, EventStreamParser, last_event_id=bad)


class ReconnectionTimeTests(SynchronousTestCase):
    """
    ``reconnection_time``.
    """

    def time(self, stream: bytes) -> float | None:
        """
        Return the time after a stream.
        """
        parser = EventStreamParser()
        parser.feed(stream)
        return parser.reconnection_time

    def test_seconds(self) -> None:
        """
        The time is in seconds, in milliseconds on the wire, and ``None`` before the first.
        """
        self.assertIsNone(self.time(b"data: a\n\n"))
        self.assertEqual(2.5, self.time(b"retry: 2500\n"))
        self.assertEqual(0.0, self.time(b"retry: 0\n"))

    def test_at_once(self) -> None:
        """
        A ``retry`` line takes effect when it ends, without a blank line.
        """
        self.assertEqual(1.0, self.time(b"retry: 1000\r"))

    def test_ascii_digits_only(self) -> None:
        """
        ``int`` accepts ``1_000``, blanks, signs and Arabic digits; the standard does not.
        """
        for bad in ("1_000", " 1", "1 ", "+1", "-1", "1.5", "1e3", "٣", "²", "", "x"):
            self.assertIsNone(self.time(f"retry: {bad}\n".encode()), bad)

    def test_absurd(self) -> None:
        """
        Very many digits, which ``int`` refuses to read, are the longest possible time.
        """
        for digits in (b"9" * 5000, b"1" + b"0" * 10**6, b"%d" % (MAX_RETRY + 1)):
            self.assertEqual(MAX_RETRY / 1000, self.time(b"retry: " + digits + b"\n"))

    def test_zeros(self) -> None:
        """
        Leading zeros do not count, however many there are.
        """
        self.assertEqual(0.007, self.time(b"retry: " + b"0" * 5000 + b"7\n"))
        self.assertEqual(0.0, self.time(b"retry: " + b"0" * 5000 + b"\n"))


class CommentTests(SynchronousTestCase):
    """
    Comments, for callers that want them.
    """

    def comments(self, *pieces: bytes) -> list[str]:
        """
        Return the comments of a stream.
        """
        comments: list[str] = []
        parser = EventStreamParser(on_comment=comments.append)
        for piece in pieces:
            parser.feed(piece)
        return comments

    def test_text(self) -> None:
        """
        Comments come without their colon and one blank.
        """
        self.assertEqual(["", "a", " b", "c:d"], self.comments(b":\n:a\n:  b\n: c:d\n"))

    def test_bytes(self) -> None:
        """
        Comments are UTF-8, and other bytes are replaced.
        """
        self.assertEqual(["é\ufffd"], self.comments(b": \xc3", b"\xa9\xff\n"))

    def test_anywhere(self) -> None:
        """
        Comments may stand between events and inside them, even in a run of similar blocks.
        """
        stream = b"data: a\n\n" * 3 + b": a\n\n" + b"data: a\n: b\n\n" * 3 + b":c\n"
        self.assertEqual(["a", "b", "b", "b", "c"], self.comments(stream))

    def test_first(self) -> None:
        """
        The shortest comment is handed out at once, even at the start of the stream, where other
        bytes could begin a byte order mark.
        """
        self.assertEqual([""], self.comments(b":\n"))

    def test_not_wanted(self) -> None:
        """
        Without a callback, comments are not kept.
        """
        self.assertEqual([Event("a")], parse(b": a\n: b\ndata: a\n\n"))

    def test_failure(self) -> None:
        """
        If the callback raises, no event is lost: the next call returns them.
        """

        def fail(comment: str) -> None:
            raise RuntimeError(comment)

        parser = EventStreamParser(on_comment=fail)
        self.assertRaises(RuntimeError, parser.feed, b"data: a\n\n: c\n: d\ndata: b\n\ndata: ")
        self.assertEqual([Event("a"), Event("b"), Event("c")], parser.feed(b"c\n\n"))


class LimitTests(SynchronousTestCase):
    """
    Limits on the memory that a peer can take.
    """

    def assert_too_large(
        self, part: str, limit: int, parser: EventStreamParser, pieces: Iterable[bytes]
    ) -> None:
        def feed() -> None:
            for piece in pieces:
                parser.feed(piece)

        error = self.assertRaises(EventTooLarge, feed)
        self.assertEqual((part, limit), (error.part, error.limit))
        self.assertIn(f"max_{part} allows: {limit} bytes", str(error))

    def test_line(self) -> None:
        """
        A line may have as many bytes as its limit, and not one more, whole or cut anywhere.
        """
        fits, does_not = "data: éé\n\n".encode(), "data: ééa\n\n".encode()
        for pieces in ([does_not], [does_not[:1], does_not[1:]], [bytes([b]) for b in does_not]):
            self.assert_too_large("line", 10, EventStreamParser(max_line=10), pieces)
        self.assertEqual([Event("éé")], EventStreamParser(max_line=10).feed(fits))

    def test_line_of_any_kind(self) -> None:
        """
        The limit of a line also applies to a comment, to an unknown field, and to a line that never
        ends.
        """
        for line in (b": 123456789", b"x: 12345678", b"id: 1234567\n", b"12345678901\r"):
            for lines in (line, b"data: a\n" + line):
                self.assert_too_large("line", 10, EventStreamParser(max_line=10), [lines])

    def test_event(self) -> None:
        """
        The data of an event may have as many bytes as its limit, with the ends of its lines.
        """
        fits = "data: abc\ndata: éa\n\n".encode()
        for pieces in ([fits + b"data: abcdefgh\n\n"], [fits, b"data: abcdefg\ndata\n", b"\n"]):
            parser = EventStreamParser(max_event=8)
            self.assertEqual([Event("abc\néa")], parser.feed(pieces[0]))
            self.assert_too_large("event", 8, parser, [*pieces[1:], b""])

    def test_events_before(self) -> None:
        """
        Events before the one that is too large are returned first, however the bytes are cut.
        """
        stream = b"data: a\n\ndata: b\n\ndata: " + b"c" * 20
        for pieces in ([stream], [stream[:12], stream[12:]], [bytes([byte]) for byte in stream]):
            parser = EventStreamParser(max_line=20)
            events = []
            with self.assertRaises(EventTooLarge):
                for piece in [*pieces, b""]:
                    events += parser.feed(piece)
            self.assertEqual([Event("a"), Event("b")], events)

    def test_comments_before(self) -> None:
        """
        Comments before the event that is too large are returned first.
        """
        comments: list[str] = []
        parser = EventStreamParser(max_line=20, on_comment=comments.append)
        self.assertRaises(EventTooLarge, parser.feed, b": a\n" + b"x" * 21)
        self.assertEqual(["a"], comments)

    def test_stays_broken(self) -> None:
        """
        After an error the parser reads nothing more, and every call raises the error again.
        """
        parser = EventStreamParser(max_line=20)
        for piece in (b"x" * 21, b"\n\ndata: a\n\n", b""):
            self.assert_too_large("line", 20, parser, [piece])
        self.assertEqual("", parser.last_event_id)

    def test_frees_what_was_too_large(self) -> None:
        """
        The data that was too large is freed.
        """
        parser = EventStreamParser(max_line=2**20, max_event=2**19)
        tracemalloc.start()
        try:
            parser.feed(b"data: " + b"x" * (2**19 - 1) + b"\n" + b"x" * 2**20)
            self.assertGreater(tracemalloc.get_traced_memory()[0], 2**20)
            self.assertRaises(EventTooLarge, parser.feed, b"x")
            gc.collect()
            held, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        self.assertLess(held, 2**16)

    def test_not_the_callers_fault(self) -> None:
        """
        The error is an ``SSETwistError`` but not a ``ValueError``, because the peer is at fault.
        """
        self.assertTrue(issubclass(EventTooLarge, SSETwistError))
        self.assertFalse(issubclass(EventTooLarge, ValueError))

    def test_bad_bytes(self) -> None:
        """
        Limits count bytes as they came: a bad byte counts as one in any piece, although U+FFFD has
        three.
        """
        stream = b"data: a\n\ndata: b\n\ndata:" + b"\xff" * 60 + b"\n\n"
        for size in (1, len(stream)):
            parser = EventStreamParser(max_line=100, max_event=90)
            pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
            found = [event.data for piece in pieces for event in parser.feed(piece)]
            self.assertEqual(["a", "b", "\ufffd" * 60], found)

    def test_no_limit_for_heartbeats(self) -> None:
        """
        Comments and unknown fields without a blank line may go on for ever, and are not held.
        """
        parser = EventStreamParser(max_line=100, max_event=100)
        for _ in range(200):
            self.assertEqual([], parser.feed(b": heartbeat\nx: y\nid: 1\nevent: t\nretry: 5\n"))
        self.assertEqual([Event("a", type="t", id="1")], parser.feed(b"data: a\n\n"))

    def test_large_default(self) -> None:
        """
        By default, events of some MB are read, even on one line.
        """
        data = "x" * 10**7
        for piece in (f"data: {data}\n\n", f"data: {data}\ndata: {data}\n\n"):
            self.assertEqual(data, parse(piece.encode())[0].data[: len(data)])

    def test_invalid_limit(self) -> None:
        """
        A limit that is not positive is refused.
        """
        self.assertRaises(ValueError, EventStreamParser, max_line=0)
        self.assertRaises(ValueError, EventStreamParser, max_event=-1)

    def test_memory(self) -> None:
        """
        A block that never ends takes about as much memory as the limits allow: on one line, on many
        short ones, or byte by byte.
        """
        size = 2**14
        for piece in (b"data: a\ndata\n", b"x", b"data: " + b"x" * 1000 + b"\n", b": c\n", b"id\r"):
            # Once of three times: another thread, or a tool that watches the test, may allocate.
            # A buffer that grows exists twice for a moment.
            peaks = (self.peak_of(piece, size) for _ in range(3))
            self.assertTrue(any(peak < 3 * size for peak in peaks), piece)

    def peak_of(self, piece: bytes, size: int) -> int:
        """
        Return the memory in bytes that a parser with limits of this size takes for a long block.
        """
        parser = EventStreamParser(max_line=size, max_event=size)
        gc.collect()
        tracemalloc.start()
        try:
            for _ in range(4 * size // len(piece)):
                parser.feed(piece)
        except EventTooLarge:
            pass  # a comment or a field that is ignored does not come here
        finally:
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        return peak


class PitfallTests(SynchronousTestCase):
    """
    Mistakes of other parsers.
    """

    def test_cr_does_not_wait(self) -> None:
        """
        A CR at the end of a piece ends its line at once; a parser that waits for the LF holds the
        last event back until the next comes.
        """
        parser = EventStreamParser()
        self.assertEqual([Event("a")], parser.feed(b"data: a\r\r"))
        self.assertEqual([], parser.feed(b"\n"))

    def test_crlf_cut(self) -> None:
        """
        A CRLF that is cut between two pieces ends one line, not two, even with an empty piece in
        between.
        """
        self.assertEqual([Event("a\nb")], parse(b"data: a\r", b"", b"\ndata: b\r", b"\n\r", b"\n"))
        self.assertEqual([Event("a\nb")], parse(b"data: a\r", b"data: b\r\n\r\n"))

    def test_byte_order_mark(self) -> None:
        """
        A byte order mark at the very start does not belong to the first field, even if it is cut.
        """
        for pieces in ([b"\xef\xbb\xbf"], [b"\xef", b"\xbb\xbf"], [b"\xef", b"", b"\xbb", b"\xbf"]):
            self.assertEqual([Event("a")], parse(*pieces, b"data: a\n\n"))

    def test_no_byte_order_mark(self) -> None:
        """
        A part of a byte order mark, a second one, and a later one are ordinary text.
        """
        for start in (b"\xef\xbb", b"\xef\xbb\xbf\xef\xbb\xbf", b"\n\xef\xbb\xbf", b"\xbb\xbf"):
            for cut in range(len(start)):
                self.assertEqual([], parse(start[:cut], start[cut:], b"data: a\n\n"))

    def test_cut_character(self) -> None:
        """
        A character that is cut between two pieces is whole again.
        """
        stream = "data: é€😀\n\n".encode()
        for cut in range(len(stream)):
            self.assertEqual([Event("é€😀")], parse(stream[:cut], stream[cut:]))

    def test_cut_off_character(self) -> None:
        """
        The start of a character at the end of a line does not swallow the end of the line.
        """
        for start in (b"\xc3", b"\xe2\x82", b"\xf0\x9f\x98"):
            stream = b"data: a" + start + b"\ndata: b\n\n"
            self.assertEqual([Event("a\ufffd\nb")] * 3, parse(stream * 3))

    def test_empty_events(self) -> None:
        """
        A comment, a retry, an id or a type with a blank line after it is not an event, even after
        an id.
        """
        stream = b"id: 1\ndata: a\n\n: ping\n\nretry: 5\n\nid: 2\n\nevent: t\n\n\n\ndata: b\n\n"
        self.assertEqual([Event("a", id="1"), Event("b", id="2")], parse(stream))

    def test_unicode_line_separators(self) -> None:
        """
        Characters at which only ``str.splitlines`` breaks lines do not end a line.
        """
        for character in "\v\f\x1c\x1d\x1e\x85\u2028\u2029":
            stream = f"event: {character}\nid: {character}\ndata: {character}b\n\n" * 3
            event = Event(f"{character}b", type=character, id=character)
            self.assertEqual([event] * 3, parse(stream.encode()))

    def test_newlines_at_the_end(self) -> None:
        """
        Of several newlines at the end of the data only one is removed.
        """
        self.assertEqual([Event("a\n\n")], parse(b"data: a\ndata:\ndata\n\n"))

    def test_one_blank(self) -> None:
        """
        Only one blank is removed from a value, and a value without one is unchanged.
        """
        stream = b"data:  a\n\n" * 3 + b"data:a\n\n" * 3 + b"id:  1\nevent:  t\ndata: \n\n" * 3
        self.assertEqual(
            [Event(" a")] * 3 + [Event("a")] * 3 + [Event("", type=" t", id=" 1")] * 3,
            parse(stream),
        )

    def test_long_line(self) -> None:
        """
        A line of more than 512 KiB, where another client fails, is read.
        """
        data = "x" * 600_000
        stream = f"data: {data}\n\n".encode()
        pieces = [stream[start : start + 65_536] for start in range(0, len(stream), 65_536)]
        self.assertEqual([Event(data)], parse(*pieces))


#: Similar blocks, as a server writes them; some are without an id.
PIECES = st.lists(
    st.tuples(
        st.sampled_from([("data: ", ""), ("data:", ""), ("data: ", "event: t\n")]),
        st.lists(st.sampled_from([None, "", "1", "2", "3"]), min_size=1, max_size=6),
    ),
    max_size=4,
)


class CutBetweenBlocksTests(SynchronousTestCase):
    """
    Streams in pieces of whole blocks, as servers write them.
    """

    @given(PIECES)
    @example([(("data: ", ""), ["1", "2", "3"]), (("data: ", ""), [None])])
    def test_last_id_counts(self, pieces: list[tuple[tuple[str, str], list[str | None]]]) -> None:
        """
        The id of an event is the last one that its own block or an earlier block has set, however
        the stream is cut.
        """
        parser = EventStreamParser()
        last = ""
        for (data, type), ids in pieces:
            blocks = ""
            expected = []
            for id in ids:
                last = last if id is None else id
                blocks += ("" if id is None else f"id: {id}\n") + f"{type}{data}x\n\n"
                expected.append(last or None)
            self.assertEqual(expected, [event.id for event in parser.feed(blocks.encode())])
            self.assertEqual(last, parser.last_event_id)
