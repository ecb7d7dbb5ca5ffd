"""
Closing an event source at any moment leaves no timer, no connection, no pending Deferred and no
later event.

``SourceCase`` checks at the end of each test that nothing is left.
"""

from collections.abc import Callable

from twisted.internet.address import IPv4Address
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IHostnameResolver, IHostResolution, IResolutionReceiver
from zope.interface import implementer

from ssetwist.client import EventSource, ReadyState
from ssetwist.errors import EventSourceClosed
from ssetwist.eventstream import Event
from tests.unit.client.case import (
    HEAD,
    FakeAgent,
    FakeResponse,
    PoliteTransport,
    SourceCase,
    Wire,
    chunk,
    response,
)


@implementer(IHostnameResolver)
class SilentResolver:
    """
    Resolver that finds nothing until the test gives it an address.
    """

    name = "example.com"

    def resolveHostName(  # noqa: N802 (Twisted's name)
        self, receiver: IResolutionReceiver, *_: object, **__: object
    ) -> IHostResolution:
        """
        Begin to resolve.
        """
        self.receiver = receiver
        receiver.resolutionBegan(self)
        return self

    def find(self) -> None:
        """
        Find an address.
        """
        self.receiver.addressResolved(IPv4Address("TCP", "192.0.2.1", 80))
        self.receiver.resolutionComplete()


class CloseCase(SourceCase):
    """
    :ivar called: Calls of hooks.
    """

    def setUp(self) -> None:
        super().setUp()
        self.called: list[object] = []

    def source(self, *args: str, **options: object) -> EventSource:
        """
        Return a source whose hooks are recorded.
        """
        for name in ("on_open", "on_interruption", "on_comment"):
            options[name] = self.recorded(options.get(name))
        return super().source(*args, **options)

    def recorded(self, hook: object) -> Callable[[object], None]:
        """
        Return a hook that records its call, and then calls another hook.
        """

        def call(value: object) -> None:
            self.called.append(value)
            if callable(hook):
                hook(value)

        return call

    def assert_closes(self, source: EventSource) -> None:
        """
        Close the source, and check that every caller that waits gets an answer and that nothing is
        left.
        """
        waiting = [source.next(), source.when_closed()]
        opening = source.when_open() if source.state is ReadyState.CONNECTING else None
        self.called.clear()
        waiting += [source.close(), source.close()]
        self.assertIs(ReadyState.CLOSED, source.state)
        for one in waiting[:2]:
            self.assertIsNone(self.successResultOf(one))
        if opening is not None:
            self.failureResultOf(opening, EventSourceClosed)
        self.turn()
        for one in waiting[2:]:
            self.assertIsNone(self.successResultOf(one))
        self.assertEqual([], self.reactor.getDelayedCalls())
        self.assertEqual([], [wire for wire in self.wires if wire.is_connected])
        self.assert_closed(source)
        self.reactor.advance(1000)
        self.assertEqual([], self.called)

    def assert_closed(self, source: EventSource) -> None:
        """
        Check the answers of a source that has been closed.
        """
        self.failureResultOf(source.when_open(), EventSourceClosed)
        for closed in (source.close(), source.next(), source.when_closed()):
            self.assertIsNone(self.successResultOf(closed))


