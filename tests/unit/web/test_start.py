"""
The position at which a stream begins, as the request asks.
"""

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers
from twisted.web.server import Request
from twisted.web.test.requesthelper import DummyChannel

from ssetwist.web._start import Start, start_of

#: Spellings of the parameter by which clients send their last id.
SPELLINGS = ("last_event_id", "lastEventID", "lastEventId", "Last-Event-ID", "evs_last_event_id")


def request(
    *headers: bytes, name: bytes = b"Last-Event-ID", **query: bytes | list[bytes]
) -> Request:
    """
    Make a request with these values of a header, and this query.
    """
    made = Request(DummyChannel(), False)
    made.requestHeaders = Headers({name: list(headers)} if headers else {})
    made.args = {
        key.encode(): value if isinstance(value, list) else [value] for key, value in query.items()
    }
    return made


class CursorTests(SynchronousTestCase):
    """
    The id of the last event that the client saw.
    """

    def assert_id(self, expected: str | None, made: Request) -> None:
        self.assertEqual(Start(expected), start_of(made))

    def test_nothing(self) -> None:
        """
        A client that sends no id begins at the live end.
        """
        self.assertTrue(start_of(request()).is_live)
        made = request()
        made.args = None
        self.assertTrue(start_of(made).is_live)

    def test_header(self) -> None:
        """
        The header is found in upper, lower and mixed case.
        """
        for name in (b"Last-Event-ID", b"last-event-id", b"Last-Event-Id"):
            self.assert_id("#e.1", request(b"#e.1", name=name))
        self.assertFalse(start_of(request(b"#e.1")).is_live)

    def test_query(self) -> None:
        """
        Each known spelling of the query parameter gives the id.
        """
        for name in SPELLINGS:
            self.assert_id("#e.1", request(**{name: b"#e.1"}))

    def test_no_other_spelling(self) -> None:
        """
        A parameter with a similar name belongs to the application, and is ignored.
        """
        for name in ("id", "last-event-id", "LastEventId", "cursor"):
            self.assert_id(None, request(**{name: b"#e.1"}))

    def test_header_wins(self) -> None:
        """
        The header wins over the query, which is as old as the page.
        """
        for name in SPELLINGS:
            self.assert_id("#e.2", request(b"#e.2", **{name: b"#e.1"}))

    def test_empty_header_wins(self) -> None:
        """
        An empty header also wins over the query: the client was told to forget its id.
        """
        self.assert_id(None, request(b"", last_event_id=b"#e.1"))

    def test_empty(self) -> None:
        """
        An empty id counts as not sent.
        """
        self.assert_id(None, request(b""))
        self.assert_id(None, request(last_event_id=b""))

    def test_encodings(self) -> None:
        """
        An id may come in UTF-8 or in Latin-1.
        """
        for made in (request, lambda value: request(last_event_id=value)):
            self.assert_id("\xe91", made("\xe91".encode()))
            self.assert_id("\xe91", made("\xe91".encode("latin-1")))
            self.assert_id("\u20ac", made("\u20ac".encode()))
            self.assert_id("\xff\xfe", made(b"\xff\xfe"))

    def test_several(self) -> None:
        """
        The first of several ids counts.
        """
        self.assert_id("1", request(b"1", b"2"))
        self.assert_id("1", request(last_event_id=[b"1", b"2"]))

    def test_any(self) -> None:
        """
        An id is never refused.
        """
        for value in (b"#", b" ", b"earliest", b"x" * 100_000, b"\x01", b"-10", b"\xed\xa0\x80"):
            self.assertIsNotNone(start_of(request(value)).last_event_id)


class FromTests(SynchronousTestCase):
    """
    The history that a client asks for the first time, by ``from``.
    """

    def test_earliest(self) -> None:
        """
        ``earliest`` asks for everything.
        """
        self.assertEqual(Start("earliest"), start_of(request(**{"from": b"earliest"})))

    def test_last(self) -> None:
        """
        ``-10`` asks for the last ten events; a larger number than a thousand counts as a thousand.
        """
        for text, count in ((b"-10", 10), (b"-1", 1), (b"-007", 7), (b"-999999999", 1000)):
            start = start_of(request(**{"from": text}))
            self.assertEqual(Start(last=count), start)
            self.assertFalse(start.is_live)

    def test_no_events(self) -> None:
        """
        ``-0`` and an empty value ask for no history.
        """
        for text in (b"", b"-0"):
            self.assertTrue(start_of(request(**{"from": text})).is_live)

    def test_invalid(self) -> None:
        """
        Any other value is an error that says which values are valid.
        """
        for text in (
            *(b"10", b"+10", b"-", b"--1", b"-1.5", b"- 1", b"-1 ", b"-1\n", b"-1_0", b"0", b"all"),
            *(b"Earliest", b"earliest ", b"-1000000000", "-\u0663".encode(), b"\xff", b"#e.1"),
        ):
            problem = self.assertRaises(ValueError, start_of, request(**{"from": text}))
            self.assertEqual(
                "from must be 'earliest', or -10 for the last ten events", str(problem), text
            )

    def test_cursor_wins(self) -> None:
        """
        An id, in the header or in the query, wins over any value of ``from``.
        """
        for text in (b"earliest", b"-10", b"nonsense"):
            self.assertEqual(Start("1"), start_of(request(b"1", **{"from": text})))
            self.assertEqual(Start("1"), start_of(request(last_event_id=b"1", **{"from": text})))
