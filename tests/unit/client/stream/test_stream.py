"""
Body of one response, from bytes to events.
"""

from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone, ResponseFailed
from twisted.web.http import PotentialDataLoss

from ssetwist.client.stream._stream import Stream
from ssetwist.errors import Disconnected, EventTooLarge
from ssetwist.eventstream import Event, EventStreamParser
from tests.unit.client.case import FakeResponse, FakeTransport, PoliteTransport
from tests.unit.client.stream.case import StreamCase, event


class CutTests(StreamCase):
    """
    Ends of a body without a length.
    """

    def test_cut(self) -> None:
        """
        If the connection knows that it was cut, the end is not a clean one; by default it is.
        """
        for connection, is_clean in (
            (FakeTransport(), True),
            (CutTransport(was_cut=False), True),
            (CutTransport(was_cut=True), False),
        ):
            self.ended.clear()
            stream = self.begin(FakeResponse(connection))
            stream.connectionLost(Failure(PotentialDataLoss()))
            [end] = self.ended
            assert isinstance(end, Disconnected)
            self.assertIs(is_clean, end.is_clean)


class CutTransport(FakeTransport):
    """
    Transport that knows if it was cut.
    """

    def __init__(self, *, was_cut: bool) -> None:
        super().__init__()
        self.was_cut = was_cut


class ReadingTests(StreamCase):
    """
    Reading: bytes become events.
    """

    def test_pieces(self) -> None:
        """
        Events arrive with the piece that completes them.
        """
        stream = self.begin()
        stream.dataReceived(b"data: 1\n\ndata: 2\n")
        self.assertEqual(["1"], self.arrived)
        stream.dataReceived(b"\nda")
        self.assertEqual(["1", "2"], self.arrived)
        self.assertEqual([], self.calls)
        stream.close()

    def test_clean_end(self) -> None:
        """
        A proper end of the response ends the stream, and an unfinished event is dropped.
        """
        self.begin().dataReceived(b"data: 1\n\ndata: 2\n")
        self.lose(ResponseDone())
        self.assertTrue(self.assert_problem(Disconnected, "the server has ended").is_clean)
        self.assertEqual(["1"], self.arrived)

    def test_broken_end(self) -> None:
        """
        A lost connection ends the stream with another reason.
        """
        self.begin()
        self.lose(ResponseFailed([Failure(ConnectionLost())]))
        self.assertFalse(self.assert_problem(Disconnected, "was lost: Connection to").is_clean)

    def test_whole_body_at_once(self) -> None:
        """
        A body that is complete before the stream begins is read, and ended, within ``begin``.
        """
        response = FakeResponse()

        def deliver(protocol: Stream) -> None:
            protocol.makeConnection(response.transport)
            protocol.dataReceived(event(1))
            protocol.connectionLost(Failure(ResponseDone()))

        response.deliverBody = deliver
        self.make(response).begin()
        self.assertEqual(["1"], self.arrived)
        self.assert_problem(Disconnected, "the server has ended")
        self.successResultOf(self.stream.close())

    def test_read_by_others(self) -> None:
        """
        A body that other code reads is an error, and leaves no timer.
        """
        response = FakeResponse()

        def deliver(_: Stream) -> None:
            raise RuntimeError

        response.deliverBody = deliver
        self.assertRaises(RuntimeError, self.make(response, silence_timeout=10).begin)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_too_large(self) -> None:
        """
        A line that is too long ends the stream after the events before it, and cuts the connection.
        """
        self.begin(max_line=10).dataReceived(event(1) + b"data: " + b"x" * 100)
        self.assertEqual(["1"], self.arrived)
        self.assert_problem(EventTooLarge, "10")
        self.assertEqual(["abort"], self.calls)


