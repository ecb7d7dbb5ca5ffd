"""
``twistd ssetwist``, byte by byte.
"""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection

from tests.functional.support import PATIENCE, HubProcess, require_program

#: Options for a hub that writes nothing by itself, so that an end is noticed without a write.
SILENT = ("--tick", "0", "--heartbeat", "0")

LAST_CHUNK = b"0\r\n\r\n"

#: The last words of a stream, in their own chunk, and the end of the response.
PROPER_END = rb"\r\nretry: \d+\n\r\n0\r\n\r\n$"

BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64)"}


def head(*lines: str) -> bytes:
    """
    Return the head of a request.
    """
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode()


def unchunked(received: bytes) -> bytes:
    """
    Return the body of a whole response, without its chunks.
    """
    rest, body = received.partition(b"\r\n\r\n")[2], b""
    while size := int((line := rest.partition(b"\r\n")[0]), 16):
        start = len(line) + 2
        body += rest[start : start + size]
        rest = rest[start + size + 2 :]
    return body


def http(process: HubProcess) -> HTTPConnection:
    """
    Return an HTTP client that keeps its connection; the caller closes it.
    """
    return HTTPConnection(process.host, process.port, timeout=PATIENCE)


def curl(process: HubProcess, *options: str) -> subprocess.CompletedProcess[bytes]:
    """
    Run curl on the stream until it ends.
    """
    command = [require_program("curl"), "-sS", "--noproxy", "*", *options, f"{process.url}sse"]
    return subprocess.run(command, capture_output=True, timeout=PATIENCE)


@contextmanager
def curl_lines(url: str, *options: str) -> Iterator[Iterator[bytes]]:
    """
    Run ``curl -N``, and yield its lines as they come.
    """
    command = [require_program("curl"), "-sSN", "--noproxy", "*", *options, url]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield process.stdout
        finally:
            process.kill()


def ticks(lines: Iterator[bytes]) -> Iterator[dict[str, object]]:
    """
    Return the data of the events in some lines.
    """
    return (json.loads(line[6:]) for line in lines if line.startswith(b"data: "))
