"""
Streams over TLS, with HTTP/1.1 and with HTTP/2: there is no straight way to the socket there.
"""

import socket
import ssl
from datetime import datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, Event, ResponseReceived, StreamEnded
from twisted.trial.unittest import SynchronousTestCase

from tests.functional.support import (
    PATIENCE,
    HubProcess,
    hub,
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
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
        now = datetime.now(timezone.utc)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .sign(key, hashes.SHA256())
        )
        pem = serialization.Encoding.PEM
        (folder / "cert.pem").write_bytes(certificate.public_bytes(pem))
        (folder / "key.pem").write_bytes(
            key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        )
        self.listen = (
            f"ssl:port=0:interface=127.0.0.1:privateKey={folder}/key.pem:certKey={folder}/cert.pem"
        )

    def connect(
        self, process: HubProcess, protocol: str, *, receive_buffer: int = 0
    ) -> ssl.SSLSocket:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols([protocol])
        plain = socket.socket()
        if receive_buffer:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        plain.settimeout(PATIENCE)
        plain.connect((process.host, process.port))
        connection = context.wrap_socket(plain, server_hostname="localhost")
        self.addCleanup(connection.close)
        self.assertEqual(protocol, connection.selected_alpn_protocol())
        return connection


class HTTP1Tests(TLSCase):
    """
    HTTP/1.1 over TLS.
    """

    def test_whole_life(self) -> None:
        """
        Connect, hear, close, and be gone.
        """
        with hub("--tick", "0.1", listen=self.listen) as process:
            connection = self.connect(process, "http/1.1")
            connection.sendall(REQUEST)
            received = read_until(connection, b'"subscribers":1}\n\n')
            self.assertIn(b"\r\nContent-Type: text/event-stream\r\n", received)
            connection.close()
            # It leaves with a session ticket unread, and so with a reset.
            process.wait_for(r"/sse: (client closed|connection lost) after")

    def test_drain(self) -> None:
        """
        A stream gets its last chunk, and one that never reads does not keep the server.
        """
        with hub("--tick", "0.001", "--drain-timeout", "3", listen=self.listen) as process:
            connection = self.connect(process, "http/1.1")
            connection.sendall(REQUEST)
            read_until(connection, b"event: tick")
            deaf = self.connect(process, "http/1.1")
            deaf.sendall(REQUEST)
            process.process.terminate()
            self.assertTrue(read_to_end(connection).endswith(b"\r\n0\r\n\r\n"))
            self.assertEqual(0, process.wait(patience=5))

    def test_never_reads_behind_earlier_responses(self) -> None:
        """
        A client is cut, and costs little, also if the connection was full when the stream began.
        """
        with hub(
            "--tick", "0.001", "--stall-timeout", "2", "--heartbeat", "1", listen=self.listen
        ) as process:
            connection = self.connect(process, "http/1.1", receive_buffer=4096)
            page = REQUEST.replace(b"/sse", b"/static/console.js")
            connection.sendall(page * 200 + REQUEST)
            process.wait_for("/sse: (stalled|fell too far behind) after")

    def test_bytes_after_the_request(self) -> None:
        """
        Bytes after the request end the stream.
        """
        with hub("--tick", "0", listen=self.listen) as process:
            connection = self.connect(process, "http/1.1")
            connection.sendall(REQUEST)
            read_until(connection, b"retry: ")
            connection.sendall(b"x" * 20000)
            process.wait_for("bytes after the request")


class HTTP2Client:
    """
    One connection of HTTP/2.
    """

    def __init__(self, connection: ssl.SSLSocket) -> None:
        self.socket = connection
        self.h2 = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self.h2.initiate_connection()
        self.events: list[Event] = []
        self.flush()

    def flush(self) -> None:
        self.socket.sendall(self.h2.data_to_send())

    def get(self, path: str) -> int:
        """
        Ask for something; return the number of the stream.
        """
        stream = self.h2.get_next_available_stream_id()
        head = {":method": "GET", ":path": path, ":scheme": "https", ":authority": "localhost"}
        self.h2.send_headers(stream, list(head.items()), end_stream=True)
        self.flush()
        return stream

    def wait_for(self, kind: type[Event], stream: int, *, acknowledge: bool = True) -> Event:
        """
        Wait for an event of a stream.
        """
        while True:
            for event in self.events:
                if isinstance(event, kind) and event.stream_id == stream:
                    self.events.remove(event)
                    return event
            data = self.socket.recv(65536)
            assert data, "the server closed the connection"
            for event in self.h2.receive_data(data):
                self.events.append(event)
                if isinstance(event, DataReceived) and acknowledge:
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            self.flush()


class HTTP2Tests(TLSCase):
    """
    HTTP/2 over TLS.
    """

    def client(self, process: HubProcess) -> HTTP2Client:
        return HTTP2Client(self.connect(process, "h2"))

    def test_pitfall_K17_reset(self) -> None:
        """
        A stream that the browser closes is gone; the others on the same connection go on.
        """
        with hub("--tick", "0.1", listen=self.listen) as process:
            client = self.client(process)
            first, second = client.get("/sse"), client.get("/sse")
            for stream in (first, second):
                head = client.wait_for(ResponseReceived, stream)
                self.assertIn(("content-type", "text/event-stream"), head.headers)
                self.assertIn(b"retry: ", client.wait_for(DataReceived, stream).data)
            client.h2.reset_stream(first, ErrorCodes.CANCEL)
            client.flush()
            process.wait_for(r"/sse: client closed after")
            while b'"subscribers":1}' not in client.wait_for(DataReceived, second).data:
                pass
            client.socket.close()
            process.wait_for(r"(?s)/sse: client closed .*/sse: (client closed|connection lost)")

    def test_drain(self) -> None:
        """
        Each stream ends properly when the server stops.
        """
        with hub("--tick", "0", listen=self.listen) as process:
            client = self.client(process)
            streams = [client.get("/sse") for _ in range(3)]
            for stream in streams:
                client.wait_for(DataReceived, stream)
            process.process.terminate()
            for stream in streams:
                client.wait_for(StreamEnded, stream)
            client.socket.close()
            self.assertEqual(0, process.wait())

    def test_pitfall_K16_K19_never_reads(self) -> None:
        """
        A stream whose window stays closed is cut as stalled; what waits for it is bounded, and the
        other streams and the server go on.
        """
        with hub(
            "--tick", "0.001", "--stall-timeout", "2", "--heartbeat", "5", listen=self.listen
        ) as process:
            client = self.client(process)
            stream = client.get("/sse")
            reading = client.get("/sse")
            client.wait_for(ResponseReceived, reading, acknowledge=False)
            began = process.memory()

            def is_cut() -> bool:
                # Read, so that TCP is not what blocks, and open only the other stream's window.
                event = client.wait_for(DataReceived, reading, acknowledge=False)
                length = event.flow_controlled_length
                client.h2.increment_flow_control_window(length, reading)
                client.flush()
                client.h2.increment_flow_control_window(length * 2)
                return "stalled after" in process.read_log()

            wait_until(is_cut, "the stream is cut", PATIENCE)
            self.assertLess(process.memory() - began, 4 << 20)
            client.wait_for(DataReceived, reading, acknowledge=False)
            self.assertNotIn("Traceback", process.read_log())
            self.assertNotEqual(stream, reading)
