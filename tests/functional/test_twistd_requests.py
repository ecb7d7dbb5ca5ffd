"""
Requests to ``twistd ssetwist``, and the number of its streams.
"""

import json
import os
import re
import signal
import subprocess
from contextlib import ExitStack, closing
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.functional.support import (
    PATIENCE,
    HubProcess,
    hub,
    read_to_end,
    read_until,
    require_program,
    subscribe,
    wait_until,
)
from tests.functional.twistd_process import (
    BROWSER,
    PROPER_END,
    SILENT,
    curl,
    curl_lines,
    head,
    http,
    ticks,
)


class RequestTests(SynchronousTestCase):
    """
    Requests other than a plain ``GET`` of HTTP/1.1.
    """

    def test_head(self) -> None:
        """
        HEAD gets the head of a stream and creates no subscription; its connection serves the next
        request.
        """
        with hub(*SILENT) as process, closing(http(process)) as connection:
            connection.request("HEAD", "/sse")
            response = connection.getresponse()
            self.assertEqual(200, response.status)
            self.assertEqual("text/event-stream", response.getheader("Content-Type"))
            self.assertEqual(b"", response.read())
            used = connection.sock
            connection.request("GET", "/status")
            self.assertEqual(0, json.load(connection.getresponse())["subscribers"])
            self.assertIs(used, connection.sock)

    def test_stream_after_head(self) -> None:
        """
        A connection that has served a HEAD request serves a stream like a new connection.
        """
        with hub("--tick", "0.1") as process, process.connect() as stream:
            stream.sendall(head("HEAD /sse HTTP/1.1", "Host: localhost"))
            read_until(stream, b"\r\n\r\n")
            stream.sendall(head("GET /sse HTTP/1.1", "Host: localhost"))
            read_until(stream, b"event: tick\n")
            stream.close()
            process.wait_for("/sse: (client closed|connection lost) after ")

    def test_options(self) -> None:
        """
        OPTIONS lists the methods.
        """
        with hub(*SILENT) as process, closing(http(process)) as connection:
            connection.request("OPTIONS", "/sse")
            response = connection.getresponse()
            self.assertEqual(
                (204, "GET, HEAD, OPTIONS"), (response.status, response.getheader("Allow"))
            )

    def test_post(self) -> None:
        """
        A small POST to the stream is refused with 405.
        """
        with hub(*SILENT) as process:
            found = curl(process, "-o", os.devnull, "-w", "%{http_code}", "--data", "x")
        self.assertEqual(b"405", found.stdout)

    def test_http_1_0(self) -> None:
        """
        A stream of HTTP/1.0 has no chunks, and its events arrive.
        """
        with (
            hub("--tick", "0.1") as process,
            curl_lines(f"{process.url}sse", "-i", "--http1.0") as lines,
        ):
            fields = {line.partition(b":")[0].lower() for line in iter(lines.__next__, b"\r\n")}
            self.assertNotIn(b"transfer-encoding", fields)
            self.assertIn("tick", next(ticks(lines)))

    def test_connection_close(self) -> None:
        """
        With ``Connection: close`` the stream is the same, and the server closes the connection at
        its end.
        """
        with hub("--tick", "0.1") as process, process.connect() as stream:
            stream.sendall(head("GET /sse HTTP/1.1", "Host: localhost", "Connection: close"))
            received = read_until(stream, b"event: tick\n")
            self.assertRegex(received.lower(), rb"\r\nconnection: close\r\n")
            process.process.send_signal(signal.SIGTERM)
            self.assertRegex(received + read_to_end(stream), PROPER_END)

    def test_large_body(self) -> None:
        """
        A body of 10 MB is refused with 413, with and without an announced length, and the memory of
        the process does not grow by it.
        """
        body = bytes(10_000_000)
        command = [require_program("curl"), "-sS", "--noproxy", "*", "--data-binary", "@-"]
        command += ["-o", os.devnull, "-w", "%{http_code}", "-H", "Expect:"]
        with hub(*SILENT) as process:
            before = peak_memory(process)
            for more in ([], ["-H", "Transfer-Encoding: chunked"]):
                found = subprocess.run(
                    [*command, *more, f"{process.url}sse"],
                    input=body,
                    capture_output=True,
                    timeout=PATIENCE,
                )
                self.assertEqual(b"413", found.stdout, found.stderr)
            self.assertLess(peak_memory(process) - before, 3_000_000)


def peak_memory(process: HubProcess) -> int:
    """
    Return the most memory that the process has ever had, in bytes.
    """
    status = Path(f"/proc/{process.process.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) * 1024


class CapacityTests(SynchronousTestCase):
    """
    A hub that is full.
    """

    def setUp(self) -> None:
        stack = ExitStack()
        self.addCleanup(stack.close)
        # Each of them is full with one subscriber.
        self.full = []
        for limit in ("--max-subscribers", "--max-per-address"):
            process = stack.enter_context(hub(*SILENT, limit, "1"))
            self.full.append((process, stack.enter_context(subscribe(process))))

    def test_browser(self) -> None:
        """
        A browser gets 200, a longer ``retry``, and the end: it takes any other answer as final.
        """
        for process, _ in self.full:
            with closing(http(process)) as connection:
                connection.request("GET", "/sse", headers=BROWSER)
                response = connection.getresponse()
                body = response.read()
            self.assertEqual(
                (200, "text/event-stream"), (response.status, response.getheader("Content-Type"))
            )
            found = re.fullmatch(rb"retry: (\d+)\n", body)
            assert found is not None, body
            self.assertTrue(30_000 <= int(found[1]) <= 60_000, body)

    def test_other_clients(self) -> None:
        """
        Other clients get 503, with the time to try again.
        """
        for process, _ in self.full:
            found = curl(process, "-i").stdout
            self.assertRegex(found, rb"^HTTP/1.1 503 ")
            self.assertRegex(found, rb"(?i)\r\nRetry-After: [3-6]\d\r\n")

    def test_room_after_one_has_left(self) -> None:
        """
        When one subscriber has left, the next one is let in.
        """
        for process, stream in self.full:
            stream.close()
            wait_until(lambda process=process: process.subscribers() == 0, "the client is gone")
            subscribe(process).close()
