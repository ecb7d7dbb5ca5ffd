"""
The head of a stream, on each way to the client, and the answer of a full hub.
"""

import random
import re

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import Request
from twisted.web.server import Site as TwistedSite

from ssetwist.hub import DEFAULT_RECONNECTION_TIME
from ssetwist.testing import MemoryHub
from ssetwist.web import EventStreamResource, Site, stream
from tests.clock import Clock
from tests.memory import Client, SocketClient

#: Requests of browsers, and of other clients.
BROWSER = {"Sec-Fetch-Mode": "cors"}
OTHER: dict[str, str] = {}


class SettingHeaders(Resource):
    """
    An application that sets header fields and cookies before its stream begins: the hub's stream at
    ``/hub``, a stream for one request at ``/own``.
    """

    isLeaf = True

    def __init__(self, hub: MemoryHub) -> None:
        super().__init__()
        self.events = EventStreamResource(hub)

    def render_GET(self, request: Request) -> bytes | int:
        request.setHeader("X-Application", "yes")
        request.responseHeaders.addRawHeader("X-Twice", "1")
        request.responseHeaders.addRawHeader("X-Twice", "2")
        request.addCookie("session", "abc", httpOnly=True, path="/")
        request.addCookie("theme", "dark")
        if request.path == b"/plain":
            return b"plain"
        if request.path == b"/status":
            request.setResponseCode(404)
        request.setHeader("Content-Length", "5")  # of another answer that it might give
        if request.path == b"/own":
            return stream(request, lambda send: None)
        result: bytes | int = self.events.render(request)
        return result


