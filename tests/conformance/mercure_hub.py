"""
A Mercure hub that listens on this machine, and a client that speaks plain HTTP to it.

The hubs run in a thread with a reactor of their own, so a test is a plain function that sends
requests and waits for answers.  Tests with the same options share one hub; they use different
topics, see :func:`a_topic`.
"""

import atexit
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from http.client import HTTPConnection, HTTPMessage, HTTPResponse
from itertools import count
from threading import Thread
from typing import Any
from urllib.parse import quote, urlencode

from twisted.internet.selectreactor import SelectReactor
from twisted.internet.threads import blockingCallFromThread
from twisted.python import threadable
from twisted.trial.unittest import SynchronousTestCase

from ssetwist import HubService
from ssetwist.mercure.rights._rights import Action
from ssetwist.mercure.tokens._mint import Grant, SigningKey, mint_access_token, mint_legacy_token
from ssetwist.server.tap import Options
from tests.conformance.reference import Received, ReferenceReader
from tests.leftovers import shared
from tests.patience import PATIENCE

#: The default path of a hub.
PATH = "/.well-known/mercure"

FORM = {"Content-Type": "application/x-www-form-urlencoded"}

#: The URL in the hubs' options; the audience and the issuer of their tokens.
HUB = f"https://hub.example{PATH}"

#: The secret that signs tokens.
SECRET = b"a secret of thirty-two bytes, and a few more"

#: Options of a hub that accepts these tokens.
KEYS = ("--key=env:SSETWIST_CONFORMANCE_KEY", f"--audience={HUB}")

_numbers = count(1)


def a_topic(beginning: str = "https://example.com/topics/") -> str:
    """
    Return a topic that no other test uses.
    """
    return f"{beginning}{next(_numbers)}"


@dataclass(frozen=True)
class Response:
    """
    A whole response.

    :ivar headers: Header fields by name, in any case.
    """

    status: int
    headers: HTTPMessage
    body: bytes


class Stream:
    """
    A response to a subscriber, while it comes in.

    :ivar head: Its status and headers, and its body unless it is an event stream.
    :ivar raw: All bytes of the body so far.
    :ivar reader: A reader that has read these bytes.
    """

    def __init__(self, connection: HTTPConnection, response: HTTPResponse) -> None:
        self._connection = connection
        self._response = response
        self.reader = ReferenceReader()
        self.raw = b""
        is_stream = response.headers.get_content_type() == "text/event-stream"
        body = b"" if is_stream else response.read()
        self.head = Response(response.status, response.headers, body)

    def next_event(self) -> Received:
        """
        Wait for the next event.
        """
        deadline = time.monotonic() + PATIENCE
        while not self.reader.received:
            if not self._read(deadline):
                raise AssertionError(f"the stream has ended, after {self.raw!r}")
        return self.reader.received.pop(0)

    def next_events(self, number: int) -> list[Received]:
        """
        Wait for the next events, ``number`` of them.
        """
        return [self.next_event() for _ in range(number)]

    def wait_for(self, some: bytes) -> bytes:
        """
        Wait until the body contains some bytes; return the body so far.
        """
        deadline = time.monotonic() + PATIENCE
        while some not in self.raw:
            if not self._read(deadline):
                raise AssertionError(f"the stream has ended, after {self.raw!r}")
        return self.raw

    def read_to_end(self) -> bytes:
        """
        Wait for the end; return the whole body.

        :raises IncompleteRead: If the connection was cut.
        """
        deadline = time.monotonic() + PATIENCE
        while self._read(deadline):
            pass
        return self.raw

    def close(self) -> None:
        """
        Close the connection.
        """
        self._response.close()
        self._connection.close()

    def _read(self, deadline: float) -> bool:
        # With heartbeats a stream is never silent for as long as the socket's timeout.
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {PATIENCE:g} s, after {self.raw!r}")
        some = self._response.read1(65536)
        self.raw += some
        self.reader.read(some)
        return bool(some)


