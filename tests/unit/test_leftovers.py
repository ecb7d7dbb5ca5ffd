"""
Leftovers of tests: a test with leftovers fails, and they are removed before the next test.
"""

import socket
import subprocess
import sys
import threading
import unittest
from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.leftovers import Open, left, shared
from tests.patience import PATIENCE


class LeftoversTests(SynchronousTestCase):
    """
    Tests that leave something behind, each followed by another test.
    """

    def assert_noticed(
        self, leave: Callable[[], object], said: str, kind: type = SynchronousTestCase
    ) -> None:
        """
        Check that a test with leftovers fails only because of them, and that the next test passes.
        """

        class Inner(kind):
            patience_for_leftovers = 0.0

            def test_leaves(self) -> None:
                leave()

            def test_next(self) -> None:
                pass

        result = unittest.TestResult()
        Inner("test_leaves").run(result)
        self.assertEqual(([], 1), (result.failures, len(result.errors)))
        self.assertIn(said, result.errors[0][1])
        Inner("test_next").run(result)
        self.assertEqual((2, 1), (result.testsRun, len(result.errors)))

    def test_process(self) -> None:
        """
        A leftover process is killed, and waited for.
        """
        processes = []

        def leave() -> None:
            process = subprocess.Popen(
                [sys.executable, "-c", "print(flush=True); input()"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            processes.append(process)
            self.addCleanup(process.__exit__, None, None, None)
            assert process.stdout is not None
            process.stdout.readline()

        self.assert_noticed(leave, "input()")
        self.assertIsNotNone(processes[0].poll())

    def test_socket(self) -> None:
        """
        A leftover port is closed.
        """
        opened = []
        self.assert_noticed(
            lambda: opened.append(socket.create_server(("127.0.0.1", 0))), "127.0.0.1"
        )
        with opened[0]:
            self.assertRaises(OSError, socket.create_connection, opened[0].getsockname(), 10)

    def test_thread(self) -> None:
        """
        A leftover thread that waits for a socket ends, because the socket is shut down.
        """
        listening, ended = threading.Event(), threading.Event()

        def run() -> None:
            with socket.create_server(("127.0.0.1", 0)) as server:
                listening.set()
                try:
                    server.accept()
                except OSError:
                    ended.set()

        def leave() -> None:
            threading.Thread(target=run, name="left alone").start()
            listening.wait()

        self.assert_noticed(leave, "threads: left alone")
        self.assertTrue(ended.wait(PATIENCE))

    def test_each_kind(self) -> None:
        """
        Leftovers are noticed in each kind of test case.
        """
        for kind in (unittest.TestCase, TestCase):
            opened: list[socket.socket] = []
            self.assert_noticed(lambda opened=opened: opened.append(socket.socket()), "at", kind)
            opened[0].close()

    def test_shared(self) -> None:
        """
        Things that tests share are not leftovers.
        """
        before = Open.now()
        with shared():
            kept = socket.socket()
        self.addCleanup(kept.close)
        self.assertFalse(left(before, patience=0))

    def test_goes_soon(self) -> None:
        """
        A thread or a process that ends soon is not a leftover: the check waits for it.
        """
        before = Open.now()
        with subprocess.Popen([sys.executable, "-c", "pass"]) as process:
            threading.Thread(target=process.wait).start()
            self.assertFalse(left(before))
