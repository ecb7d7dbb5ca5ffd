"""
The page for a first try, and the resources that it needs.
"""

import json
import re

from twisted.trial.unittest import SynchronousTestCase

from ssetwist.hub import Hub
from ssetwist.web import EventStreamResource, Site, console
from tests.clock import Clock
from tests.memory import Client


class ConsoleTests(SynchronousTestCase):
    """
    The small site around the page.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.hub = Hub(clock=self.clock)
        root = console(self.hub, EventStreamResource(self.hub))
        self.site = Site(root, streams=self.hub.streams)

    def get(self, path: str) -> Client:
        client = Client(self.site, self.clock)
        self.addCleanup(client.close)
        client.request(path)
        return client

    def test_page(self) -> None:
        """
        The page may load nothing from another server, and has nothing inline.
        """
        page = self.get("/")
        self.assertIn(b"\r\ncontent-type: text/html; charset=utf-8", page.head)
        (policy,) = re.findall(rb"content-security-policy: (.*)\r\n", page.head)
        self.assertIn(b"default-src 'none'", policy)
        self.assertNotIn(b"unsafe", policy)
        self.assertIn(b"x-content-type-options: nosniff", page.head)
        self.assertNotRegex(page.body, rb"<script>|<style>| style=| on[a-z]+=")

    def test_files(self) -> None:
        """
        Every file that the page names exists, and has the right media type.
        """
        names = re.findall(rb'(?:src|href)="([^"#:]+)"', self.get("/").body)
        self.assertEqual(4, len(set(names)), names)
        for name in set(names):
            kind = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
            file = self.get("/" + name.decode())
            self.assertTrue(file.head.startswith(b"1 200"), name)
            expected = kind[name.decode().rpartition(".")[2]]
            self.assertIn(f"\r\ncontent-type: {expected}".encode(), file.head)

    def test_files_are_revalidated(self) -> None:
        """
        A browser asks the server before it uses a cached file; otherwise a new server could meet
        the script of an old one.
        """
        for path in ("/", "/static/console.js", "/static/console.css"):
            self.assertIn(b"\r\ncache-control: no-cache", self.get(path).head)

    def test_no_referrer(self) -> None:
        """
        The page does not tell its address to other servers.
        """
        self.assertIn(b"\r\nreferrer-policy: no-referrer\r\n", self.get("/").head)

    def test_status(self) -> None:
        """
        The status counts the subscribers.
        """
        self.assertEqual(0, json.loads(self.get("/status").body)["subscribers"])
        stream = self.get("/sse")
        status = self.get("/status")
        self.assertEqual({"subscribers": 1, "may_publish": False}, json.loads(status.body))
        self.assertIn(b"\r\ncache-control: no-store", status.head)
        stream.close()
        self.assertEqual(0, json.loads(self.get("/status").body)["subscribers"])
