"""
Heads that are read in one piece: they mean the same as to Twisted, which reads heads line by line.
"""

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import Request

from ssetwist.hub import Streams
from ssetwist.web import Site
from ssetwist.web.site._connection import BoundedRequest
from ssetwist.web.site._request_head import MAX_SEGMENTS, PlainHead, read_plain_head, segments_of
from tests.clock import Clock
from tests.memory import Client


class LineByLine(BoundedRequest):
    """
    Another class of requests, whose heads only Twisted reads.
    """


class Recorder(Resource):
    """
    Keeps each request that it gets.
    """

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[object] = []

    def render(self, request: Request) -> bytes:
        assert request.content is not None
        self.asked.append(
            (
                request.method,
                request.uri,
                request.path,
                request.args,
                request.clientproto,
                list(request.requestHeaders.getAllRawHeaders()),
                request.received_cookies,
                request.content.read(),
                request.channel.persistent,
            )
        )
        return b"seen"


def outcome(factory: type[Request], *pieces: bytes) -> tuple[object, ...]:
    """
    Return the requests that a Site saw from a client, and its answers.
    """
    clock = Clock()
    recorder = Recorder()
    site = Site(recorder, streams=Streams(clock), requestFactory=factory)
    client = Client(site, clock)
    for piece in pieces:
        if not client.transport.disconnecting:  # after that, nobody reads
            client.send(piece)
    clock.advance(0)
    seen = recorder.asked, _without_date(client.received), client.transport.is_connected
    client.close()
    return seen


def _without_date(response: bytes) -> bytes:
    lines = response.split(b"\r\n")
    return b"\r\n".join(line for line in lines if not line.startswith(b"Date: "))


names = st.sampled_from(
    rb"Host accept COOKIE Connection X-A last-event-id Content-Length Expect TE Sec-Fetch-Mode "
    rb"Transfer-Encoding a:b".split(b" ")
) | st.sampled_from([b" X", b"X ", b"\xe9"])
values = st.binary(max_size=8) | st.sampled_from(
    [b"a", b" close", b"keep-alive", b"0", b"3", b"chunked", b"100-continue", b"a=1; b; c=2", b"",
     b"\t x \t", b"\xc3\xa9", b"a\nb", b"a\rb", b"a\0b", b"text/event-stream"]
)  # fmt: skip
fields = st.lists(st.tuples(names, values), max_size=6)
first_lines = st.sampled_from(
    [b"GET / HTTP/1.1", b"GET /a?b=1&b=2&c= HTTP/1.1", b"HEAD /%41 HTTP/1.1", b"get / HTTP/1.1",
     b"POST / HTTP/1.1", b"GET / HTTP/1.0", b"GET  / HTTP/1.1", b"GET /\xe9 HTTP/1.1", b"GET /",
     b"GET / HTTP/2.0", b"OPTIONS * HTTP/1.1", b"GET /\x7f HTTP/1.1", b"GET http://a/ HTTP/1.1"]
)  # fmt: skip


