"""
The rules of writing events.  The exact bytes are in the case table of ``tests/conformance``.
"""

import math

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ssetwist import Event, InvalidEvent
from ssetwist.eventstream import (
    DEFAULT_TYPE,
    encode_comment,
    encode_event,
    encode_id,
    encode_reconnection_time,
    require_event,
)

BREAKS = st.sampled_from(["\r", "\n", "\r\n"])
TEXT = st.lists(BREAKS | st.text()).map("".join)

#: Everything that breaks a line for ``str.splitlines`` but not in an event stream.
NO_LINE_BREAKS = "\v\f\x1c\x1d\x1e\x85\u2028\u2029"


class EventTests(SynchronousTestCase):
    """
    ``encode_event``.
    """

    def test_nothing_but_data(self) -> None:
        """
        Fields that an event lacks are not written.
        """
        self.assertEqual(b"data: a\n\n", encode_event(Event("a")))

    def test_default_type(self) -> None:
        """
        The default type is not written, because readers assume it.
        """
        self.assertEqual(encode_event(Event("a")), encode_event(Event("a", type=DEFAULT_TYPE)))

    def test_empty_id(self) -> None:
        """
        An empty id is written: it makes the reader forget the last one.
        """
        self.assertEqual(b"id: \ndata: a\n\n", encode_event(Event("a", id="")))

    def test_retry_of_zero(self) -> None:
        """
        A retry of 0 is written.
        """
        self.assertEqual(b"retry: 0\ndata: a\n\n", encode_event(Event("a", retry=0)))

    def test_not_an_event(self) -> None:
        """
        Only an event can be encoded; the error for other values says how to make one.
        """
        for mistake in ("text", b"bytes", None, {"data": "a"}, Event):
            for check in (encode_event, require_event):
                error = self.assertRaises(TypeError, check, mistake)
                self.assertIn(f"not {type(mistake).__name__};", str(error))
                self.assertIn("Event('text')", str(error))

    def test_event(self) -> None:
        """
        Instances of subclasses of ``Event`` are events.
        """

        class Special(Event):
            pass

        for event in (Event(), Special()):
            self.assertIsNone(require_event(event))

    def test_fields(self) -> None:
        """
        The data comes last, so that a reader knows the other fields when it comes.
        """
        event = Event("a", type="t", id="1", retry=5)
        self.assertEqual(b"event: t\nid: 1\nretry: 5\ndata: a\n\n", encode_event(event))

    def test_empty_data(self) -> None:
        """
        An event without data has an empty data field, because a reader would not dispatch it
        otherwise.
        """
        self.assertEqual(b"event: t\ndata: \n\n", encode_event(Event(type="t")))

    def test_splits_at_line_breaks(self) -> None:
        """
        CR, LF and CRLF begin another line of data.
        """
        for text in ("a\nb", "a\rb", "a\r\nb"):
            self.assertEqual(b"data: a\ndata: b\n\n", encode_event(Event(text)), repr(text))

    def test_splits_nowhere_else(self) -> None:
        """
        Characters that only ``str.splitlines`` takes for line breaks stay inside their line.
        """
        for character in NO_LINE_BREAKS:
            line = f"a{character}b"
            self.assertEqual(f"data: {line}\n\n".encode(), encode_event(Event(line)), repr(line))

    def test_trailing_newlines(self) -> None:
        """
        Newlines at the end are kept, each as an empty line of data.
        """
        self.assertEqual(b"data: a\ndata: \ndata: \n\n", encode_event(Event("a\n\n")))

    @given(TEXT)
    def test_layout(self, data: str) -> None:
        """
        Every encoded event has LF only, one blank line at the end, and no byte order mark at the
        start.
        """
        stream = encode_event(Event(data))
        self.assertNotIn(b"\r", stream)
        self.assertEqual(len(stream) - 2, stream.index(b"\n\n"))
        self.assertTrue(stream.startswith(b"data: "))

    @given(TEXT)
    def test_lines(self, data: str) -> None:
        """
        Each line of an encoded event is a data field, whatever the data.
        """
        lines = encode_event(Event(data)).removesuffix(b"\n\n").split(b"\n")
        self.assertEqual([], [line for line in lines if not line.startswith(b"data: ")])