class ApplicationHeadTests(SynchronousTestCase):
    """
    Header fields that an application sets in addition to those of the stream.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.hub = MemoryHub(clock=self.clock)
        self.site = Site(SettingHeaders(self.hub), streams=self.hub.streams)

    def fields(self, client: Client, path: str, **request: object) -> list[bytes]:
        """
        Ask for a path, and return the fields of the head, in order.
        """
        self.addCleanup(client.close)
        client.request(path, **request)  # type: ignore[arg-type]  # the options of request
        return sorted(client.head.split(b"\r\n")[1:])

    def test_every_way(self) -> None:
        """
        The application's fields and cookies reach the client on each way and with each version of
        HTTP, except ``Content-Length``, which a stream never has.
        """
        expected = {
            b"x-application: yes",
            b"x-twice: 1",
            b"x-twice: 2",
            b"set-cookie: session=abc; path=/; httponly",
            b"set-cookie: theme=dark",
        }
        ways = {
            "straight": {},
            "through the transport": {"headers": {"Expect": "100-continue"}},
            "HTTP/1.0": {"version": "1.0"},
        }
        for path in ("/hub", "/own"):
            for make_client in (SocketClient, Client):
                for name, request in ways.items():
                    with self.subTest(path=path, client=make_client.__name__, way=name):
                        client = make_client(self.site, self.clock)
                        fields = self.fields(client, path, **request)
                        self.assertIn(b"content-type: text/event-stream", fields)
                        self.assertNotIn(b"content-length: 5", fields)
                        ours = [one for one in fields if one.startswith((b"x-ap", b"x-t", b"set-"))]
                        self.assertEqual(sorted(expected), ours)

    def test_status(self) -> None:
        """
        A stream has the status 200 on each way, whatever the application has set before: after any
        other an ``EventSource`` gives up.
        """
        for make_client in (SocketClient, Client):
            for options in ({}, {"headers": {"Expect": "100-continue"}}, {"version": "1.0"}):
                client = make_client(self.site, self.clock)
                self.fields(client, "/status", **options)
                self.assertRegex(client.received, rb"HTTP/1.[01] 200 OK\r\n")
                self.assertNotIn(b"404", client.received)

    def test_same_fields(self) -> None:
        """
        With HTTP/1.1 the head is the same, whether it goes straight to the socket or through
        Twisted.
        """
        heads = set()
        for make_client in (SocketClient, Client):
            for headers in ({}, {"Expect": "100-continue"}):
                client = make_client(self.site, self.clock)
                heads.add(tuple(self.fields(client, "/hub", headers=headers)))
        client = SocketClient(self.site, self.clock)
        self.fields(client, "/plain")
        client.transport.work()
        heads.add(tuple(self.fields(client, "/hub")))
        self.assertEqual(1, len(heads), heads)

    def test_fields_of_the_stream(self) -> None:
        """
        If the application sets a field that belongs to the stream, the client gets this field once,
        with the value of the stream.
        """
        ours = {
            "Content-Type": "text/event-stream",
            "Cache-Control": "no-store, no-transform",
            "X-Accel-Buffering": "no",
            "X-Content-Type-Options": "nosniff",
            "Connection": "close",
        }
        events = EventStreamResource(self.hub)

        class Setting(Resource):
            isLeaf = True

            def render_GET(self, request: Request) -> bytes | int:
                for name in (*ours, "Content-Length"):
                    request.setHeader(name, "other")
                result: bytes | int = events.render(request)
                return result

        self.site.resource = Setting()
        for path in ("straight", "through the transport"):
            headers = {} if path == "straight" else {"Expect": "100-continue"}
            client = SocketClient(self.site, self.clock)
            fields = self.fields(client, "/", headers=headers)
            for name, value in ours.items():
                begin = f"{name.lower()}:".encode()
                found = [one for one in fields if one.startswith(begin)]
                self.assertEqual([f"{name}: {value}".lower().encode()], found, path)
            self.assertNotIn(b"content-length: other", fields, path)

    def test_request_of_a_stream(self) -> None:
        """
        While a stream lasts, the application can still read the query and the cookies of its
        request; setting header fields and cookies is ignored.
        """
        requests: list[Request] = []
        resource = EventStreamResource(self.hub, filter=requests.append)
        site = Site(resource, streams=self.hub.streams)
        for path, headers in (("/?a=1", {"Cookie": "b=2"}), ("/", {})):
            client = SocketClient(site, self.clock)
            self.fields(client, path, headers=headers)
        full, empty = requests
        self.assertEqual(([b"1"], b"2"), (full.args[b"a"], full.getCookie(b"b")))
        self.assertEqual((None, None), (empty.args.get(b"a"), empty.getCookie(b"b")))
        for request in requests:
            request.setHeader("X-Late", "1")
            request.addCookie("late", "1")
            self.assertEqual([], list(request.responseHeaders.getAllRawHeaders()))
            self.assertEqual([], request.cookies)

    def test_nothing_else_is_kept(self) -> None:
        """
        A request keeps little while its stream lasts: of its header fields those that Twisted's
        formatters of the access log read, and neither a body nor the paths of the search for its
        resource.  Requests without a query and without cookies share their empty ones.
        """
        logged = {
            "Referer": "https://a.example/",
            "User-Agent": "b",
            "X-Forwarded-For": "192.0.2.9",
        }
        requests: list[Request] = []
        resource = EventStreamResource(self.hub, filter=requests.append)
        for site in (
            Site(resource, streams=self.hub.streams),
            TwistedSite(resource, reactor=self.clock),
        ):
            self.site = site
            requests.clear()
            for _ in range(2):
                client = SocketClient(self.site, self.clock)
                self.fields(client, "/", headers={**logged, "Accept": "*/*"})
            for request in requests:
                kept = {
                    name.decode(): values[0].decode()
                    for name, values in request.requestHeaders.getAllRawHeaders()
                }
                self.assertEqual(logged, kept)
                paths = (request.prepath, request.postpath, request.sitepath)
                self.assertEqual((None, (None, None, None)), (request.content, paths))
            first, second = requests
            self.assertIs(first.args, second.args)
            self.assertIs(first.received_cookies, second.received_cookies)


class TurnAwayTests(SynchronousTestCase):
    """
    Clients that find the hub full.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.hub = MemoryHub(clock=self.clock, max_subscribers=1)
        self.hub.streams.jitter = random.Random(1).random
        self.serve(DEFAULT_RECONNECTION_TIME)
        self.ask(OTHER)  # the only one that may subscribe

    def serve(self, retry: float) -> None:
        resource = EventStreamResource(self.hub, reconnection_time=retry)
        self.site = Site(resource, streams=self.hub.streams)

    def ask(self, headers: dict[str, str]) -> Client:
        client = Client(self.site, self.clock)
        self.addCleanup(client.close)
        client.request("/", headers=headers)
        return client

    def seconds(self, headers: dict[str, str]) -> float:
        """
        Return the seconds after which the answer tells a client to come back.
        """
        client = self.ask(headers)
        if headers is BROWSER:
            found = re.fullmatch(rb"retry: (\d+)\n", client.body)
            assert found is not None, client.received
            return int(found[1]) / 1000
        found = re.search(rb"\r\nretry-after: (\d+)", client.head)
        assert found is not None, client.received
        return int(found[1])

    def test_spread(self) -> None:
        """
        Clients that are turned away together are told different times to come back, from the
        shortest to twice that time.
        """
        least = 10 * DEFAULT_RECONNECTION_TIME
        for headers in (BROWSER, OTHER):
            times = sorted(self.seconds(headers) for _ in range(200))
            self.assertTrue(least <= times[0] and times[-1] <= 2 * least, (times[0], times[-1]))
            for part in range(5):  # about 40 in each fifth of that time
                begin = least + part * least / 5
                share = sum(begin <= one < begin + least / 5 for one in times)
                self.assertGreater(share, 15, (headers, part))

    def test_any_chance(self) -> None:
        """
        The random part is up to 100 % of the time, in proportion to the random number.
        """
        for retry, least in (
            (DEFAULT_RECONNECTION_TIME, 10 * DEFAULT_RECONNECTION_TIME),
            (2.0, 20.0),
            (0.0, 1.0),
            (0.01, 1.0),
        ):
            self.serve(retry)
            for chance in (0.0, 0.25, 0.5, 0.999):
                self.hub.streams.jitter = lambda chance=chance: chance
                self.assertAlmostEqual(least * (1 + chance), self.seconds(BROWSER), places=2)

    def test_never_at_once(self) -> None:
        """
        With a reconnection time of 0, a client that is turned away still waits for a second:
        otherwise it would come back at once, again and again.
        """
        self.serve(0.0)
        self.hub.streams.jitter = lambda: 0.0
        self.assertEqual((1, 1), (self.seconds(BROWSER), self.seconds(OTHER)))


class CacheTests(SynchronousTestCase):
    """
    Caches, for answers at the URL of a stream.
    """

    def test_nothing(self) -> None:
        """
        Each answer forbids caches to keep it, because it is for one client only.
        """
        clock = Clock()
        hub = MemoryHub(clock=clock, max_subscribers=1)
        site = Site(SettingHeaders(hub), streams=hub.streams)
        requests = (
            ("/hub", {}, 200),
            ("/hub", {"headers": BROWSER}, 200),  # the hub is full
            ("/hub", {"headers": {"Last-Event-ID": "#end"}}, 204),
            ("/own", {"headers": {"Last-Event-ID": "#end"}}, 204),
            ("/own", {}, 200),
        )
        for path, request, status in requests:
            client = Client(site, clock)
            self.addCleanup(client.close)
            client.request(path, **request)  # type: ignore[arg-type]  # the options of request
            self.assertEqual(status, int(client.head[2:5]))
            self.assertIn(b"\r\ncache-control: no-store", client.head, (path, request))
