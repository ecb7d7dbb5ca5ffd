"""
How events are read.  What is read from which bytes is in the case table of ``tests/conformance``;
here are the limits, what a client needs beside the events, and what others have got wrong.
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
    The events that come out.
    """

    def test_event(self) -> None:
        """
        An event has its data, its type and the last event ID; a retry is not its own.
        """
        stream = b"id: 1\nevent: t\nretry: 5\ndata: a\ndata: b\n\n"
        self.assertEqual([Event("a\nb", type="t", id="1")], parse(stream))

    def test_defaults(self) -> None:
        """
        Where there is no type it is ``message``, and where there is no last event ID it is None.
        """
        self.assertEqual([Event("a", type="message", id=None)], parse(b"data: a\n\n"))

    def test_id_stays(self) -> None:
        """
        An event whose block has no id has that of the events before it.
        """
        self.assertEqual(
            [Event("a", id="1"), Event("b", id="1")], parse(b"id: 1\ndata: a\n\ndata: b\n\n")
        )

    def test_emptied_id(self) -> None:
        """
        An ``id`` alone empties it.
        """
        stream = b"id: 1\ndata: a\n\nid\ndata: b\n\ndata: c\n\n"
        self.assertEqual([Event("a", id="1"), Event("b"), Event("c")], parse(stream))

    def test_emptied_fields_among_others(self) -> None:
        """
        An empty id or type is one, also where the blocks around are alike but for that.
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
        What comes out is an event like any other: frozen, equal to one that was made, and valid.
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
        Whatever the bytes, no event comes out that could not have been made.
        """
        for event in parse(b"".join(parts)):
            Event(event.data, type=event.type, id=event.id)

    def test_nothing(self) -> None:
        """
        No bytes are no events.
        """
        self.assertEqual([], parse(b"", b""))

    def test_many_alike(self) -> None:
        """
        Where blocks are alike, no event is lost, doubled or out of order, wherever a piece ends.
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
    ``last_event_id``: what to come back with.
    """

    def last(self, stream: bytes, before: str = "") -> str:
        """
        Return it after a stream.
        """
        parser = EventStreamParser(last_event_id=before)
        parser.feed(stream)
        return parser.last_event_id

    def test_no_stream(self) -> None:
        """
        It is empty at first, or that of the stream before.
        """
        self.assertEqual("", self.last(b""))
        self.assertEqual("1", self.last(b"", before="1"))

    def test_stream_before(self) -> None:
        """
        Events without an id have that of the stream before.
        """
        parser = EventStreamParser(last_event_id="1")
        self.assertEqual([Event("a", id="1")], parser.feed(b"data: a\n\n"))
        self.assertEqual("1", parser.last_event_id)

    def test_no_data(self) -> None:
        """
        A block without data sets it, also among others that are alike.
        """
        self.assertEqual("1", self.last(b"id: 1\n\n"))
        self.assertEqual("2", self.last(b"data: a\n\n" * 5 + b"id: 2\n\n" + b"data: a\n\n" * 5))

    def test_alike(self) -> None:
        """
        It is that of the last event of many that are alike.
        """
        for form in (b"id: %d\ndata: a\n\n", b"event: t\nid: %d\ndata: a\n\n"):
            self.assertEqual("9", self.last(b"".join(form % number for number in range(10))))

    def test_emptied(self) -> None:
        """
        It can be emptied.
        """
        self.assertEqual("", self.last(b"id\n\n", before="1"))

    def test_cut_off(self) -> None:
        """
        A block that is cut off does not set it: its event has not come.
        """
        self.assertEqual("1", self.last(b"id: 1\n\nid: 2\ndata: a\n"))

    def test_nul(self) -> None:
        """
        An id with NUL is no id, also among others that are alike.
        """
        self.assertEqual("1", self.last(b"id: 1\ndata: a\n\n" * 5 + b"id: 2\0\ndata: a\n\n"))

    def test_impossible(self) -> None:
        """
        What could not have been an id is refused.
        """
        for bad in ("a\nb", "a\0", "\ud800"):
            self.assertRaises(InvalidEvent, EventStreamParser, last_event_id=bad)