class CommentTests(SynchronousTestCase):
    """
    ``encode_comment``.
    """

    def test_heartbeat(self) -> None:
        """
        A comment without text is a colon on a line, without a blank line after it.
        """
        self.assertEqual(b":\n", encode_comment())

    def test_text(self) -> None:
        """
        Text follows a colon and a blank.
        """
        self.assertEqual(": é\n".encode(), encode_comment("é"))

    def test_lines(self) -> None:
        """
        Every line of the text is a comment, so that it never becomes a field.
        """
        for text in ("a\nid: 1", "a\rid: 1", "a\r\nid: 1"):
            self.assertEqual(b": a\n: id: 1\n", encode_comment(text), repr(text))

    def test_trailing_newline(self) -> None:
        """
        A newline at the end is one more comment, not the blank line that would end a block.
        """
        self.assertEqual(b": a\n: \n", encode_comment("a\n"))

    def test_lone_surrogate(self) -> None:
        """
        A lone surrogate, which UTF-8 cannot encode, is written as a question mark: readers ignore
        comments.
        """
        self.assertEqual(b": a?b\n", encode_comment("a\ud800b"))

    @given(st.lists(BREAKS | st.text(st.characters())).map("".join))
    def test_layout(self, text: str) -> None:
        """
        Every encoded comment has LF only, and each line is a comment and not blank.
        """
        stream = encode_comment(text)
        self.assertNotIn(b"\r", stream)
        self.assertTrue(stream.endswith(b"\n"))
        lines = stream.removesuffix(b"\n").split(b"\n")
        self.assertEqual([], [line for line in lines if not line.startswith(b":")])


class ReconnectionTimeTests(SynchronousTestCase):
    """
    ``encode_reconnection_time``.
    """

    def test_milliseconds(self) -> None:
        """
        Seconds become whole milliseconds, on one line without a blank line after it.
        """
        cases = ((3.0, b"3000"), (0.25, b"250"), (0, b"0"), (86400, b"86400000"))
        for seconds, milliseconds in cases:
            self.assertEqual(
                b"retry: %b\n" % milliseconds, encode_reconnection_time(seconds), seconds
            )

    def test_rounded(self) -> None:
        """
        Fractions of a millisecond are rounded.
        """
        self.assertEqual(b"retry: 2\n", encode_reconnection_time(0.0016))

    def test_large(self) -> None:
        """
        A long time is written with digits only, never with an exponent.
        """
        self.assertEqual(b"retry: 1%b\n" % (b"0" * 15), encode_reconnection_time(10.0**12))

    def test_negative(self) -> None:
        """
        A negative or infinite time is refused.
        """
        for seconds in (-1.0, math.inf, math.nan, 10.0**22):
            with self.assertRaises(InvalidEvent) as caught:
                encode_reconnection_time(seconds)
            self.assertEqual("retry", caught.exception.field)


class IdTests(SynchronousTestCase):
    """
    ``encode_id``.
    """

    def test_block(self) -> None:
        """
        An id alone is a block without data: a reader remembers the id, and gets no event.
        """
        self.assertEqual("id: é\n\n".encode(), encode_id("é"))

    def test_empty(self) -> None:
        """
        An empty id makes a reader forget its own.
        """
        self.assertEqual(b"id: \n\n", encode_id(""))

    def test_refused(self) -> None:
        """
        An id that would begin another field, or be ignored, is refused.
        """
        for id in ("1\ndata: a", "1\r", "\r\n", "1\0", "\ud800"):
            error = self.assertRaises(InvalidEvent, encode_id, id)
            self.assertEqual("id", error.field)
        self.assertRaises(TypeError, encode_id, 1)
