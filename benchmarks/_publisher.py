"""
Orders to publish, and ways to give them to a subject.
"""

import re
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from ._load import Failed
from .subjects._order import topics as order_topics

#: Seconds to wait for the answer to a POST.
_PATIENCE = 30.0

#: Pattern of the head of an answer: its status and the length of its body.
_ANSWER = re.compile(rb"HTTP/1.1 (\d+).*?\r\nContent-Length: (\d+).*?\r\n\r\n", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Order:
    """
    An order to publish events, as ``subjects/_order.py`` reads it.

    :ivar count: Number of events.
    :ivar size: Bytes of data of each.
    :ivar burst: Number of events that are published at once.
    :ivar pause: Seconds from one burst to the next; 0 for no pause.
    :ivar topics: Number of topics that the events go to in turn; 0 for the common topic.
    """

    count: int
    size: int
    burst: int = 1
    pause: float = 0.0
    topics: int = 0

    @property
    def seconds(self) -> float:
        """
        The least seconds that publishing takes.
        """
        return self.count / self.burst * self.pause


class Publisher(Protocol):
    """
    Makes a server publish.  ``publish`` may return before all events have been published.
    """

    def publish(self, port: int, order: Order) -> None: ...


class ByOrder:
    """
    Sends the whole order in one POST; the server then publishes by itself.
    """

    def publish(self, port: int, order: Order) -> None:
        path = (
            f"/publish?count={order.count}&size={order.size}&burst={order.burst}"
            f"&pause={order.pause * 1e6:.0f}&topics={order.topics}"
        )
        with socket.create_connection(("127.0.0.1", port), _PATIENCE) as connection:
            connection.sendall(_post(path, b"", "close"))
            answer = connection.recv(4096)
        if not answer.startswith((b"HTTP/1.1 200", b"HTTP/1.1 204")):
            raise Failed(f"POST {path}: {answer[:40]!r}")


class EventByEvent:
    """
    Sends one POST per event, and a burst as that many POSTs at once over one connection.
    """

    def publish(self, port: int, order: Order) -> None:
        with socket.create_connection(("127.0.0.1", port), _PATIENCE) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            due = time.monotonic()
            paths = (
                f"/publish{topic and '?topic='}{topic}" for topic in order_topics(order.topics)
            )
            left = order.count
            while left:
                time.sleep(max(0, due - time.monotonic()))
                due += order.pause
                events = min(order.burst, left)
                left -= events
                self._burst(connection, islice(paths, events), order.size)

    def _burst(self, connection: socket.socket, paths: Iterable[str], size: int) -> None:
        posts = [_post(path, _data(size), "keep-alive") for path in paths]
        connection.sendall(b"".join(posts))
        events = len(posts)
        answers = b""
        while events:
            more = connection.recv(65536)
            if not more:
                raise Failed(f"POST /publish: {answers!r}")
            answers += more
            while answer := _ANSWER.match(answers):
                length = answer.end() + int(answer[2])
                if len(answers) < length:
                    break
                if answer[1] not in (b"201", b"202"):  # nchan: with and without subscribers
                    raise Failed(f"POST /publish: {answers[:length]!r}")
                answers = answers[length:]
                events -= 1


def _data(size: int) -> bytes:
    return b"@%020d%b~" % (time.monotonic_ns(), b"x" * (size - 22))


def _post(path: str, body: bytes, connection: str) -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: {connection}\r\n"
        f"Content-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body
