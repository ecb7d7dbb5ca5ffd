"""
An application with faults, as a process of its own: it raises, hangs, or never waits, and everyone
else is served as before.
"""

import signal
import socket
import subprocess
import sys
import time
from tempfile import TemporaryFile
from threading import Thread
from unittest import TestCase
from urllib.request import urlopen

from tests.functional.faulty_app import BURST, TIMEOUT
from tests.functional.support import PATIENCE, ROOT, read_until, wait_until

#: Milliseconds of the longest turn.  Usual are 20; without the rule that is tested, 300 and more.
LONGEST_TURN = 100


class FaultTests(TestCase):
    """
    Faults, one after the other.
    """

    def setUp(self) -> None:
        self.log = self.enterContext(TemporaryFile()) if hasattr(self, "enterContext") else None
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.functional.faulty_app"],
            stdout=subprocess.PIPE,
            stderr=self.log,
            cwd=ROOT,
            text=True,
        )
        self.addCleanup(self.end_process)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())
        self.clients: list[socket.socket] = []

    def end_process(self) -> None:
        for client in self.clients:
            client.close()
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def connect(self, path: str, method: str = "GET", *, version: str = "1.1") -> socket.socket:
        """
        Send a request.
        """
        client = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
        self.clients.append(client)
        lines = (f"{method} {path} HTTP/{version}", "Host: localhost", "Content-Length: 0", "", "")
        client.sendall("\r\n".join(lines).encode())
        return client

    def get(self, path: str) -> str:
        with urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=PATIENCE) as response:
            return response.read().decode()

    def counts(self) -> tuple[int, int]:
        """
        Return the numbers of connections and of subscribers.
        """
        connections, subscribers, _ = self.get("/counts").split()
        return int(connections), int(subscribers)

    def cpu(self) -> float:
        return float(self.get("/counts").split()[2])

    def assert_stops(self) -> None:
        """
        Assert that the process drains and ends in its time.
        """
        self.process.send_signal(signal.SIGTERM)
        output, _ = self.process.communicate(timeout=PATIENCE)
        self.assertEqual(("drained\n", 0), (output, self.process.returncode))

    def test_callback_leaves(self) -> None:
        """
        A callback that raises ``SystemExit`` ends neither the process nor anyone's stream: clients
        that go are forgotten, and a drain ends.
        """
        clients = [self.connect("/leaves") for _ in range(3)]
        for client in clients:
            read_until(client, b"retry: ")
        clients[0].close()
        wait_until(lambda: self.counts() == (2, 2), "the client is forgotten")
        self.assert_stops()

    def test_authorizers(self) -> None:
        """
        An authorizer that never answers, or answers with rights without a sensible end, denies.
        """
        for path in ("/silent?match=news", "/for-ever?match=news", "/never"):
            client = self.connect(path)
            answer = read_until(client, b"try again later.\n")
            self.assertEqual(b"503", answer.split()[1], path)
            client.close()
        for path in ("/silent", "/for-ever"):
            answer = read_until(self.connect(path, "POST"), b"try again later.\n")
            self.assertEqual(b"503", answer.split()[1], path)
        self.assertEqual(0, self.counts()[1])
        self.assert_stops()

    def test_logs(self) -> None:
        """
        A subscriber is cut if the log gives nothing again and again, or does not answer in time;
        meanwhile the process has nothing to do.
        """
        for path in ("/empty-log", "/silent-log"):
            client = self.connect(f"{path}?from=earliest")
            self.assertNotIn(b"kept", self.read_until_cut(client))
            client.close()
        self.assertEqual(0, self.counts()[1])
        self.assert_stops()

    def read_until_cut(self, client: socket.socket) -> bytes:
        """
        Read until the connection breaks.
        """
        received = b""
        try:
            while some := client.recv(65536):
                received += some
        except ConnectionResetError:
            pass
        return received

    def test_source_that_hangs(self) -> None:
        """
        If a source hangs in its ``aclose``, the stream ends properly after its time.
        """
        begin = time.monotonic()
        received = read_until(self.connect("/source/hangs"), b"\r\n0\r\n\r\n")
        self.assertGreater(time.monotonic() - begin, 0.9 * TIMEOUT)
        self.assertIn(b"data: only\n", received)
        self.assert_stops()

    def test_sources_that_never_wait(self) -> None:
        """
        Three hundred sources that never wait leave the others their turns.
        """
        for name in ("iterator", "generator"):
            self.read_all([self.connect(f"/source/{name}") for _ in range(300)])
            self.get("/turns")
            for _ in range(10):
                time.sleep(0.1)  # in which they go on
                self.assertLess(int(self.get("/turns")), LONGEST_TURN)
            for client in self.clients:
                client.close()
            wait_until(lambda: self.counts()[0] == 0, "all are forgotten")
        self.assert_stops()

    def test_burst(self) -> None:
        """
        Ten thousand events that one function has published go to a hundred clients in turns, and
        nobody misses one.
        """
        # HTTP/1.0 has no chunks, which may begin in the middle of the text that is counted.
        clients = [self.connect("/events", version="1.0") for _ in range(100)]
        for client in clients:
            read_until(client, b"retry: ")
        counts = self.read_all(clients)
        self.get("/turns")
        read_until(self.connect("/burst", "POST"), b"published")
        self.get("/turns")  # what came before the end of that function
        longest = []

        def is_done() -> bool:
            longest.append(int(self.get("/turns")))
            return all(count == BURST for count in counts)

        wait_until(is_done, "all have all events")
        self.assertLess(max(longest), LONGEST_TURN)
        self.assert_stops()

    def read_all(self, clients: list[socket.socket]) -> list[int]:
        """
        Read from clients in a thread of their own, as fast as possible; return the numbers of
        events that each has got, which grow.
        """
        counts = [0] * len(clients)
        ends = [b""] * len(clients)  # what may be the begin of the next

        def read(numbers: range) -> None:
            for number in numbers:
                clients[number].setblocking(False)
            is_open = True
            while is_open:
                is_open = False
                for number in numbers:
                    try:
                        some = clients[number].recv(1 << 18)
                    except BlockingIOError:
                        is_open = True
                    except OSError:
                        continue
                    else:
                        counts[number] += (ends[number] + some).count(b"data: ")
                        ends[number] = some[-5:]
                        is_open |= bool(some)
                time.sleep(0.001)

        thread = Thread(target=read, args=(range(len(clients)),))
        thread.start()
        self.addCleanup(thread.join)
        return counts