@st.composite
def heads(draw: st.DrawFn) -> bytes:
    lines = [draw(first_lines), *(b"%b: %b" % field for field in draw(fields))]
    return draw(st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n"])).join(lines) + b"\r\n\r\n"


class SameTests(SynchronousTestCase):
    """
    Heads read in one piece and line by line have the same outcome.
    """

    @given(st.lists(heads(), min_size=1, max_size=3))
    @example([b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"] * 2)
    @example([b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"])
    @example([b"\r\nGET / HTTP/1.1\r\n\r\n"])
    @example([b"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n"])
    def test_heads(self, sent: list[bytes]) -> None:
        """
        A series of requests has the same outcome if each head is read in one piece.
        """
        self.assertEqual(outcome(LineByLine, *sent), outcome(BoundedRequest, *sent))

    @given(st.lists(heads(), min_size=1, max_size=3), st.data())
    def test_pieces(self, sent: list[bytes], data: st.DataObject) -> None:
        """
        Requests have the same outcome, however their bytes are cut.
        """
        whole = b"".join(sent)
        cuts = sorted(data.draw(st.sets(st.integers(0, len(whole)), max_size=4)))
        pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
        pieces = [piece for piece in pieces if piece]
        self.assertEqual(outcome(LineByLine, *pieces), outcome(BoundedRequest, *pieces))

    @given(st.binary(max_size=60))
    def test_anything(self, sent: bytes) -> None:
        """
        Any bytes have the same outcome.
        """
        sent += b"\r\n\r\n"
        self.assertEqual(outcome(LineByLine, sent), outcome(BoundedRequest, sent))

    def test_bounds(self) -> None:
        """
        Heads near the limits of bytes and of fields have the same outcome.
        """
        for count in (499, 500, 501):
            head = b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * count + b"\r\n"
            self.assertEqual(outcome(LineByLine, head), outcome(BoundedRequest, head))
        for size in (16000, 16340, 16384, 16500):
            head = b"GET / HTTP/1.1\r\nA: " + b"x" * size + b"\r\n\r\n"
            self.assertEqual(outcome(LineByLine, head), outcome(BoundedRequest, head))


class ReadTests(SynchronousTestCase):
    """
    Heads that are read in one piece, and heads that are left to Twisted.
    """

    def test_plain(self) -> None:
        """
        A head that a browser sends is read in one piece.
        """
        head = b"GET /sse?a=1 HTTP/1.1\r\nHost: a:1\r\nAccept:text/event-stream \r\n\r\n"
        fields = [(b"Host", b"a:1"), (b"Accept", b"text/event-stream")]
        expected = PlainHead(b"GET", b"/sse?a=1", b"HTTP/1.1", fields, {b"host", b"accept"})
        self.assertEqual(expected, read_plain_head(head, 1000, 10))

    def test_not_plain(self) -> None:
        """
        A head with a body, with more behind it, or with unusual bytes is left to Twisted.
        """
        for head in (
            b"GET / HTTP/1.1\r\n",
            b"GET / HTTP/1.1\r\n\r\nG",
            b"GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n",
            b"POST / HTTP/1.1\r\n\r\n",
            b"GET / HTTP/1.0\r\n\r\n",
            b"GET / HTTP/1.1\r\nContent-Length: 1\r\n\r\n",
            b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"GET / HTTP/1.1\r\nexpect: 100-continue\r\n\r\n",
            b"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n",
            b"GET / HTTP/1.1\r\nA: b\nc\r\n\r\n",
            b"GET / HTTP/1.1\r\nA: b\rc\r\n\r\n",
            b"GET / HTTP/1.1\r\nA: \0\r\n\r\n",
            b"GET / HTTP/1.1\r\nA\r\n\r\n",
            b"GET / HTTP/1.1\r\nA : b\r\n\r\n",
        ):
            self.assertIsNone(read_plain_head(head, 1000, 10), head)

    def test_bounds(self) -> None:
        """
        A head beyond the limits is left to Twisted.
        """
        head = b"GET / HTTP/1.1\r\nA: b\r\nB: c\r\n\r\n"
        self.assertIsNotNone(read_plain_head(head, len(head), 2))
        self.assertIsNone(read_plain_head(head, len(head) - 1, 2))
        self.assertIsNone(read_plain_head(head, len(head), 1))

    def test_segments(self) -> None:
        """
        Of a path with too many segments, the last segment has the rest.
        """
        *first, rest = segments_of(b"/%41" * (MAX_SEGMENTS + 3))
        self.assertEqual(([b"A"] * MAX_SEGMENTS, b"A/A/A"), (first, rest))

    def test_found_as_by_twisted(self) -> None:
        """
        A path is split and decoded as Twisted does.
        """
        self.assertEqual([b"a b", b"", b"c/d"], segments_of(b"/a%20b//c%2Fd"))
        self.assertEqual([b""], segments_of(b"/"))