class PauseTests(StreamCase):
    """
    Backpressure.
    """

    def test_pause(self) -> None:
        """
        Pausing and resuming the stream pauses and resumes its transport; resuming twice counts
        once.
        """
        stream = self.begin()
        stream.pause()
        self.assertEqual(["pause"], self.calls)
        stream.resume()
        stream.resume()
        self.assertEqual(["pause", "resume"], self.calls)
        stream.close()

    def test_holds(self) -> None:
        """
        Bytes that come during a pause are held, and the transport is paused again, because other
        code must have resumed it.  Held bytes are read first.
        """
        stream = self.begin()
        stream.pause()
        stream.dataReceived(event(1))
        stream.dataReceived(event(2))
        self.assertEqual([], self.arrived)
        self.assertEqual(["pause"] * 3, self.calls)
        stream.resume()
        self.assertEqual(["1", "2"], self.arrived)
        self.assertEqual("resume", self.calls[-1])
        stream.close()

    def test_piece_by_piece(self) -> None:
        """
        A stream that is paused after each piece reads one held piece for each ``resume``.
        """
        self.pauses_after = 1
        stream = self.begin()
        for number in range(3):
            stream.dataReceived(event(number))
        self.assertEqual(["0"], self.arrived)
        stream.resume()
        self.assertEqual(["0", "1"], self.arrived)
        self.assertNotIn("resume", self.calls)
        stream.resume()
        stream.resume()
        self.assertEqual(["0", "1", "2"], self.arrived)
        stream.close()

    def test_paused_by_first_bytes(self) -> None:
        """
        A stream that its first bytes have paused stays paused, although the response then resumes
        the transport.
        """
        self.pauses_after = 1
        self.make(FakeResponse(first=[event(1)])).begin()
        self.assertEqual(["pause", "resume", "pause"], self.calls)
        self.stream.close()

    def test_paused_before(self) -> None:
        """
        A stream may be paused before it begins.
        """
        stream = self.make(FakeResponse(first=[event(1)]))
        stream.pause()
        stream.begin()
        self.assertEqual([], self.arrived)
        self.assertEqual("pause", self.calls[-1])
        stream.resume()
        self.assertEqual(["1"], self.arrived)
        stream.close()

    def test_end_waits(self) -> None:
        """
        An end that comes during a pause is reported after the held bytes.
        """
        stream = self.begin()
        stream.pause()
        stream.dataReceived(event(1))
        self.lose(ResponseDone())
        self.assertEqual([], self.ended)
        stream.resume()
        self.assertEqual(["1"], self.arrived)
        self.assert_problem(Disconnected, "the server has ended")

    def test_paused_after_the_end(self) -> None:
        """
        The transport is left alone after the end of the body, even if held events pause the stream.
        """
        stream = self.begin()
        stream.pause()
        stream.dataReceived(event(1))
        stream.dataReceived(event(2))
        self.lose(ResponseDone())
        self.calls.clear()
        self.pauses_after = 1
        stream.resume()
        self.assertEqual((["1"], []), (self.arrived, self.ended))
        stream.resume()
        self.assertEqual((["1", "2"], []), (self.arrived, self.ended))
        stream.resume()
        self.assertEqual(1, len(self.ended))
        self.assertEqual([], self.calls)

    def test_closed_after_waiting_end(self) -> None:
        """
        A stream that has ended during a pause can be closed; there is nothing to cut.
        """
        stream = self.begin()
        stream.pause()
        self.lose(ResponseDone())
        self.successResultOf(stream.close())
        self.assertEqual(["pause"], self.calls)
        self.assertEqual([], self.ended)

    def test_goes_on_after_an_error(self) -> None:
        """
        After an exception of ``arrived``, which the transport gets, the stream still takes its end.
        """
        stream = self.begin()

        def arrive(_: list[Event]) -> None:
            raise KeyError

        stream._arrived = arrive
        self.assertRaises(KeyError, stream.dataReceived, event(1))
        self.lose(ConnectionLost())
        self.assert_problem(Disconnected, "was lost")

    def test_resumed_from_within(self) -> None:
        """
        Pausing and resuming from within ``arrived`` loses nothing and does not deepen the stack.
        """
        stream = self.begin()
        stream.pause()
        for number in range(3000):
            stream.dataReceived(event(number))

        def arrive(events: list[Event]) -> None:
            stream.pause()
            self.arrived.extend(event.data for event in events)
            stream.resume()

        stream._arrived = arrive
        stream.resume()
        self.assertEqual([str(number) for number in range(3000)], self.arrived)
        self.assertEqual("resume", self.calls[-1])
        stream.close()


