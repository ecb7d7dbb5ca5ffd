"""
The last bytes of a stream: nothing overtakes them, and a client that does not take them is cut in
the end.
"""

from twisted.logger import capturedLogs

from ssetwist.hub import EndReason
from ssetwist.hub.outlets import NOT_SENT, Chunk
from ssetwist.web._waiting import MAX_WAITING
from ssetwist.web.opening import RequestOutlet
from ssetwist.web.site._connection import CLOSE_TIMEOUT
from tests.memory import Client, SocketClient, dechunk
from tests.unit.web.case import ONE, TWO, OutletCase, SocketCase, WrappedClient, take_short_cut


class WriteAfterEndTests(SocketCase):
    """
    Writing to a stream while its end is on the way.
    """

    def test_goes_nowhere(self) -> None:
        """
        A write after the end is dropped, even in the callback that reports the end, and never asks
        the writer to wait.  The client gets the last bytes and the end of the response.
        """
        for room in (0, 1, 20, 1000):
            with self.subTest(room=room):
                client, outlet = self.connect()
                writes: list[object] = []

                def write(outlet: RequestOutlet = outlet, writes: list[object] = writes) -> None:
                    writes.append(outlet.write(Chunk(b"data: late\n\n", 1)))
                    late = Chunk(b"data: late\n\n", 1)
                    writes.append(take_short_cut(outlet, late))
                    writes.append(outlet.settle(late, NOT_SENT))

                self.resource.writers[-1].on_end = lambda reason, write=write: write()
                outlet.write(Chunk(ONE, 1))
                client.socket.room = room
                outlet.end(EndReason.FINISHED, last_words=TWO)
                write()
                client.read_again()
                write()
                self.assertEqual([True, NOT_SENT, True] * 3, writes)
                _, _, body = client.received.partition(b"\r\n\r\n")
                self.assertTrue(body.endswith(b"\r\n0\r\n\r\n"), body)
                self.assertEqual(b":\n" + ONE + TWO, dechunk(body))


class LastChunkTests(OutletCase):
    """
    The last chunk of a stream that does not write to the socket itself.
    """

    make_client = WrappedClient

    def test_is_waited_for(self) -> None:
        """
        A client that does not take the last chunk is cut at the stall time-out; after that nothing
        holds the stream.
        """
        client, outlet = self.connect()
        client.stop_reading()
        outlet.end(EndReason.FINISHED)
        self.assertEqual(([EndReason.FINISHED], 1), (self.resource.ended, len(self.streams)))
        self.pass_time(19)
        self.assertEqual((False, 1), (client.transport.is_aborted, len(self.streams)))
        self.pass_time(5)
        self.assertTrue(client.transport.is_aborted)
        self.assert_ended(EndReason.FINISHED, outlet)

    def test_behind(self) -> None:
        """
        A write that the connection does not take whole says that there is no more room.
        """
        client, outlet = self.connect()
        self.assertTrue(outlet.write(Chunk(ONE, 1)))
        client.stop_reading()
        self.assertFalse(outlet.write(Chunk(10_000 * b":", 1)))

    def test_slow_client(self) -> None:
        """
        A client that takes the last chunk late gets everything, and then the connection is closed.
        """
        client, outlet = self.connect()
        client.stop_reading()
        outlet.write(Chunk(ONE, 1))
        outlet.end(EndReason.FINISHED, last_words=TWO)
        self.pass_time(10)
        client.read_again()
        client.transport.work()
        _, _, body = client.received.partition(b"\r\n\r\n")
        self.assertTrue(body.endswith(b"\r\n0\r\n\r\n"), body)
        self.assertEqual(b":\n" + ONE + TWO, dechunk(body))
        self.clock.advance(0)
        self.assertEqual(
            (False, False), (client.transport.is_connected, client.transport.is_aborted)
        )
        self.assert_ended(EndReason.FINISHED, outlet)


