"""
Streams over TLS, which has no direct way to the socket.
"""

import contextlib
import socket
import ssl
from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.trial.unittest import SynchronousTestCase

from tests.functional.support import (
    PATIENCE,
    HubProcess,
    hub,
    make_certificate,
    read_to_end,
    read_until,
    wait_until,
)

REQUEST = b"GET /sse HTTP/1.1\r\nHost: localhost\r\n\r\n"


class TLSCase(SynchronousTestCase):
    """
    A certificate, and hubs that listen with it.
    """

    def setUp(self) -> None:
        temporary = TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        folder = Path(temporary.name)
        make_certificate(folder)
        self.listen = (
            f"ssl:port=0:interface=127.0.0.1:privateKey={folder}/key.pem:certKey={folder}/cert.pem"
        )

    def connect(
        self, process: HubProcess, *protocols: str, receive_buffer: int = 0
    ) -> ssl.SSLSocket:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols(list(protocols))
        plain = socket.socket()
        if receive_buffer:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        plain.settimeout(PATIENCE)
        plain.connect((process.host, process.port))
        connection = context.wrap_socket(plain, server_hostname="localhost")
        self.addCleanup(connection.close)
        self.assertEqual("http/1.1", connection.selected_alpn_protocol())
        return connection


class HTTP1Tests(TLSCase):
    """
    HTTP/1.1 over TLS.
    """

    def test_whole_life(self) -> None:
        """
        A client connects, receives events and closes, and the server forgets it.
        """
        with hub("--tick", "0.1", listen=self.listen) as process:
            connection = self.connect(process, "http/1.1")
            connection.sendall(REQUEST)
            received = read_until(connection, b'"subscribers":1}\n\n')
            self.assertIn(b"\r\nContent-Type: text/event-stream\r\n", received)
            connection.close()
            # The client leaves with a session ticket unread, and so with a reset.
            process.wait_for(r"/sse: (client closed|connection lost) after")

    def test_drain(self) -> None:
        """
        A stream gets its last chunk, and a client that never reads does not delay the server.
        """
        with hub(
            *("--tick", "0.001", "--drain-timeout", "3", "--stall-timeout", "1000"),
            listen=self.listen,
        ) as process:
            connection = self.connect(process, "http/1.1")
            connection.sendall(REQUEST)
            read_until(connection, b"event: tick")
            deaf = self.connect(process, "http/1.1")
            deaf.sendall(REQUEST)
            process.process.terminate()
            self.assertTrue(read_to_end(connection).endswith(b"\r\n0\r\n\r\n"))
            self.assertEqual(0, process.wait())

    def test_never_reads_behind_earlier_responses(self) -> None:
        """
        A client that does not read is cut off, even if the responses before a stream fill the
        connection, so that the request for the stream waits.
        """
        with hub(
            "--tick", "0.001", "--stall-timeout", "2", "--heartbeat", "1", listen=self.listen
        ) as process:
            before = process.descriptors()
            connection = self.connect(process, "http/1.1", receive_buffer=4096)
            page = REQUEST.replace(b"/sse", b"/static/console.js")
            connection.sendall(page * 200 + REQUEST)
            process.wait_for("console.js")
            self.assertGreater(process.descriptors(), before)
            wait_until(lambda: process.descriptors() == before, "the connection is closed")

    def test_bytes_after_the_request(self) -> None:
        """
        Bytes after the request end the stream.
        """
        with hub("--tick", "0", listen=self.listen) as process:
            connection = self.connect(process, "http/1.1")
            connection.sendall(REQUEST)
            read_until(connection, b"retry: ")
            # The client may be cut off before it has sent everything.
            with contextlib.suppress(OSError):  # trial claims a bare "suppress"
                connection.sendall(b"x" * 20000)
            process.wait_for("bytes after the request")


class ProtocolTests(TLSCase):
    """
    Protocols that TLS negotiates.
    """

    def test_pitfall_K19_no_http2(self) -> None:
        """
        A client that prefers HTTP/2 is answered in HTTP/1.1.
        """
        with hub("--tick", "0", listen=self.listen) as process:
            connection = self.connect(process, "h2", "http/1.1")
            connection.sendall(REQUEST)
            read_until(connection, b"retry: ")
