"""
Limits on the parts of a request, however few bytes each part has.
"""

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers
from twisted.web.resource import Resource
from twisted.web.server import Request
from twisted.web.test.requesthelper import DummyChannel

from ssetwist.hub import Streams
from ssetwist.web import Site
from ssetwist.web.site._body_limits import MAX_FIELDS, MAX_LINES, MAX_PARTS, check_form
from ssetwist.web.site._request_head import MAX_PARAMETERS, MAX_SEGMENTS
from tests.clock import Clock
from tests.memory import Client
from tests.unit.web.site.case import SiteCase

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=a"


class Form(Resource):
    """
    A resource that keeps the arguments of each request.

    :ivar reads_form: True if it reads forms itself.
    """

    isLeaf = True

    def __init__(self, *, reads_form: bool) -> None:
        super().__init__()
        self.reads_form = reads_form
        self.args: list[object] = []

    def render_POST(self, request: Request) -> bytes:
        self.args.append(request.args)
        return b"taken"


class ProblemTests(SynchronousTestCase):
    """
    Numbers of parts.
    """

    def form(self, kind: str, body: bytes) -> str | None:
        """
        Return what is wrong with a form.
        """
        request = Request(DummyChannel())
        request.requestHeaders = Headers({"Content-Type": [kind]})
        request.gotLength(len(body))
        request.handleContentChunk(body)
        return check_form(request, Resource(), b"/")

    def test_fields(self) -> None:
        """
        A form has a maximum of fields, however its type is spelled.
        """
        text = "The form must not have more than 1000 fields."
        for kind in (FORM, f"{FORM.upper()} ; charset=utf-8"):
            self.assertIsNone(self.form(kind, b"a&" * (MAX_FIELDS - 1)))
            self.assertEqual(text, self.form(kind, b"a;" * MAX_FIELDS))

    def test_parts(self) -> None:
        """
        A multipart form has a maximum of parts, and of lines, with each kind of line break.
        """
        for end in (b"\n", b"\r", b"\r\n"):
            self.assertIsNone(self.form(MULTIPART, (end + b"--a") * MAX_PARTS))
            text = "The form must not have more than 100 parts."
            self.assertEqual(text, self.form(MULTIPART, (end + b"--a") * (MAX_PARTS + 1)))
            self.assertIsNone(self.form(MULTIPART, end * MAX_LINES))
            text = "The form must not have more than 2000 lines."
            self.assertEqual(text, self.form(MULTIPART, end * (MAX_LINES + 1)))

    def test_other_bodies(self) -> None:
        """
        Bodies of other types are not counted.
        """
        self.assertIsNone(self.form("application/json", b"&" * 5000))
        self.assertIsNone(self.form("text/plain", b"\n--" * 5000))


class RefusalTests(SiteCase):
    """
    Requests with too many parts.
    """

    def is_refused(self, target: str, **headers: str) -> bool:
        """
        Return true if a request for a target is refused; the connection is closed then.
        """
        client = self.client()
        client.request(target, headers=headers)
        is_refused = b"HTTP/1.1 414 URI Too Long\r\n" in client.received
        told = b"The URL must not have more than 100 segments and 500 parameters.\n"
        self.assertEqual(is_refused, told in client.received)
        client.close()
        self.assertTrue(self.site.is_idle)
        return is_refused

    def test_segments(self) -> None:
        """
        A path has a maximum of segments, empty ones included; a query may have slashes.
        """
        self.assertFalse(self.is_refused("/x" * MAX_SEGMENTS))
        self.assertTrue(self.is_refused("/" * (MAX_SEGMENTS + 1)))
        self.assertFalse(self.is_refused("/?" + "/" * 1000))

    def test_parameters(self) -> None:
        """
        A query has a maximum of parameters, with and without a value.
        """
        for mark in ("&", ";", "&a=", ";a"):
            self.assertFalse(self.is_refused("/?a" + mark * (MAX_PARAMETERS - 1)))
            self.assertTrue(self.is_refused("/?a" + mark * MAX_PARAMETERS))
        self.assertFalse(self.is_refused("/" + "&" * 1000))

    def test_not_plain(self) -> None:
        """
        The limits are the same for a head that Twisted reads.
        """
        for many in ("/" * 5000, "/?" + "&" * 5000):
            self.assertTrue(self.is_refused(many, **{"Content-Length": "0"}))

    def test_form(self) -> None:
        """
        A form of too many parts is refused before Twisted reads it, and other requests are not.
        """
        body = b"a&" * MAX_FIELDS
        for kind, status in ((FORM, b"413"), ("text/plain", b"200")):
            client = self.client()
            headers = {"Content-Length": f"{len(body)}", "Content-Type": kind}
            client.request("/", method="POST", headers=headers)
            client.send(body)
            self.assertIn(b"HTTP/1.1 " + status, client.received)
            client.close()

    def test_read_by_the_resource(self) -> None:
        """
        Twisted does not read the form for a resource that reads it itself.
        """
        for reads_form, args in ((False, {b"a": [b"b"]}), (True, {})):
            form = Form(reads_form=reads_form)
            clock = Clock()
            client = Client(Site(form, streams=Streams(clock)), clock)
            client.request(method="POST", headers={"Content-Length": "3", "Content-Type": FORM})
            client.send(b"a=b")
            self.assertEqual([args], form.args)
            client.close()