class MercureHub:
    """
    A hub that listens on this machine.

    :ivar service: The hub's service, which lives in another thread.
    :ivar url: Its real URL; its tokens name :data:`HUB` instead.
    """

    def __init__(self, *options: str) -> None:
        os.environ["SSETWIST_CONFORMANCE_KEY"] = SECRET.decode()
        parsed = Options()
        parsed.parseOptions(["--listen=tcp:0:interface=127.0.0.1", *options])
        self.service = HubService(_reactor(), parsed.config)
        self.audience = parsed.config.tokens.audience or HUB
        self.path = parsed.config.mercure.path
        self.port: int = blockingCallFromThread(_reactor(), self._start)
        self.host = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.host}{self.path}"

    def _start(self) -> int:
        self.service.privilegedStartService()
        self.service.startService()
        port: int = self.service.ports[0].getHost().port
        return port

    def stop(self) -> None:
        """
        Stop the hub.
        """
        blockingCallFromThread(_reactor(), self.service.stopService)

    def mint(
        self,
        *,
        publish: Iterable[str | tuple[str, str]] = (),
        subscribe: Iterable[str | tuple[str, str]] = (),
        payload: Any = None,  # any JSON value
        lifetime: float = 3600.0,
        **others: str,
    ) -> str:
        """
        Make a token of 1.0.

        :param publish: Topics, or pairs of a match type and a matcher.
        :param subscribe: The same.
        :param payload: Payload of the grant to subscribe.
        :param lifetime: Seconds until it expires.
        :param others: Other arguments of ``mint_access_token``.
        """
        wanted = (
            (Action.PUBLISH, publish, None),
            (Action.SUBSCRIBE, subscribe, payload),
        )
        grants = [
            Grant(
                action,
                tuple(("exact", one) if isinstance(one, str) else one for one in topics),
                carried,
            )
            for action, topics, carried in wanted
            if topics
        ]
        claims = {"issuer": self.audience, "audience": self.audience, **others}
        now = time.time()
        return mint_access_token(_signing_key(), grants, now=now, lifetime=lifetime, **claims)

    def mint_legacy(
        self,
        *,
        publish: Iterable[str] | None = None,
        subscribe: Iterable[str] | None = None,
        payload: Any = None,  # any JSON value
        lifetime: float | None = 3600.0,
    ) -> str:
        """
        Make a token of 0.x.
        """
        return mint_legacy_token(
            _signing_key(),
            publish=publish,
            subscribe=subscribe,
            payload=payload,
            now=time.time(),
            lifetime=lifetime,
        )

    def request(
        self,
        method: str,
        path: str | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | str | None = None,
        *,
        token: str | None = None,
    ) -> Response:
        """
        Send a request, and wait for the whole response.

        :param path: The path with the query; by default the hub's path.  A path that begins with
            ``?`` is a query for that.
        :param token: A token for the ``Authorization`` header.
        """
        connection, response = self._ask(method, path, headers, body, token)
        try:
            return Response(response.status, response.headers, response.read())
        finally:
            response.close()
            connection.close()

    def publish(
        self,
        fields: Iterable[tuple[str, str]] | Mapping[str, str],
        headers: Mapping[str, str] | None = None,
        *,
        token: str | None = None,
    ) -> Response:
        """
        Publish an update as a form; by default with a token for all topics.
        """
        given = dict(headers or {})
        if token is None and not given:
            token = self.mint(publish=["*"])
        given.setdefault("Content-Type", "application/x-www-form-urlencoded")
        return self.request("POST", None, given, urlencode(fields), token=token)

    def update(self, topic: str, data: str = "", **fields: str) -> str:
        """
        Publish an update that must be accepted; return its id.
        """
        response = self.publish({"topic": topic, "data": data, **fields})
        if response.status != 200:
            raise AssertionError(f"{response.status}: {response.body!r}")
        return response.body.decode()

    def subscribe(
        self,
        query: str | Iterable[tuple[str, str]] | Mapping[str, str],
        headers: Mapping[str, str] | None = None,
        *,
        token: str | None = None,
        method: str = "GET",
        path: str = "",
        body: bytes | str | None = None,
    ) -> Stream:
        """
        Subscribe, and wait for the head of the response, which comes after subscribing.

        :param query: A raw query, or pairs.
        :param path: The path; by default the hub's.
        """
        raw = query if isinstance(query, str) else urlencode(list(_pairs(query)))
        connection, response = self._ask(method, f"{path}?{raw}", headers, body, token)
        return Stream(connection, response)

    def _ask(
        self,
        method: str,
        path: str | None,
        headers: Mapping[str, str] | None,
        body: bytes | str | None,
        token: str | None,
    ) -> tuple[HTTPConnection, HTTPResponse]:
        path = path or ""
        target = path if path.startswith("/") else f"{self.path}{path}"
        sent = dict(headers or {})
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        connection.request(method, target, body, sent)
        return connection, connection.getresponse()