class SilenceTests(StreamCase):
    """
    Silence of the connection.
    """

    def begin_listening(self, response: FakeResponse | None = None) -> Stream:
        return self.begin(response, silence_timeout=10)

    def test_silence(self) -> None:
        """
        A silent connection is cut, once.
        """
        self.begin_listening()
        self.clock.pump([1] * 20)
        self.assert_problem(Disconnected, "nothing came for 10 s")
        self.assertEqual(["abort"], self.calls)

    def test_comments(self) -> None:
        """
        Any byte, even of a comment, ends the silence.
        """
        stream = self.begin_listening()
        for _ in range(10):
            self.clock.advance(9)
            stream.dataReceived(b":")
        self.clock.advance(9)
        self.assertEqual([], self.ended)
        stream.close()

    def test_pause_is_not_silence(self) -> None:
        """
        A pause does not count as silence; the time begins anew after it.
        """
        stream = self.begin_listening()
        self.clock.advance(9)
        stream.pause()
        self.clock.pump([10] * 10)
        stream.resume()
        self.clock.advance(9)
        self.assertEqual([], self.ended)
        self.clock.advance(1)
        self.assert_problem(Disconnected, "nothing came")

    def test_paused_before(self) -> None:
        """
        A stream that is paused before it begins has no timer for silence.
        """
        stream = self.make(silence_timeout=10)
        stream.pause()
        stream.begin()
        self.assertEqual([], self.clock.getDelayedCalls())
        stream.close()

    def test_end(self) -> None:
        """
        The timer stops when the stream ends.
        """
        self.begin_listening()
        self.lose(ResponseDone())
        self.assertEqual([], self.clock.getDelayedCalls())


class CloseTests(StreamCase):
    """
    Closing a stream.
    """

    def test_open(self) -> None:
        """
        Closing cuts the connection.  Each caller gets an answer when it is gone.
        """
        stream = self.begin()
        closed = [stream.close(), stream.close()]
        self.assertEqual(["abort"], self.calls)
        closed[0].addErrback(lambda _: None).cancel()
        self.assertNoResult(closed[1])
        self.lose(ConnectionLost())
        self.successResultOf(closed[1])
        self.successResultOf(stream.close())
        self.assertEqual([], self.ended)

    def test_before_it_begins(self) -> None:
        """
        A stream that is closed before it begins cuts the connection without reading a byte.
        """
        stream = self.make(FakeResponse(first=[event(1)]))
        closed = stream.close()
        self.assertEqual("abort", self.calls[0])
        stream.begin()
        self.lose(ConnectionLost())
        self.successResultOf(closed)
        self.assertEqual([], self.arrived)

    def test_from_within(self) -> None:
        """
        After a close from within ``arrived``, neither an event nor an end is reported.
        """
        stream = self.make(FakeResponse(first=[event(1), event(2)]), max_line=10)

        def arrive(events: list[Event]) -> None:
            self.arrived.append(events[0].data)
            stream.close()

        stream._arrived = arrive
        stream.begin()
        stream.dataReceived(event(3) + b"x" * 100)
        self.assertEqual(["1"], self.arrived)
        self.assertEqual([], self.ended)
        self.assertEqual("abort", self.calls[0])

    def test_from_within_before_an_error(self) -> None:
        """
        If an event closes the stream, an error later in the same piece is not reported.
        """
        stream = self.make(max_line=10)
        stream._arrived = lambda _: stream.close()
        stream.begin()
        stream.dataReceived(event(1) + b"x" * 100)
        self.assertEqual([], self.ended)

    def test_lost_at_once(self) -> None:
        """
        A transport may lose its connection within the call that cuts it.
        """
        stream = self.make(FakeResponse(PoliteTransport()))
        stream.begin()
        self.response.transport.loseConnection = lambda: self.lose(ConnectionLost())
        self.successResultOf(stream.close())
        self.assertEqual([], self.ended)

    def test_from_comment(self) -> None:
        """
        After a close from within a comment the events of the same piece do not arrive.
        """
        stream = self.make()
        stream._parser = EventStreamParser(on_comment=lambda _: stream.close())
        stream.begin()
        stream.dataReceived(event(1) + b":\n" + event(2))
        self.assertEqual([], self.arrived)

    def test_cannot_abort(self) -> None:
        """
        A transport that cannot be aborted is closed politely, and the close does not wait for it.
        """
        stream = self.begin(FakeResponse(PoliteTransport()))
        self.successResultOf(stream.close())
        self.assertEqual(["lose"], self.calls)
        self.lose(ConnectionLost())
        self.assertEqual([], self.ended)

    def test_paused(self) -> None:
        """
        A paused stream is cut like any other.
        """
        stream = self.begin(silence_timeout=10)
        stream.pause()
        stream.dataReceived(event(1))
        stream.close()
        stream.resume()
        self.assertEqual("abort", self.calls[-1])
        self.assertEqual([], self.arrived)
