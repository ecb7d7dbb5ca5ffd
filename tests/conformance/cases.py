"""
Event streams, byte for byte (WHATWG HTML 9.2): the bytes that are written for some events, and the
events that are read from some bytes.
"""

from dataclasses import dataclass

from ssetwist import Event
from tests.conformance.reference import Received


@dataclass(frozen=True)
class Encoding:
    """
    :ivar stream: The exact bytes for the events.
    """

    name: str
    events: tuple[Event, ...]
    stream: bytes


@dataclass(frozen=True)
class Reading:
    """
    :ivar received: The events that every reader must find in the stream.
    """

    name: str
    stream: bytes
    received: tuple[Received, ...]
    last_event_id: str = ""
    reconnection_time: int | None = None


ENCODINGS = (
    Encoding("one line", (Event("hello"),), b"data: hello\n\n"),
    Encoding("no data is still an event", (Event(),), b"data: \n\n"),
    Encoding("two lines", (Event("a\nb"),), b"data: a\ndata: b\n\n"),
    Encoding("CR ends a line", (Event("a\rb"),), b"data: a\ndata: b\n\n"),
    Encoding("CRLF ends one line", (Event("a\r\nb"),), b"data: a\ndata: b\n\n"),
    Encoding("LF CR ends two lines", (Event("a\n\rb"),), b"data: a\ndata: \ndata: b\n\n"),
    Encoding("an empty line inside", (Event("a\n\nb"),), b"data: a\ndata: \ndata: b\n\n"),
    Encoding("a newline at the end", (Event("a\n"),), b"data: a\ndata: \n\n"),
    Encoding("two newlines at the end", (Event("a\n\n"),), b"data: a\ndata: \ndata: \n\n"),
    Encoding("a newline at the start", (Event("\na"),), b"data: \ndata: a\n\n"),
    Encoding("a newline alone", (Event("\n"),), b"data: \ndata: \n\n"),
    Encoding("a leading blank", (Event(" a"),), b"data:  a\n\n"),
    Encoding("a leading colon", (Event(":a"),), b"data: :a\n\n"),
    Encoding("a line like a field", (Event("x\nid: 9"),), b"data: x\ndata: id: 9\n\n"),
    Encoding("UTF-8", (Event("é€😀"),), b"data: \xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\n\n"),
    Encoding(
        "other line separators of Unicode",
        (Event("a\u2028b\u2029c\x85d\x0be\x0cf\x1cg"),),
        b"data: a\xe2\x80\xa8b\xe2\x80\xa9c\xc2\x85d\x0be\x0cf\x1cg\n\n",
    ),
    Encoding("NUL in the data", (Event("a\0b"),), b"data: a\0b\n\n"),
    Encoding("a byte order mark in the data", (Event("\ufeffa"),), b"data: \xef\xbb\xbfa\n\n"),
    Encoding("a type", (Event("a", type="tick"),), b"event: tick\ndata: a\n\n"),
    Encoding("the default type is not written", (Event("a", type="message"),), b"data: a\n\n"),
    Encoding("a type with blanks", (Event("a", type=" a: b "),), b"event:  a: b \ndata: a\n\n"),
    Encoding("an id", (Event("a", id="7"),), b"id: 7\ndata: a\n\n"),
    Encoding("an empty id, which resets it", (Event("a", id=""),), b"id: \ndata: a\n\n"),
    Encoding("an id in UTF-8", (Event("a", id="é1"),), b"id: \xc3\xa91\ndata: a\n\n"),
    Encoding("a retry", (Event("a", retry=3000),), b"retry: 3000\ndata: a\n\n"),
    Encoding("a retry of 0", (Event("a", retry=0),), b"retry: 0\ndata: a\n\n"),
    Encoding(
        "all fields",
        (Event("a\nb", type="t", id="1", retry=5),),
        b"event: t\nid: 1\nretry: 5\ndata: a\ndata: b\n\n",
    ),
    Encoding(
        "several events",
        (Event("a", id="1"), Event("b"), Event("c", type="t")),
        b"id: 1\ndata: a\n\ndata: b\n\nevent: t\ndata: c\n\n",
    ),
    Encoding(
        "JSON",
        (Event.with_json({"a": [1, None, "é\n"]}, type="json"),),
        b'event: json\ndata: {"a":[1,null,"\xc3\xa9\\n"]}\n\n',
    ),
)

