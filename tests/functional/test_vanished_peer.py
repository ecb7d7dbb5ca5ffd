"""
A peer that vanishes: its link is cut, so that neither FIN nor RST ever comes.
"""

import os
import socket
import subprocess
import sys
from contextlib import ExitStack
from ipaddress import IPv4Address
from itertools import count
from tempfile import NamedTemporaryFile

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase

from ssetwist import EndReason
from tests.functional.case import HubCase
from tests.functional.support import PATIENCE, hub, require, require_program

#: A small network of this process, from the range for tests of networks (RFC 2544), and the
#: addresses of both ends of the link.
NETWORK = IPv4Address("198.18.0.0") + os.getpid() % 2**15 * 4
HOST, PEER = str(NETWORK + 1), str(NETWORK + 2)

#: A program that subscribes, says so when the first bytes have come, and stays.
CLIENT = f"""
import socket, sys
stream = socket.create_connection(({HOST!r}, int(sys.argv[1])), {PATIENCE})
stream.sendall(f"GET {{sys.argv[2]}} HTTP/1.1\\r\\nHost: h\\r\\n\\r\\n".encode())
stream.recv(65536)
print("subscribed", flush=True)
input()
"""

#: Time-outs in seconds: as short as the options allow, but longer than the pauses of a busy
#: machine.
HEARTBEAT, STALL_TIMEOUT = 1.0, 2.0

#: Seconds of silence until the kernel's own probes begin, and between two probes.
KEEPALIVE_IDLE, KEEPALIVE_INTERVAL = 15, 5

_numbers = count(1)


class Link:
    """
    A link to a separate network with a client in it.

    It is removed after the test.
    """

    def __init__(self, case: SynchronousTestCase) -> None:
        self.case = case
        self.ip = require_program("ip")
        # Short, because a link's name has at most 15 characters.
        self.name = f"sse{os.getpid()}n{next(_numbers)}"
        self.end = f"{self.name}h"
        self.run_ip("netns", "add", self.name, may_fail=True)
        case.addCleanup(self.run_ip, "netns", "del", self.name)
        self.run_ip(
            *("link", "add", self.end, "type", "veth"),
            *("peer", "name", self.name, "netns", self.name),
            may_fail=True,
        )
        case.addCleanup(self.run_ip, "link", "del", self.end)
        self.run_ip("address", "add", f"{HOST}/30", "dev", self.end)
        self.run_ip("link", "set", self.end, "up")
        self.run_inside("address", "add", f"{PEER}/30", "dev", self.name)
        self.run_inside("link", "set", self.name, "up")

    def run_ip(self, *arguments: str, may_fail: bool = False) -> None:
        """
        Run ``ip``.  If it fails, skip the test where that is allowed; fail in CI.
        """
        result = subprocess.run([self.ip, *arguments], capture_output=True, text=True)
        if may_fail:
            require(
                not result.returncode, f"the right to make a network namespace ({result.stderr})"
            )
        self.case.assertEqual(0, result.returncode, result.stderr)

    def run_inside(self, *arguments: str) -> None:
        """
        Run ``ip`` in the network of the client.
        """
        self.run_ip("-n", self.name, *arguments)

    def cut(self) -> None:
        """
        Cut the link.
        """
        self.run_inside("link", "set", self.name, "down")

    def subscribe(self, port: int, path: str) -> "subprocess.Popen[bytes]":
        """
        Make a client subscribe; it is killed after the test.
        """
        client = subprocess.Popen(
            [
                *(self.ip, "netns", "exec", self.name),
                *(sys.executable, "-c", CLIENT, str(port), path),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.case.addCleanup(client.__exit__, None, None, None)
        self.case.addCleanup(client.kill)
        return client


class VanishedPeerTests(SynchronousTestCase):
    """
    A client in a separate network, and the end of its stream when the link is cut.
    """

    def assert_noticed(self, *options: str, before: float) -> None:
        """
        Subscribe, cut the link, and wait for the end of the stream.

        :param before: Seconds after which something else would have noticed the cut.
        """
        link = Link(self)
        with ExitStack() as stack:
            # Others could connect to this address, so the hub needs a key; its stream is open for
            # everyone.
            key = stack.enter_context(NamedTemporaryFile())
            key.write(b"k" * 32)
            key.flush()
            process = stack.enter_context(
                hub(
                    *("--key", key.name, "--anonymous", *options),
                    listen=f"tcp:0:interface={HOST}",
                )
            )
            client = link.subscribe(process.port, "/sse")
            assert client.stdout is not None
            self.assertEqual(b"subscribed\n", client.stdout.readline())
            link.cut()
            found = process.wait_for(rf"\] {PEER}:\d+ /sse: connection lost after ([\d.]+) s")
            self.assertIsNone(client.poll(), "the client has not closed it")
            self.assertLess(float(found[1]), before)

    def test_heartbeat_alone(self) -> None:
        """
        On a stream without events, heartbeats and the user time-out notice the cut, before the
        kernel's probes would.
        """
        self.assert_noticed(
            *("--tick", "0", "--heartbeat", f"{HEARTBEAT:g}"),
            *("--stall-timeout", f"{STALL_TIMEOUT:g}"),
            before=KEEPALIVE_IDLE + KEEPALIVE_INTERVAL,
        )

    def test_events(self) -> None:
        """
        On a stream with events, the user time-out notices the cut; by default the kernel would
        retry for a quarter of an hour.
        """
        self.assert_noticed("--tick", "0.2", "--stall-timeout", f"{STALL_TIMEOUT:g}", before=900)


class ProbesTests(HubCase):
    """
    On a stream without any write, the cut is noticed as well.
    """

    listen = f"tcp:0:interface={HOST}"

    async def test_probes(self) -> None:
        """
        On a stream without events and without heartbeats, the kernel's probes notice the cut.
        """
        link = Link(self)
        await self.start(heartbeat=0, stall_timeout=STALL_TIMEOUT)
        client = link.subscribe(self.port.getHost().port, "/")
        await self.until(lambda: self.subscribers, "the client is subscribed")
        assert client.stdout is not None
        self.assertEqual(b"subscribed\n", await deferToThread(client.stdout.readline))
        (subscriber,) = self.subscribers
        probed = subscriber.outlet._descriptor.socket
        self.assertEqual(1, probed.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))
        for option, seconds in (
            (socket.TCP_KEEPIDLE, KEEPALIVE_IDLE),
            (socket.TCP_KEEPINTVL, KEEPALIVE_INTERVAL),
        ):
            self.assertEqual(seconds, probed.getsockopt(socket.IPPROTO_TCP, option))
            # This many seconds are too many for a test.
            probed.setsockopt(socket.IPPROTO_TCP, option, 1)
        link.cut()
        self.assertEqual(EndReason.CONNECTION_LOST, await self.end_reason())
        self.assertIsNone(client.poll(), "the client has not closed it")