class ServerEndsTests(OutletCase):
    """
    Streams that the server ends.
    """

    def test_cleanly(self) -> None:
        """
        The last bytes and the last chunk are sent, and the connection is closed, as the head has
        announced.
        """
        client, outlet = self.connect()
        outlet.end(EndReason.DRAINING, last_words=b"retry: 1\n")
        self.assertEqual(b":\nretry: 1\n", client.body)
        self.assertTrue(client.is_complete)
        self.assert_ended(EndReason.DRAINING, outlet)
        self.assertIn(b"\r\nconnection: close", client.head)
        self.clock.advance(0)
        self.assertFalse(client.transport.is_connected)
        self.assertFalse(client.transport.is_aborted)

    def test_before_the_end(self) -> None:
        """
        The writer may write once more before the end: these bytes precede the last words, and are
        counted.
        """
        client, outlet = self.connect()
        (writer,) = self.resource.writers
        writer.last = lambda: outlet.write(Chunk(ONE, 1))
        with capturedLogs() as logged:
            outlet.end(EndReason.DRAINING, last_words=b"retry: 1\n")
        self.assertEqual(b":\n" + ONE + b"retry: 1\n", client.body)
        self.assertEqual(["before the end", EndReason.DRAINING], writer.told)
        self.assertEqual([1], [each["events"] for each in logged if "reason" in each])
        self.assertTrue(client.is_complete)

    def test_before_the_end_while_behind(self) -> None:
        """
        While a client is behind, the last write of the writer follows the bytes that wait.
        """
        client, outlet = self.connect()
        (writer,) = self.resource.writers
        writer.last = lambda: outlet.write(Chunk(TWO, 1))
        client.stop_reading()
        outlet.write(Chunk(ONE, 1))
        outlet.end(EndReason.DRAINING, last_words=b"retry: 1\n")
        client.read_again()
        self.assertEqual(b":\n" + ONE + TWO + b"retry: 1\n", client.body)

    def test_before_the_end_too_much(self) -> None:
        """
        If the last write of the writer is too large, the stream is cut, and ends once.
        """
        client, outlet = self.connect()
        (writer,) = self.resource.writers
        client.stop_reading()
        outlet.write(Chunk(ONE, 1))
        writer.last = lambda: outlet.write(Chunk(b"x" * MAX_WAITING, 1))
        outlet.end(EndReason.DRAINING)
        self.assert_ended(EndReason.FELL_BEHIND, outlet)
        self.assertTrue(client.transport.is_aborted)
        self.clock.advance(0)

    def test_no_last_moment(self) -> None:
        """
        A writer cannot write once more if the stream is cut or the client has gone.
        """
        _, first = self.connect()
        client, _ = self.connect()
        first.abort(EndReason.STALLED)
        client.close()
        told = [writer.told for writer in self.resource.writers]
        self.assertEqual([[EndReason.STALLED], [EndReason.CLIENT_CLOSED]], told)
        self.clock.advance(0)

    def test_bytes_after_the_end(self) -> None:
        """
        Bytes that come after the end of a stream are ignored and not kept.
        """
        client, outlet = self.connect()
        outlet.end(EndReason.FINISHED)
        client.request("/plain")
        self.assertEqual(1, client.received.count(b"HTTP/1.1"))
        self.assertEqual([], client.transport.protocol._dataBuffer)
        self.assert_ended(EndReason.FINISHED, outlet)

    def test_behind(self) -> None:
        """
        Bytes that wait precede the last bytes; the writer is told about the end at once, not when
        all bytes have left.
        """
        client, outlet = self.connect()
        client.stop_reading()
        outlet.write(Chunk(ONE, 1))
        outlet.end(EndReason.DRAINING, last_words=b"retry: 1\n")
        self.assertEqual([EndReason.DRAINING], self.resource.ended)
        self.assertEqual(b":\n", client.body)
        client.read_again()
        self.assertEqual(b":\ndata: 1\n\nretry: 1\n", client.body)
        self.assertTrue(client.is_complete)
        self.assert_ended(EndReason.DRAINING, outlet)

    def test_pitfall_K12_never_reads_after_the_end(self) -> None:
        """
        A client that does not take its last bytes is cut at the stall time-out, and the writer is
        told about the end only once.
        """
        for headers in ({}, {"Connection": "close"}):
            self.resource.writers.clear()
            client, outlet = self.connect(headers=headers)
            client.stop_reading()
            outlet.end(EndReason.DRAINING)
            self.pass_time(18)
            self.assertFalse(client.transport.is_aborted)
            self.pass_time(6)
            self.assertTrue(client.transport.is_aborted)
            self.assert_ended(EndReason.DRAINING, outlet)

    def test_connection_close(self) -> None:
        """
        A client that asks for ``Connection: close`` gets the last chunk, then the end of the
        connection.
        """
        client, outlet = self.connect(headers={"Connection": "close"})
        outlet.end(EndReason.FINISHED)
        self.assertTrue(client.is_complete)
        self.clock.advance(0)
        self.assertFalse(client.transport.is_connected)

    def test_never_closes(self) -> None:
        """
        A client that keeps its connection open, as is possible with TLS, is cut after a time.
        """
        client, outlet = self.connect()
        client.transport.loseConnection = lambda: None  # type: ignore[method-assign]
        outlet.end(EndReason.FINISHED)
        self.clock.advance(CLOSE_TIMEOUT - 1)
        self.assertFalse(client.transport.is_aborted)
        self.clock.advance(1)
        self.assertTrue(client.transport.is_aborted)
        self.clock.advance(0)

    def test_incomplete(self) -> None:
        """
        A response that is broken off ends without the last chunk, after everything that was
        written.
        """
        client, outlet = self.connect()
        outlet.write(Chunk(ONE, 1))
        outlet.end(EndReason.SOURCE_FAILED, is_complete=False)
        self.clock.advance(0)
        self.assertFalse(client.transport.is_connected)
        self.assertFalse(client.transport.is_aborted)  # which would throw away what has not left
        self.assertEqual(b":\ndata: 1\n\n", client.body)
        self.assertFalse(client.is_complete)

    def test_at_once(self) -> None:
        """
        Aborting cuts the connection, and ends the stream in the same turn.
        """
        client, outlet = self.connect()
        outlet.abort(EndReason.ENDED_BY_APPLICATION)
        self.assert_ended(EndReason.ENDED_BY_APPLICATION, outlet)
        self.assertTrue(client.transport.is_aborted)
        self.clock.advance(0)

    def test_abort_while_closing(self) -> None:
        """
        Aborting cuts a stream while its last bytes are on their way.
        """
        client, outlet = self.connect()
        client.stop_reading()
        outlet.end(EndReason.FINISHED)
        outlet.abort(EndReason.STALLED)
        self.assertTrue(client.transport.is_aborted)
        self.assert_ended(EndReason.FINISHED, outlet)
        self.clock.advance(0)

    def test_abort_by_the_writer(self) -> None:
        """
        A writer that is told about a proper end may still cut the connection.
        """
        client, outlet = self.connect()
        self.resource.writers[0].on_end = lambda reason: outlet.abort(reason)
        outlet.end(EndReason.FINISHED, last_words=b"retry: 1\n")
        self.assertTrue(client.transport.is_aborted)
        self.assertEqual(b":\n", client.body)
        self.clock.advance(0)

    def test_application_is_told_first(self) -> None:
        """
        An application that hears of the client's end before the stream does may end the stream.
        """
        for make_client in (Client, SocketClient, WrappedClient):
            for version in ("1.0", "1.1"):
                with self.subTest(client=make_client.__name__, version=version):
                    self.setUp()
                    self.make_client = make_client
                    self.resource.on_request = lambda request: request.notifyFinish().addErrback(
                        lambda _: self.resource.outlets[-1].end(EndReason.FINISHED, last_words=TWO)
                    )
                    client, outlet = self.connect(version=version)
                    self.resource.writers[-1].last = lambda outlet=outlet: outlet.write(Chunk(ONE))
                    client.close()
                    self.assertEqual([], self.flushLoggedErrors())
                    self.assert_ended(EndReason.FINISHED, outlet)

    def test_finished_behind_our_back(self) -> None:
        """
        If the application finishes the request itself, the stream ends without an error.
        """
        _, outlet = self.connect()
        outlet._request.finish()
        self.assertEqual(1, len(self.flushLoggedErrors(RuntimeError)))  # Twisted's own, K9
        self.assert_ended(EndReason.ENDED_BY_APPLICATION, outlet)

    def test_log_line(self) -> None:
        """
        The line about the end counts all bytes of the stream, also those that still wait.
        """
        client, outlet = self.connect()
        outlet.write(Chunk(ONE, 1))
        client.stop_reading()
        outlet.write(Chunk(TWO, 1))
        with capturedLogs() as logged:
            outlet.end(EndReason.FINISHED, last_words=TWO)
        [line] = [event for event in logged if "bytes" in event]
        self.assertEqual((2, len(b":\n" + ONE + TWO + TWO)), (line["events"], line["bytes"]))

    def test_access_log(self) -> None:
        """
        The access log counts the bytes of a stream that the server ends, as for any response.
        """
        logged: list[int] = []
        self.site.log = lambda request: logged.append(request.sentLength)
        _, outlet = self.connect()
        outlet.write(Chunk(ONE, 1))
        outlet.end(EndReason.FINISHED)
        self.assertEqual([11], logged)