class ReconnectionTimeTests(SynchronousTestCase):
    """
    ``reconnection_time``.
    """

    def time(self, stream: bytes) -> float | None:
        """
        Return it after a stream.
        """
        parser = EventStreamParser()
        parser.feed(stream)
        return parser.reconnection_time

    def test_seconds(self) -> None:
        """
        It is in seconds, in milliseconds on the wire, and none until there was one.
        """
        self.assertIsNone(self.time(b"data: a\n\n"))
        self.assertEqual(2.5, self.time(b"retry: 2500\n"))
        self.assertEqual(0.0, self.time(b"retry: 0\n"))

    def test_at_once(self) -> None:
        """
        It takes effect with its line, without a blank line.
        """
        self.assertEqual(1.0, self.time(b"retry: 1000\r"))

    def test_ascii_digits_only(self) -> None:
        """
        ``int`` reads ``1_000``, blanks, signs and Arabic digits; the standard does not.
        """
        for bad in ("1_000", " 1", "1 ", "+1", "-1", "1.5", "1e3", "٣", "²", "", "x"):
            self.assertIsNone(self.time(f"retry: {bad}\n".encode()), bad)

    def test_absurd(self) -> None:
        """
        Digits without end, which ``int`` refuses to read, are the longest time there can be.
        """
        for digits in (b"9" * 5000, b"1" + b"0" * 10**6, b"%d" % (MAX_RETRY + 1)):
            self.assertEqual(MAX_RETRY / 1000, self.time(b"retry: " + digits + b"\n"))

    def test_zeros(self) -> None:
        """
        Zeros before a number, however many, do not count.
        """
        self.assertEqual(0.007, self.time(b"retry: " + b"0" * 5000 + b"7\n"))
        self.assertEqual(0.0, self.time(b"retry: " + b"0" * 5000 + b"\n"))


class CommentTests(SynchronousTestCase):
    """
    Comments, for who wants them.
    """

    def comments(self, *pieces: bytes) -> list[str]:
        """
        Return those of a stream.
        """
        comments: list[str] = []
        parser = EventStreamParser(on_comment=comments.append)
        for piece in pieces:
            parser.feed(piece)
        return comments

    def test_text(self) -> None:
        """
        They come without their colon and one blank.
        """
        self.assertEqual(["", "a", " b", "c:d"], self.comments(b":\n:a\n:  b\n: c:d\n"))

    def test_bytes(self) -> None:
        """
        They are UTF-8, and what is not is replaced.
        """
        self.assertEqual(["é\ufffd"], self.comments(b": \xc3", b"\xa9\xff\n"))

    def test_anywhere(self) -> None:
        """
        They may stand between events and inside, also where blocks are alike.
        """
        stream = b"data: a\n\n" * 3 + b": a\n\n" + b"data: a\n: b\n\n" * 3 + b":c\n"
        self.assertEqual(["a", "b", "b", "b", "c"], self.comments(stream))

    def test_first(self) -> None:
        """
        The shortest there is comes at once, also as the first bytes, where others wait whether a
        byte order mark will come.
        """
        self.assertEqual([""], self.comments(b":\n"))

    def test_not_wanted(self) -> None:
        """
        Who does not want them gets none, and none is kept.
        """
        self.assertEqual([Event("a")], parse(b": a\n: b\ndata: a\n\n"))

    def test_failure(self) -> None:
        """
        Who fails on a comment loses no event: the next call has them.
        """

        def fail(comment: str) -> None:
            raise RuntimeError(comment)

        parser = EventStreamParser(on_comment=fail)
        self.assertRaises(RuntimeError, parser.feed, b"data: a\n\n: c\n: d\ndata: b\n\ndata: ")
        self.assertEqual([Event("a"), Event("b"), Event("c")], parser.feed(b"c\n\n"))