class ConnectingTests(CloseCase):
    """
    A source is closed while it connects.
    """

    def test_before_it_begins(self) -> None:
        """
        A source may be closed before the reactor turns.
        """
        source = EventSource("http://example.com/", reactor=self.reactor)
        self.assert_closes(source)
        self.assertEqual(0, self.asked())

    def test_fresh_headers(self) -> None:
        """
        Closing cancels the Deferred of fresh headers.
        """
        cancelled: list[object] = []
        self.assert_closes(self.source(fresh_headers=lambda: Deferred(cancelled.append)))
        self.assertEqual(1, len(cancelled))
        self.assertEqual(0, self.asked())

    def test_fresh_headers_coroutine(self) -> None:
        """
        Closing cancels the coroutine of fresh headers.
        """
        cancelled: list[object] = []

        async def headers() -> dict[str, str]:
            await Deferred(cancelled.append)
            return {}

        self.assert_closes(self.source(fresh_headers=headers))
        self.assertEqual(1, len(cancelled))

    def test_stubborn_fresh_headers(self) -> None:
        """
        A coroutine that ignores its cancellation causes no request.
        """
        more: Deferred[None] = Deferred()

        async def headers() -> dict[str, str]:
            try:
                await Deferred()
            except CancelledError:
                await more
            return {}

        self.assert_closes(self.source(fresh_headers=headers))
        more.callback(None)
        self.assertEqual(0, self.asked())

    def test_from_fresh_headers(self) -> None:
        """
        A source that is closed by its hook for fresh headers makes no connection.
        """
        sources: list[EventSource] = []

        def headers() -> dict[str, str]:
            self.assert_closes(sources[0])
            return {}

        async def from_coroutine() -> dict[str, str]:
            await sources[0].close()
            return {}

        def pending() -> "Deferred[dict[str, str]]":
            sources[0].close()
            return Deferred()

        for hook in (headers, from_coroutine, pending):
            sources[:] = [
                EventSource("http://example.com/", reactor=self.reactor, fresh_headers=hook)
            ]
            self.turn()
            self.assertIs(ReadyState.CLOSED, sources[0].state)
            self.assertEqual(0, self.asked())
            self.assert_closes(sources[0])

    def test_dns(self) -> None:
        """
        A source may be closed while it resolves the host; an address that is found later is
        ignored.
        """
        resolver = SilentResolver()
        self.reactor.installNameResolver(resolver)
        self.assert_closes(self.source())
        resolver.find()
        self.turn()
        self.assertEqual(0, self.asked())

    def test_tcp(self) -> None:
        """
        A source may be closed while TCP connects.
        """
        source = self.source()
        self.assert_closes(source)
        [connector] = self.reactor.connectors
        self.assertTrue(connector.stoppedConnecting)

    def test_tls(self) -> None:
        """
        A source may be closed during the TLS handshake.
        """
        source = self.source("https://example.com/")
        wire = self.accept()
        self.assertEqual(b"\x16", wire.request[:1], "a handshake has begun")
        self.assert_closes(source)
        self.assertTrue(wire.is_aborted)

    def test_head(self) -> None:
        """
        A source may be closed before the head of the response, or within it.
        """
        for data in (b"", HEAD[:20]):
            source = self.source()
            wire = self.accept(data)
            self.assert_closes(source)
            self.assertTrue(wire.is_aborted)

    def test_redirect(self) -> None:
        """
        A source may be closed while it follows a redirection.
        """
        source = self.source()
        self.accept(response("302 Found", Location="/other"))
        self.turn()
        self.assertEqual(1, self.asked())
        self.assert_closes(source)

    def test_start_of_body(self) -> None:
        """
        A source may be closed while it reads the start of a body that is not an event stream.
        """
        source = self.source()
        wire = self.accept(b"HTTP/1.1 403 No\r\nContent-Length: 10\r\n\r\nNo")
        self.assert_closes(source)
        self.assertTrue(wire.is_aborted)

    def test_delay(self) -> None:
        """
        A source may be closed while it waits for its next attempt.
        """
        source = self.source()
        self.accept().reset()
        self.reactor.advance(0.5)
        self.assert_closes(source)
        self.assertEqual(0, self.asked())

    def test_from_interruption(self) -> None:
        """
        A source may be closed by ``on_interruption``.
        """
        source = self.source(on_interruption=lambda _: source.close())
        self.accept().reset()
        self.assertIs(ReadyState.CLOSED, source.state)
        self.assert_closes(source)

    def test_from_policy(self) -> None:
        """
        A source may be closed by its policy, whatever the policy returns.
        """
        for verdict in (True, False):
            told: list[object] = []

            def policy(_: object, verdict: bool = verdict) -> bool:
                self.sources[-1].close()
                return verdict

            source = self.source(policy=policy, on_interruption=told.append)
            self.accept().reset()
            self.assertEqual([], told)
            self.assert_closes(source)

    def test_late_response(self) -> None:
        """
        A response from an agent that ignores being cancelled is cut.
        """
        agent = FakeAgent()
        answer: Deferred[FakeResponse] = Deferred()
        late = FakeResponse()

        async def stubborn(*_: object) -> FakeResponse:
            try:
                await Deferred()
            except CancelledError:
                await answer
            return late

        agent.request = lambda *args: Deferred.fromCoroutine(stubborn(*args))
        self.assert_closes(self.source(client=agent))
        answer.callback(None)
        self.assertEqual("abort", late.transport.calls[0])

    def test_late_response_after_timeout(self) -> None:
        """
        A response that comes after ``connect_timeout`` is cut.
        """
        late = FakeResponse()

        async def stubborn(*_: object) -> FakeResponse:
            try:
                await Deferred()
            except CancelledError:
                return late

        agent = FakeAgent()
        agent.request = lambda *args: Deferred.fromCoroutine(stubborn(*args))
        source = self.source(client=agent, connect_timeout=7)
        self.reactor.advance(7)
        self.assertEqual("abort", late.transport.calls[0])
        self.assert_closes(source)