READINGS = (
    Reading("nothing", b"", ()),
    # The four examples of WHATWG HTML 9.2.6
    Reading(
        "the standard: stock ticker",
        b"data: YHOO\ndata: +2\ndata: 10\n\n",
        (Received("message", "YHOO\n+2\n10", ""),),
    ),
    Reading(
        "the standard: four blocks",
        b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\n"
        b"data:  third event\n\n",
        (
            Received("message", "first event", "1"),
            Received("message", "second event", ""),
            Received("message", " third event", ""),
        ),
    ),
    Reading(
        "the standard: two events of three",
        b"data\n\ndata\ndata\n\ndata:",
        (Received("message", "", ""), Received("message", "\n", "")),
    ),
    Reading(
        "the standard: the blank after the colon",
        b"data:test\n\ndata: test\n\n",
        (Received("message", "test", ""),) * 2,
    ),
    # Ends of lines
    Reading("CR", b"data: a\rdata: b\r\r", (Received("message", "a\nb", ""),)),
    Reading("CRLF", b"data: a\r\ndata: b\r\n\r\n", (Received("message", "a\nb", ""),)),
    Reading("mixed", b"data: a\rdata: b\n\r\n", (Received("message", "a\nb", ""),)),
    Reading(
        "LF CR ends two lines",
        b"data: a\n\rdata: b\n\n",
        (
            Received("message", "a", ""),
            Received("message", "b", ""),
        ),
    ),
    Reading(
        "U+2028, U+0085, VT and FF do not end a line",
        b"data: a\xe2\x80\xa8b\xc2\x85c\x0bd\x0ce\n\n",
        (Received("message", "a\u2028b\x85c\x0bd\x0ce", ""),),
    ),
    # Characters
    Reading("a byte order mark", b"\xef\xbb\xbfdata: a\n\n", (Received("message", "a", ""),)),
    Reading(
        "two byte order marks: the field is unknown", b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\n", ()
    ),
    Reading("a byte order mark later on", b"\n\xef\xbb\xbfdata: a\n\n", ()),
    Reading("bytes that are not UTF-8", b"data: \xff\xc3\n\n", (Received("message", "��", ""),)),
    # Fields
    Reading("only one blank is taken off", b"data:  a \n\n", (Received("message", " a ", ""),)),
    Reading("a tab is not a blank", b"data:\ta\n\n", (Received("message", "\ta", ""),)),
    Reading("names are case-sensitive", b"Data: a\nDATA: b\n\n", ()),
    Reading("a blank before a name", b" data: a\n\n", ()),
    Reading("unknown fields", b"x: 1\ndata: a\ny\n\n", (Received("message", "a", ""),)),
    Reading("comments", b":data: b\ndata: a\n:\n: c\n\n", (Received("message", "a", ""),)),
    Reading(
        "a type",
        b"event: t\ndata: a\n\ndata: b\n\n",
        (
            Received("t", "a", ""),
            Received("message", "b", ""),
        ),
    ),
    Reading("an empty type", b"event: t\nevent\ndata: a\n\n", (Received("message", "a", ""),)),
    Reading("the last type counts", b"event: t\nevent: u\ndata: a\n\n", (Received("u", "a", ""),)),
    Reading("a type without data", b"event: t\n\ndata: a\n\n", (Received("message", "a", ""),)),
    Reading(
        "an id stays",
        b"id: 1\ndata: a\n\ndata: b\n\n",
        (
            Received("message", "a", "1"),
            Received("message", "b", "1"),
        ),
        last_event_id="1",
    ),
    Reading("an id without data", b"id: 1\n\n", (), last_event_id="1"),
    Reading(
        "an id with NUL",
        b"id: 1\n\nid: 2\0\ndata: a\n\n",
        (Received("message", "a", "1"),),
        last_event_id="1",
    ),
    Reading(
        "an id of a block that is cut off", b"id: 1\n\nid: 2\ndata: a\n", (), last_event_id="1"
    ),
    Reading("a retry", b"retry: 5000\n", (), reconnection_time=5000),
    Reading("the last retry counts", b"retry: 1\nretry: 2\n\n", (), reconnection_time=2),
    Reading("leading zeros", b"retry: 007\n", (), reconnection_time=7),
    Reading(
        "no retries",
        b"retry: -1\nretry: 1.5\nretry: 1_000\nretry: +1\nretry:  1\nretry: \n"
        b"retry: 1s\nretry: \xd9\xa3\nretry\n",
        (),
    ),
    Reading("a block that is cut off", b"data: a\n\ndata: b\n", (Received("message", "a", ""),)),
    Reading("a line that is cut off", b"data: a\n\ndata: b", (Received("message", "a", ""),)),
)