class LimitTests(SynchronousTestCase):
    """
    Nothing that a peer sends takes memory without bound.
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
        A line may have as many bytes as that, and none more, whole or cut anywhere.
        """
        fits, does_not = "data: éé\n\n".encode(), "data: ééa\n\n".encode()
        for pieces in ([does_not], [does_not[:1], does_not[1:]], [bytes([b]) for b in does_not]):
            self.assert_too_large("line", 10, EventStreamParser(max_line=10), pieces)
        self.assertEqual([Event("éé")], EventStreamParser(max_line=10).feed(fits))

    def test_line_of_any_kind(self) -> None:
        """
        It is the same for a comment, for an unknown field, and for a line that has no end.
        """
        for line in (b": 123456789", b"x: 12345678", b"id: 1234567\n", b"12345678901\r"):
            for lines in (line, b"data: a\n" + line):
                self.assert_too_large("line", 10, EventStreamParser(max_line=10), [lines])

    def test_event(self) -> None:
        """
        So may the data of an event, with the ends of its lines.
        """
        fits = "data: abc\ndata: éa\n\n".encode()
        for pieces in ([fits + b"data: abcdefgh\n\n"], [fits, b"data: abcdefg\ndata\n", b"\n"]):
            parser = EventStreamParser(max_event=8)
            self.assertEqual([Event("abc\néa")], parser.feed(pieces[0]))
            self.assert_too_large("event", 8, parser, [*pieces[1:], b""])

    def test_events_before(self) -> None:
        """
        The events before are handed out first, however the bytes come.
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
        So are the comments.
        """
        comments: list[str] = []
        parser = EventStreamParser(max_line=20, on_comment=comments.append)
        self.assertRaises(EventTooLarge, parser.feed, b": a\n" + b"x" * 21)
        self.assertEqual(["a"], comments)

    def test_stays_broken(self) -> None:
        """
        After that nothing is read any more, and every call says why.
        """
        parser = EventStreamParser(max_line=20)
        for piece in (b"x" * 21, b"\n\ndata: a\n\n", b""):
            self.assert_too_large("line", 20, parser, [piece])
        self.assertEqual("", parser.last_event_id)

    def test_lets_go(self) -> None:
        """
        What was too large is not held any longer.
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
        It is an error of ours, and no ValueError: the peer has done it.
        """
        self.assertTrue(issubclass(EventTooLarge, SSETwistError))
        self.assertFalse(issubclass(EventTooLarge, ValueError))

    def test_bad_bytes(self) -> None:
        """
        Limits are bytes as they came: a bad one counts once, in whichever piece it comes, though
        U+FFFD has three.
        """
        stream = b"data: a\n\ndata: b\n\ndata:" + b"\xff" * 60 + b"\n\n"
        for size in (1, len(stream)):
            parser = EventStreamParser(max_line=100, max_event=90)
            pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
            found = [event.data for piece in pieces for event in parser.feed(piece)]
            self.assertEqual(["a", "b", "\ufffd" * 60], found)

    def test_no_limit_for_heartbeats(self) -> None:
        """
        Comments and unknown fields without any blank line may go on for ever: nothing of them is
        held.
        """
        parser = EventStreamParser(max_line=100, max_event=100)
        for _ in range(200):
            self.assertEqual([], parser.feed(b": heartbeat\nx: y\nid: 1\nevent: t\nretry: 5\n"))
        self.assertEqual([Event("a", type="t", id="1")], parser.feed(b"data: a\n\n"))

    def test_large_default(self) -> None:
        """
        Events of some MB, on one line too, are read unless one says otherwise.
        """
        data = "x" * 10**7
        for piece in (f"data: {data}\n\n", f"data: {data}\ndata: {data}\n\n"):
            self.assertEqual(data, parse(piece.encode())[0].data[: len(data)])

    def test_no_such_limit(self) -> None:
        """
        A limit is positive.
        """
        self.assertRaises(ValueError, EventStreamParser, max_line=0)
        self.assertRaises(ValueError, EventStreamParser, max_event=-1)

    def test_memory(self) -> None:
        """
        What is held of a block without end is about as much as the limits say, however it comes:
        on one line, on many short ones, byte by byte.
        """
        size = 2**13
        for piece in (b"data: a\ndata\n", b"x", b"data: " + b"x" * 1000 + b"\n", b": c\n", b"id\r"):
            parser = EventStreamParser(max_line=size, max_event=size)
            gc.collect()
            tracemalloc.start()
            try:
                for _ in range(4 * size // len(piece)):
                    parser.feed(piece)
            except EventTooLarge:
                pass
            finally:
                _, peak = tracemalloc.get_traced_memory()
                tracemalloc.stop()
            self.assertLess(peak, 3 * size, piece)  # while a buffer grows it is there twice


class PitfallTests(SynchronousTestCase):
    """
    What other parsers have got wrong.
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
        A CRLF that is cut between two pieces ends one line, not two, also with nothing in between.
        """
        self.assertEqual([Event("a\nb")], parse(b"data: a\r", b"", b"\ndata: b\r", b"\n\r", b"\n"))
        self.assertEqual([Event("a\nb")], parse(b"data: a\r", b"data: b\r\n\r\n"))

    def test_byte_order_mark(self) -> None:
        """
        One at the very start is no part of the first field, also if it is cut.
        """
        for pieces in ([b"\xef\xbb\xbf"], [b"\xef", b"\xbb\xbf"], [b"\xef", b"", b"\xbb", b"\xbf"]):
            self.assertEqual([Event("a")], parse(*pieces, b"data: a\n\n"))

    def test_no_byte_order_mark(self) -> None:
        """
        A part of one is none, and neither is a second one or one later on.
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
        A comment, a retry, an id or a type with a blank line behind it is no event, also once
        there was an id.
        """
        stream = b"id: 1\ndata: a\n\n: ping\n\nretry: 5\n\nid: 2\n\nevent: t\n\n\n\ndata: b\n\n"
        self.assertEqual([Event("a", id="1"), Event("b", id="2")], parse(stream))

    def test_unicode_line_separators(self) -> None:
        """
        ``str.splitlines`` would break the line at these.
        """
        for character in "\v\f\x1c\x1d\x1e\x85\u2028\u2029":
            stream = f"event: {character}\nid: {character}\ndata: {character}b\n\n" * 3
            event = Event(f"{character}b", type=character, id=character)
            self.assertEqual([event] * 3, parse(stream.encode()))

    def test_newlines_at_the_end(self) -> None:
        """
        Of the newlines that end the data only one is taken off.
        """
        self.assertEqual([Event("a\n\n")], parse(b"data: a\ndata:\ndata\n\n"))

    def test_one_blank(self) -> None:
        """
        Only one blank is taken off a value, and none is added where there was none.
        """
        stream = b"data:  a\n\n" * 3 + b"data:a\n\n" * 3 + b"id:  1\nevent:  t\ndata: \n\n" * 3
        self.assertEqual(
            [Event(" a")] * 3 + [Event("a")] * 3 + [Event("", type=" t", id=" 1")] * 3,
            parse(stream),
        )

    def test_long_line(self) -> None:
        """
        A line of more than 512 KiB, where another client gives up, is read.
        """
        data = "x" * 600_000
        stream = f"data: {data}\n\n".encode()
        pieces = [stream[start : start + 65_536] for start in range(0, len(stream), 65_536)]
        self.assertEqual([Event(data)], parse(*pieces))


#: Blocks that are written alike, as a server writes them, but for some without an id.
PIECES = st.lists(
    st.tuples(
        st.sampled_from([("data: ", ""), ("data:", ""), ("data: ", "event: t\n")]),
        st.lists(st.sampled_from([None, "", "1", "2", "3"]), min_size=1, max_size=6),
    ),
    max_size=4,
)


class CutBetweenBlocksTests(SynchronousTestCase):
    """
    Streams of which each piece is some whole blocks, as servers write them.
    """

    @given(PIECES)
    @example([(("data: ", ""), ["1", "2", "3"]), (("data: ", ""), [None])])
    def test_last_id_counts(self, pieces: list[tuple[tuple[str, str], list[str | None]]]) -> None:
        """
        The id of an event is the last one that a block up to its own has set, in whichever piece
        that block came.
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