class OpenTests(CloseCase):
    """
    A source is closed while it has a stream.
    """

    def test_open(self) -> None:
        """
        Closing aborts the connection of a quiet stream.
        """
        source, wire = self.open()
        self.assert_closes(source)
        self.assertTrue(wire.is_aborted)

    def test_fires_when_gone(self) -> None:
        """
        The Deferred of ``close`` fires when the connection is gone, and not before.
        """
        source, _ = self.open()
        closed = source.close()
        self.assertNoResult(closed)
        other = source.close()
        other.addErrback(lambda problem: problem.trap(CancelledError)).cancel()
        self.assertNoResult(closed)
        self.turn()
        self.successResultOf(closed)

    def test_drops_waiting_events(self) -> None:
        """
        Events that were not taken are dropped.
        """
        source, _ = self.open(b"data: 1\n\ndata: 2\n\n")
        self.assertEqual([Event("1")], self.taken(source, 1))
        source.close()
        self.assertIsNone(self.successResultOf(source.next()))

    def test_nothing_later(self) -> None:
        """
        Events and comments that come while the connection is being cut are not handed out.
        """
        comments: list[str] = []
        source, wire = self.open(on_comment=comments.append)
        source.close()
        wire.protocol.dataReceived(chunk(b":\ndata: 1\n\n"))
        self.assertIsNone(self.successResultOf(source.next()))
        self.assertEqual([], comments)

    def test_paused(self) -> None:
        """
        A source may be closed while a slow application has paused its stream.
        """
        source, wire = self.open(b"data: 1\n\n" * 1000)
        self.assertTrue(wire.is_paused)
        source.close()
        self.turn()
        self.assertFalse(wire.is_connected)

    def test_from_on_open(self) -> None:
        """
        A source that is closed by ``on_open`` does not read the body.
        """
        source = self.source(on_open=lambda _: source.close())
        opening = source.when_open()
        wire = self.accept(HEAD + b"data: 1\n\n")
        self.failureResultOf(opening, EventSourceClosed)
        self.assertTrue(wire.is_aborted)
        self.assert_closes(source)

    def test_from_when_open(self) -> None:
        """
        A source may be closed by a callback of ``when_open``.
        """
        source = self.source()
        source.when_open().addCallback(lambda _: source.close())
        wire = self.accept(HEAD + b"data: 1\n\n")
        self.assertTrue(wire.is_aborted)
        self.assert_closes(source)

    def test_from_next(self) -> None:
        """
        When a callback of ``next`` closes the source, no other caller gets an event.
        """
        source, wire = self.open()
        got: list[Event | None] = []
        source.next().addCallback(got.append).addCallback(lambda _: source.close())
        source.next().addCallback(got.append)
        wire.send(chunk(b"data: 1\n\ndata: 2\n\n"))
        self.assertEqual([Event("1"), None], got)
        self.assert_closes(source)

    def test_from_comment(self) -> None:
        """
        When ``on_comment`` closes the source, no further comment and no event comes.
        """
        comments: list[str] = []

        def comment(text: str) -> None:
            comments.append(text)
            source.close()

        source, wire = self.open(on_comment=comment)
        following = source.next()
        wire.send(chunk(b": 1\ndata: 1\n\n: 2\n"))
        self.assertEqual(["1"], comments)
        self.assertIsNone(self.successResultOf(following))
        self.assert_closes(source)

    def test_from_handle(self) -> None:
        """
        The function of ``for_each`` may close the source, and may wait for that.
        """
        for waits in (True, False):
            source, wire = self.open()
            got: list[Event] = []

            def handle(event: Event, waits: bool = waits, got: list[Event] = got) -> object:
                got.append(event)
                closed = self.sources[-1].close()
                return closed if waits else None

            done = source.for_each(handle)
            wire.send(chunk(b"data: 1\n\ndata: 2\n\n"))
            self.turn()
            self.assertIsNone(self.successResultOf(done))
            self.assertEqual([Event("1")], got)
            self.assert_closes(source)

    def test_agent_without_abort(self) -> None:
        """
        Closing a source does not wait for a transport that cannot be aborted.
        """
        agent = FakeAgent()
        source = self.source(client=agent)
        answer = FakeResponse(PoliteTransport())
        agent.answers[0].callback(answer)
        self.successResultOf(source.close())
        self.assertEqual("lose", answer.transport.calls[-1])


