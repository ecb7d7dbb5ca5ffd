"""
A proxy between clients and a hub that cuts their connections on demand.
"""

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.message import Message
from email.parser import Parser
from threading import Event, Thread
from urllib.parse import parse_qs, urlsplit

from tests.functional.support import PATIENCE

_HEAD = re.compile(rb"(?:GET|POST|OPTIONS|QUERY) [^\r\n]+ HTTP/1\.1\r\n.*?\r\n\r\n", re.DOTALL)


@dataclass(frozen=True)
class RequestHead:
    """
    The head of a request of a client.

    :ivar headers: By name, in any case; Latin-1, as on the wire.
    """

    method: str
    target: str
    headers: "Message[str, str]"

    @property
    def parameters(self) -> dict[str, str]:
        """
        The parameters in the URL.
        """
        return {name: values[0] for name, values in parse_qs(urlsplit(self.target).query).items()}


class CuttingProxy:
    """
    Forwards bytes on a port of 127.0.0.1 until it cuts the connections.

    :ivar address: The address of the hub; it may be replaced by another one.
    """

    def __init__(self, address: tuple[str, int]) -> None:
        self.address = address
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._sockets: list[socket.socket] = [self._listener]
        self._threads: list[Thread] = []
        self._received: list[bytearray] = []
        self._passes = Event()
        self._passes.set()
        self._is_closed = False
        self._run(self._accept)

    def cut(self) -> None:
        """
        Cut all connections.  Until :meth:`resume`, new connections are left waiting.
        """
        self._passes.clear()
        for one in self._sockets[1:]:
            _shut(one)

    def resume(self) -> None:
        """
        Forward bytes again.
        """
        self._passes.set()

    def requests(self) -> list[RequestHead]:
        """
        Return the requests so far.
        """
        return [
            _read_head(found)
            for received in list(self._received)
            for found in _HEAD.findall(bytes(received))
        ]

    def close(self) -> None:
        """
        Close everything.
        """
        self._is_closed = True
        for one in self._sockets:
            _shut(one)
        self.resume()
        for thread in self._threads:
            thread.join(PATIENCE)
        for one in self._sockets:
            one.close()

    def _run(self, call: object, *arguments: object) -> None:
        thread = Thread(target=call, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._passes.wait()
            self._sockets.append(client)
            if self._is_closed:
                return
            try:
                hub = socket.create_connection(self.address, PATIENCE)
            except OSError:
                _shut(client)
                continue
            hub.settimeout(None)
            self._sockets.append(hub)
            received = bytearray()
            self._received.append(received)
            self._run(_pass_on, client, hub, received)
            self._run(_pass_on, hub, client, bytearray())


@contextmanager
def cutting_proxy(address: tuple[str, int]) -> Iterator[CuttingProxy]:
    """
    Run a proxy to a hub.
    """
    proxy = CuttingProxy(address)
    try:
        yield proxy
    finally:
        proxy.close()


def _pass_on(source: socket.socket, sink: socket.socket, passed: bytearray) -> None:
    """
    Forward all bytes.  When one side closes, close the other side.
    """
    with suppress(OSError):  # it was cut
        while some := source.recv(65536):
            passed += some
            sink.sendall(some)
    _shut(source)
    _shut(sink)


def _shut(one: socket.socket) -> None:
    with suppress(OSError):  # its other end is gone
        one.shutdown(socket.SHUT_RDWR)


def _read_head(head: bytes) -> RequestHead:
    line, _, rest = head.decode("latin-1").partition("\r\n")
    method, target, _ = line.split(" ")
    return RequestHead(method, target, Parser().parsestr(rest))
