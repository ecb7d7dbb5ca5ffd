"""
A peer that vanishes: its link is cut, so that neither FIN nor RST ever comes.
"""

import os
import subprocess
import sys
import time
from contextlib import ExitStack
from ipaddress import IPv4Address
from itertools import count
from tempfile import NamedTemporaryFile
from unittest import SkipTest

from twisted.trial.unittest import SynchronousTestCase

from tests.functional.support import hub, require_program

#: A small network of this process, out of the range for tests of networks (RFC 2544), and in it the
#: addresses of the two ends of the link.
NETWORK = IPv4Address("198.18.0.0") + os.getpid() % 2**15 * 4
HOST, PEER = str(NETWORK + 1), str(NETWORK + 2)

#: Subscribes, says what came first, and stays.
CLIENT = f"""
import socket, time
stream = socket.create_connection(({HOST!r}, int(input())), 10)
stream.sendall(b"GET /sse HTTP/1.1\\r\\nHost: h\\r\\n\\r\\n")
stream.recv(65536)
print("subscribed", flush=True)
time.sleep(300)
"""

#: In seconds: as short as the options allow without the machine's own pauses becoming visible.
HEARTBEAT, STALL_TIMEOUT = 1.0, 2.0

#: After so many seconds without an answer the kernel gives up.
USER_TIMEOUT = 1.5 * STALL_TIMEOUT

#: Seconds of silence until the kernel's own probes begin, and between them.
KEEPALIVE_IDLE, KEEPALIVE_INTERVAL = 15.0, 5.0

#: Seconds: the kernel tries again later and later, and looks at the time-out only then.
SLACK = 4.0

_numbers = count(1)


class VanishedPeerTests(SynchronousTestCase):
    """
    A client in a network of its own, and the end of its stream when the link to it is cut.
    """

    def setUp(self) -> None:
        self.ip = require_program("ip")
        # Short, because a link's name has at most 15 characters.
        self.name = f"sse{os.getpid()}n{next(_numbers)}"
        self.link = f"{self.name}h"
        self.run_ip("netns", "add", self.name, may_fail=True)
        self.addCleanup(self.run_ip, "netns", "del", self.name)
        self.run_ip(
            *("link", "add", self.link, "type", "veth"),
            *("peer", "name", self.name, "netns", self.name),
            may_fail=True,
        )
        self.addCleanup(self.run_ip, "link", "del", self.link)
        self.run_ip("address", "add", f"{HOST}/30", "dev", self.link)
        self.run_ip("link", "set", self.link, "up")
        self.run_inside("address", "add", f"{PEER}/30", "dev", self.name)
        self.run_inside("link", "set", self.name, "up")

    def run_ip(self, *arguments: str, may_fail: bool = False) -> None:
        """
        Run ``ip``; where it may fail, skip the test if it does.
        """
        result = subprocess.run([self.ip, *arguments], capture_output=True, text=True)
        if result.returncode and may_fail:
            # The one part that cannot be had everywhere, so that this is no failure in CI either.
            raise SkipTest(f"no network namespace can be made here: {result.stderr.strip()}")
        self.assertEqual(0, result.returncode, result.stderr)

    def run_inside(self, *arguments: str) -> None:
        """
        Run ``ip`` in the network of the client.
        """
        self.run_ip("-n", self.name, *arguments)

    def seconds_until_noticed(self, *options: str, patience: float) -> float:
        """
        Subscribe, cut the link, and return how long it then took until the stream had ended.
        """
        with ExitStack() as stack:
            # Others can connect there, so it wants a key; its stream is for everyone all the same.
            key = stack.enter_context(NamedTemporaryFile())
            key.write(b"k" * 32)
            key.flush()
            process = stack.enter_context(
                hub(
                    *("--key", key.name, "--anonymous", *options),
                    listen=f"tcp:0:interface={HOST}",
                )
            )
            client = stack.enter_context(
                subprocess.Popen(
                    [self.ip, "netns", "exec", self.name, sys.executable, "-c", CLIENT],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                )
            )
            stack.callback(client.kill)
            assert client.stdin is not None and client.stdout is not None
            client.stdin.write(f"{process.port}\n".encode())
            client.stdin.flush()
            self.assertEqual(b"subscribed\n", client.stdout.readline())
            self.run_inside("link", "set", self.name, "down")
            began = time.monotonic()
            process.wait_for(rf"\] {PEER}:\d+ /sse: connection lost after ", patience)
            self.assertIsNone(client.poll(), "the client has not closed it")
            return time.monotonic() - began

    def test_heartbeat_alone(self) -> None:
        """
        On a stream without events it is noticed within the heartbeat and the user time-out.
        """
        self.seconds_until_noticed(
            *("--tick", "0", "--heartbeat", f"{HEARTBEAT:g}"),
            *("--stall-timeout", f"{STALL_TIMEOUT:g}"),
            patience=HEARTBEAT + USER_TIMEOUT + SLACK,
        )

    def test_events(self) -> None:
        """
        On a stream with events it is noticed within the user time-out, but not before it.
        """
        tick = 0.2
        took = self.seconds_until_noticed(
            *("--tick", f"{tick:g}", "--stall-timeout", f"{STALL_TIMEOUT:g}"),
            patience=tick + USER_TIMEOUT + SLACK,
        )
        self.assertGreater(took, STALL_TIMEOUT)

    def test_probes(self) -> None:
        """
        On a stream without events and without a heartbeat the kernel's probes notice it, which
        takes twenty seconds.
        """
        self.seconds_until_noticed(
            *("--tick", "0", "--heartbeat", "0"),
            *("--stall-timeout", f"{STALL_TIMEOUT:g}"),
            patience=KEEPALIVE_IDLE + KEEPALIVE_INTERVAL + SLACK,
        )