class ClosedTests(CloseCase):
    """
    A source is closed after it has ended.
    """

    def test_after_204(self) -> None:
        """
        Closing after a 204 changes nothing.
        """
        source = self.source()
        self.accept(b"HTTP/1.1 204 No Content\r\n\r\n")
        self.turn()
        self.assert_closes(source)

    def test_after_failure(self) -> None:
        """
        Closing a failed source drops the failure, if no caller has received it.
        """
        source = self.source(policy=lambda _: False)
        self.accept().reset()
        self.turn()
        self.assertIs(ReadyState.CLOSED, source.state)
        self.successResultOf(source.close())
        self.assertIsNone(self.successResultOf(source.next()))


class LeavingTests(CloseCase):
    """
    A loop over a source is left.
    """

    def leave(self, body: Callable[[Event], object]) -> "tuple[Deferred[list[Event]], Wire]":
        """
        Run a loop over a source, and send it two events.
        """
        source, wire = self.open()
        got: list[Event] = []

        async def loop() -> list[Event]:
            async with source:
                async for event in source:
                    got.append(event)
                    if body(event):
                        break
            return got

        result = Deferred.fromCoroutine(loop())
        wire.send(chunk(b"data: 1\n\ndata: 2\n\n"))
        return result, wire

    def test_break(self) -> None:
        """
        ``break`` closes the source.
        """
        result, wire = self.leave(lambda _: True)
        self.assertNoResult(result)
        self.turn()
        self.assertEqual([Event("1")], self.successResultOf(result))
        self.assertFalse(wire.is_connected)

    def test_exception(self) -> None:
        """
        An exception closes the source.
        """
        result, wire = self.leave(lambda _: 1 / 0)
        self.turn()
        self.failureResultOf(result, ZeroDivisionError)
        self.assertFalse(wire.is_connected)

    def test_cancel(self) -> None:
        """
        Cancelling the loop closes the source.
        """
        result, wire = self.leave(lambda _: False)
        result.cancel()
        self.turn()
        self.failureResultOf(result, CancelledError)
        self.assertFalse(wire.is_connected)
