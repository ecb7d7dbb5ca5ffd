"""
More clients than the process has descriptors, or than its reactor can watch.
"""

import contextlib
import re
import resource
import signal
import socket
from contextlib import ExitStack, closing
from http.client import HTTPConnection

from twisted.trial.unittest import SynchronousTestCase

from tests.functional.support import PATIENCE, HubProcess, hub, read_until, require, subscribe
from tests.functional.twistd_process import SILENT, head, http


def allow_files(case: SynchronousTestCase, count: int) -> None:
    """
    Let this process open so many files until the end of the test.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    require(hard == resource.RLIM_INFINITY or hard >= count, f"the right to open {count} files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count), hard))
    case.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))


def first_bytes(stream: socket.socket) -> bytes:
    """
    Read the head of a response, and what came with it; nothing if the connection was closed.
    """
    received = b""
    with contextlib.suppress(ConnectionError):
        while b"\n\r\n" not in received.partition(b"\r\n\r\n")[2] and (some := stream.recv(65536)):
            received += some
            if b"503" in received:
                break
    return received


class DescriptorsTests(SynchronousTestCase):
    """
    A hub with so many clients that they could take all its descriptors.
    """

    def assert_it_delivers(self, process: HubProcess, *streams: socket.socket) -> None:
        """
        Check that a new client can publish, and that these subscribers get the event.
        """
        with closing(http(process)) as publisher:
            publisher.request("POST", "/.well-known/mercure", "topic=a&data=delivered")
            self.assertEqual(200, publisher.getresponse().status)
        for stream in streams:
            read_until(stream, b"delivered")

    def test_idle_connections(self) -> None:
        """
        With 256 descriptors, 400 idle connections keep nobody out, and end no stream.  Warnings
        tell of it: one at the start, and one when the limit is met.
        """
        with hub(*SILENT, files=256) as process, ExitStack() as stack:
            process.wait_for(
                r"#warn\] 192 connections are possible, 160 of them for subscribers: t"
            )
            streams = [stack.enter_context(subscribe(process)) for _ in range(20)]
            for number in range(400):
                idle = stack.enter_context(process.connect())
                if number % 2:
                    idle.sendall(b"GET / HT")
            self.assert_it_delivers(process, *streams)
            self.assertEqual(20, process.subscribers())
            process.wait_for(r"#warn\] all 192 connections are taken")
            self.assertEqual(1, len(re.findall("are taken", process.read_log())))
            self.assertNotIn("EMFILE", process.log)

    def test_kept_alive(self) -> None:
        """
        Connections between two requests also make room.
        """
        with hub(*SILENT, files=256) as process, ExitStack() as stack:
            for _ in range(400):
                client: HTTPConnection = stack.enter_context(closing(http(process)))
                client.request("GET", "/status")
                self.assertEqual(200, client.getresponse().status)
            self.assert_it_delivers(process)

    def assert_room_for_a_crowd(self, reactor: str) -> None:
        """
        Check that a hub with three ports and 256 descriptors stays within them if it has all the
        connections that it may have, and a crowd comes to each port at once.
        """
        others = ("--listen", "tcp:0:interface=127.0.0.1") * 2
        with hub(*SILENT, *others, reactor=reactor, files=256) as process, ExitStack() as stack:
            process.wait_for(r"#warn\] 158 connections are possible")
            process.wait_for(r"(listening on .*\s+.*){3}")
            ports = re.findall(r"listening on http://127.0.0.1:(\d+)/", process.log)
            for _ in range(160):
                stack.enter_context(process.connect())
            process.wait_for(r"all 158 connections are taken")
            for _ in range(3):
                process.process.send_signal(signal.SIGSTOP)
                try:
                    for port in ports * 50:
                        address = ("127.0.0.1", int(port))
                        stack.enter_context(socket.create_connection(address, PATIENCE))
                finally:
                    process.process.send_signal(signal.SIGCONT)
                self.assert_it_delivers(process)
            self.assertNotIn("EMFILE", process.read_log())

    def test_many_ports(self) -> None:
        """
        However many ports accept in one turn, there are descriptors for it.
        """
        for reactor in ("epoll", "select"):
            self.assert_room_for_a_crowd(reactor)

    def test_application(self) -> None:
        """
        Requests to an application that does not answer leave descriptors for clients.
        """
        with ExitStack() as stack:
            application = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=500))
            url = f"http://127.0.0.1:{application.getsockname()[1]}/may"
            options = ("--authorize-url", url, "--authorize-timeout", "600")
            process = stack.enter_context(hub(*SILENT, *options, files=256))
            process.wait_for(
                r"#warn\] 128 connections are possible, 96 of them for subscribers, besides 64 to "
                r"the application: this"
            )
            request = head("GET /.well-known/mercure?match=a HTTP/1.1", "Host: localhost")
            for _ in range(300):
                client = stack.enter_context(process.connect())
                with contextlib.suppress(ConnectionError):
                    client.sendall(request)
            with closing(http(process)) as last:
                last.request("GET", "/")
                with contextlib.suppress(ConnectionError):
                    last.getresponse()
            process.wait_for("64 requests are already waiting for it")
            process.wait_for("all 128 connections are taken")
            self.assertNotRegex(process.read_log(), "EMFILE|Too many open files")

    def test_select(self) -> None:
        """
        Under the reactor that uses select, which can watch 1,024 descriptors, a thousand clients
        are told that the hub is full; it serves requests as before, and a warning says why.
        """
        allow_files(self, 2048)
        with hub(*SILENT, reactor="select") as process, ExitStack() as stack:
            process.wait_for(
                r"#warn\] 960 connections are possible, 928 of them for subscribers: SelectReactor "
                r"can watch 1024 descriptors; choose another reactor"
            )
            streams, request = [], head("GET /sse HTTP/1.1", "Host: localhost")
            for _ in range(1015):
                stream = stack.enter_context(process.connect())
                with contextlib.suppress(ConnectionError):
                    stream.sendall(request)
                    streams.append(stream)
            subscribed = [one for one in streams if b"retry: " in first_bytes(one)]
            self.assertEqual(928, len(subscribed))
            self.assertEqual(928, process.subscribers())
            self.assert_it_delivers(process, subscribed[0], subscribed[-1])