class MercureCase(SynchronousTestCase):
    """
    Tests of hubs; everything that a test opens is closed after it.

    :cvar options: Options of ``self.hub`` besides the keys.
    """

    options: tuple[str, ...] = ("--anonymous", "--subscriptions")

    @property
    def hub(self) -> MercureHub:
        """
        The hub that all tests with these options share.
        """
        return hub(*KEYS, *self.options)

    def fresh_hub(self, *options: str) -> MercureHub:
        """
        Return a new hub, which is stopped after the test.
        """
        made = MercureHub(*options)
        self.addCleanup(made.stop)
        return made

    def open(self, *arguments: Any, **options: Any) -> Stream:  # as MercureHub.subscribe has them
        """
        Subscribe to ``self.hub``; the stream is closed after the test.
        """
        return self.open_at(self.hub, *arguments, **options)

    def open_at(self, at: MercureHub, *arguments: Any, **options: Any) -> Stream:  # the same
        """
        Subscribe to any hub; the stream is closed after the test.
        """
        stream = at.subscribe(*arguments, **options)
        self.addCleanup(stream.close)
        return stream

    def assert_status(self, status: int, response: Response) -> None:
        """
        Check the status of a response; if it differs, show the body.
        """
        self.assertEqual(status, response.status, response.body)


@cache
def hub(*options: str) -> MercureHub:
    """
    Return a running hub, the same one for the same options.
    """
    with shared():
        return MercureHub(*options)


def in_hub_thread(function: Any, *arguments: Any) -> Any:  # any function
    """
    Call a function in the hubs' thread; return its result, or that of its Deferred.
    """
    return blockingCallFromThread(_reactor(), function, *arguments)


def encoded(text: str) -> str:
    """
    Return a text as one segment of a path, or as a value in a query.
    """
    return quote(text, safe="")


def _pairs(query: Iterable[tuple[str, str]] | Mapping[str, str]) -> Iterable[tuple[str, str]]:
    return query.items() if isinstance(query, Mapping) else query


@cache
def _signing_key() -> SigningKey:
    return SigningKey.of(SECRET)


@cache
def _reactor() -> Any:  # several interfaces of Twisted at once
    """
    Return the running reactor of the hubs, which is not the one that trial runs.
    """
    with shared():
        reactor = SelectReactor()
        thread = Thread(target=reactor.run, kwargs={"installSignalHandlers": False}, daemon=True)
        thread.start()
        # Twisted knows only one reactor thread per process.  Without this line, a hub on the
        # process's own reactor would take this thread for it.
        blockingCallFromThread(reactor, setattr, threadable, "ioThread", None)

    def stop() -> None:
        reactor.callFromThread(reactor.stop)
        thread.join(PATIENCE)

    atexit.register(stop)
    return reactor
