"""
Silence of subscribers while the time of day is set back and updates are published in bulk::

    python -m tests.functional.clock_steps

prints the longest silence of a subscriber with and without a step, one pair for each step.
"""

import json
import selectors
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection

from tests.functional.mercure_process import PATH
from tests.functional.set_clock import time_of_day
from tests.functional.support import PATIENCE, hub, wait_until

#: Updates of one request, and publishers that make one request after the other: enough that events
#: wait for the next turn of the reactor at most moments.
_LINES = 1000
_PUBLISHERS = 2

_LINE = json.dumps({"topic": "news", "data": "x" * 50}).encode()


class Subscribers:
    """
    Streams of one server, read by a thread.
    """

    def __init__(self, host: str, port: int, path: str, count: int) -> None:
        self._address, self._path, self._count = (host, port), path, count
        self._selector = selectors.DefaultSelector()
        self._read_at: dict[socket.socket, float] = {}
        self._longest = 0.0
        self._lock = threading.Lock()
        self._is_over = False
        self.lost = 0

    def __enter__(self) -> "Subscribers":
        for _ in range(self._count):
            one = socket.create_connection(self._address, PATIENCE)
            one.sendall(f"GET {self._path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            assert b" 200 " in one.recv(65536)
            one.setblocking(False)
            self._read_at[one] = time.monotonic()
            self._selector.register(one, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._read)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over = True
        self._thread.join()
        for one in self._read_at:
            one.close()
        self._selector.close()

    def longest_silence(self, seconds: float) -> float:
        """
        Wait, and return the longest silence of a subscriber meanwhile.
        """
        with self._lock:
            self._longest = 0.0
        time.sleep(seconds)
        with self._lock:
            now = time.monotonic()
            return max(self._longest, *(now - at for at in self._read_at.values()))

    def wait_for_all(self) -> None:
        """
        Wait until each subscriber has read something that came later than this call.
        """
        begin = time.monotonic()
        wait_until(lambda: min(self._read_at.values()) > begin, "each subscriber reads something")

    def _read(self) -> None:
        while not self._is_over:
            ready = self._selector.select(0.1)
            with self._lock:
                for key, _ in ready:
                    one = key.fileobj
                    assert isinstance(one, socket.socket)
                    if not one.recv(1 << 18):
                        self._selector.unregister(one)
                        self.lost += 1
                    now = time.monotonic()
                    self._longest = max(self._longest, now - self._read_at[one])
                    self._read_at[one] = now


class Load:
    """
    :ivar answers: Requests that have been answered.
    """

    def __init__(self) -> None:
        self.answers = 0

    def wait_for_answers(self, count: int) -> None:
        """
        Wait until this number of requests more have been answered.
        """
        enough = self.answers + count
        wait_until(lambda: self.answers >= enough, "the server answers publishers")


@contextmanager
def bulk_load(host: str, port: int, lines: int = _LINES) -> Iterator[Load]:
    """
    Publish in bulk, request after request.
    """
    is_over = threading.Event()
    problems: list[object] = []
    load = Load()
    body = b"\n".join([_LINE] * lines)

    def publish() -> None:
        connection = HTTPConnection(host, port, timeout=PATIENCE)
        headers = {"Content-Type": "application/x-ndjson"}
        try:
            while not is_over.is_set():
                connection.request("POST", PATH, body, headers)
                answer = connection.getresponse()
                answer.read()
                if answer.status != 200:
                    raise AssertionError(f"status {answer.status}")
                load.answers += 1
        except Exception as problem:
            problems.append(problem)
        finally:
            connection.close()

    threads = [threading.Thread(target=publish) for _ in range(_PUBLISHERS)]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
    if problems:
        raise AssertionError(f"the publisher failed: {problems[0]!r}")


def main(steps: int = 20, seconds: float = 5.0, count: int = 500) -> None:
    """
    Step the clock of a hub, and print the silences.
    """
    pairs = []
    with ExitStack() as stack:
        clock = stack.enter_context(time_of_day())
        process = stack.enter_context(hub("--tick=0", launcher=clock.launcher))
        address = process.host, process.port
        subscribers = stack.enter_context(Subscribers(*address, "/sse", count))
        stack.enter_context(bulk_load(*address))
        for number in range(steps):
            while subscribers.longest_silence(1.0) > 1.0:
                pass  # the step before still has its effect
            without = subscribers.longest_silence(seconds)
            timer = threading.Timer(0.2, clock.step, (-4.0,))
            timer.start()
            with_step = subscribers.longest_silence(seconds)
            timer.join()
            pairs.append((without, with_step))
            print(f"{number + 1}: without {without * 1000:.0f} ms, with {with_step * 1000:.0f} ms")
        print(f"lost: {subscribers.lost}")
    without, with_step = (max(some) for some in zip(*pairs, strict=True))
    print(f"longest: without {without * 1000:.0f} ms, with a step {with_step * 1000:.0f} ms")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
