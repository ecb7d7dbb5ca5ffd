"""
Clients that come and go at random, and mostly behave badly, for :mod:`benchmarks.churn`.
"""

import os
import random
import select
import selectors
import socket
import struct
import threading
import time
from collections import Counter
from dataclasses import dataclass
from enum import Enum

_HEAD = b"GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n"

#: An option that closes a socket with a reset, as a client that crashes does.
_RESET = struct.pack("ii", 1, 0)

#: Seconds between two reads, and the longest time that a client stays, in seconds.
_LOOK, _LONGEST = 0.02, 5.0

#: Seconds that a client that never reads may stay, and the size of its receive buffer in bytes:
#: small enough that it falls behind, and long enough that the hub ends some of these clients.
_LONGEST_MUTE, _MUTE_BUFFER = 90.0, 4096


class Way(Enum):
    """
    Ways of a client to leave, and the percentage of clients that choose each.
    """

    LEAVES = "reads, and closes", 25
    VANISHES = "reads, and resets", 25
    RETURNS = "reads, resets, and comes back with its cursor", 25
    HALF = "resets half-way through the head of its request", 15
    MUTE = "never reads, and resets", 10


@dataclass(slots=True, eq=False)
class _Client:
    connection: socket.socket
    way: Way
    until: float
    last_event_id: bytes = b""


class Comers:
    """
    A fixed number of clients at a time, in their own thread; when one leaves, another one comes.

    :param core: The core that this thread may use.
    :ivar gone: Number of clients that have left, for each way to leave.
    :ivar ended: Number of streams that the server has ended.
    """

    def __init__(self, port: int, clients: int, core: int, seed: int) -> None:
        self.gone: Counter[Way] = Counter()
        self.ended = 0
        self._port = port
        self._wanted = clients
        self._core = core
        self._random = random.Random(seed)
        self._clients: set[_Client] = set()
        self._selector = selectors.DefaultSelector()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """
        Start no more clients, and close the connections that are open.
        """
        self._is_over.set()
        self._thread.join()

    def _run(self) -> None:
        os.sched_setaffinity(0, {self._core})  # 0: this thread
        while not self._is_over.wait(_LOOK):
            now = time.monotonic()
            for key, _ in self._selector.select(0):
                self._read(key.data)
            for client in [one for one in self._clients if one.until <= now]:
                self._go(client)
            while len(self._clients) < self._wanted:
                self._come(now)
        for client in list(self._clients):
            self._close(client, _RESET)

    def _come(self, now: float, cursor: bytes = b"") -> None:
        ways = list(Way)
        way = self._random.choices(ways, [way.value[1] for way in ways])[0]
        stay = self._random.uniform(0, _LONGEST_MUTE if way is Way.MUTE else _LONGEST)
        connection = socket.socket()
        if way is Way.MUTE:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _MUTE_BUFFER)
        connection.settimeout(_LONGEST)
        connection.connect(("127.0.0.1", self._port))
        head = _HEAD + (b"Last-Event-ID: %b\r\n" % cursor if cursor else b"") + b"\r\n"
        if way is Way.HALF:
            head = head[: self._random.randrange(len(head))]
        connection.sendall(head)
        connection.setblocking(False)
        client = _Client(connection, way, now + stay, cursor)
        self._clients.add(client)
        if way is not Way.MUTE:
            self._selector.register(connection, selectors.EVENT_READ, client)

    def _read(self, client: _Client) -> None:
        try:
            data = client.connection.recv(2**20)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.ended += 1
            self._close(client)
            return
        # Any complete id will do; take the last one in this piece.
        if (begin := data.rfind(b"\nid: ")) >= 0 and (end := data.find(b"\n", begin + 1)) > 0:
            client.last_event_id = data[begin + 5 : end]

    def _go(self, client: _Client) -> None:
        self.gone[client.way] += 1
        if client.way is Way.MUTE and _is_ended(client.connection):
            self.ended += 1
        self._close(client, b"" if client.way is Way.LEAVES else _RESET)
        if client.way is Way.RETURNS:
            self._come(time.monotonic(), client.last_event_id)

    def _close(self, client: _Client, linger: bytes = b"") -> None:
        self._clients.discard(client)
        if client.way is not Way.MUTE:
            self._selector.unregister(client.connection)
        if linger:
            client.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        client.connection.close()


def _is_ended(connection: socket.socket) -> bool:
    """
    Return true if the other side has closed, without reading anything.
    """
    poll = select.poll()
    poll.register(connection, select.POLLRDHUP)
    return bool(poll.poll(0))  # a reset as well: poll always reports it
