"""
Headless Chromium, and the common parts of the tests with it.
"""

import atexit
import json
import tempfile
from contextlib import closing
from functools import cache
from http.client import HTTPConnection

from twisted.trial.unittest import SynchronousTestCase

from tests.functional.support import PATIENCE, HubProcess, require, require_program, wait_until
from tests.leftovers import shared

try:
    from selenium import webdriver
except ImportError:
    webdriver = None

#: Options: headless, and quiet, so that it sends requests to our server only.
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
)

#: Names in the log for the end of a stream that a browser closed: the browser resets the connection
#: if it has bytes that it has not read.
CLOSED = r"/sse: (client closed|connection lost) after "

#: The ``readyState`` of an open stream.
OPEN = 1


@cache
def the_browser() -> "webdriver.Chrome":
    """
    Start the browser, once for all tests: trial does not support a set-up for a class.
    """
    require(webdriver, "the Python package selenium")
    options = webdriver.ChromeOptions()
    options.binary_location = require_program("chromium")
    folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
    atexit.register(folder.cleanup)
    for flag in (*FLAGS, f"--user-data-dir={folder.name}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(require_program("chromedriver"))
    with shared():
        browser = webdriver.Chrome(options=options, service=service)
    atexit.register(browser.quit)
    browser.set_script_timeout(PATIENCE)
    browser.set_page_load_timeout(PATIENCE)
    return browser


def ask(address: str, path: str) -> object:
    """
    Get JSON from a server.
    """
    with closing(HTTPConnection(address, timeout=PATIENCE)) as connection:
        connection.request("GET", path)
        return json.load(connection.getresponse())


class BrowserCase(SynchronousTestCase):
    """
    A test with its own tab.
    """

    def setUp(self) -> None:
        self.browser = the_browser()
        self.home = self.browser.current_window_handle
        self.addCleanup(self.assert_no_complaint)
        self.new_tab()

    def new_tab(self) -> str:
        """
        Open a tab and go to it.
        """
        self.browser.switch_to.new_window("tab")
        self.addCleanup(self.close_tab, self.browser.current_window_handle)
        return self.browser.current_window_handle

    def close_tab(self, handle: str) -> None:
        """
        Close a tab, unless it is closed already, and go back to the first one.
        """
        if handle in self.browser.window_handles:
            self.browser.switch_to.window(handle)
            self.browser.close()
        self.browser.switch_to.window(self.home)

    def assert_no_complaint(self) -> None:
        """
        Check that the browser has reported only failed requests to servers that were down.
        """
        log = self.browser.get_log("browser")
        self.assertEqual([], [entry for entry in log if entry["source"] != "network"])

    # The page

    def click(self, name: str) -> None:
        """
        Click on a button.
        """
        self.browser.find_element("id", name).click()

    def text(self, name: str) -> str:
        """
        Return the text of an element.
        """
        found: str = self.browser.find_element("id", name).text
        return found

    def wait_for_text(self, name: str, expected: str, patience: float = PATIENCE) -> None:
        """
        Wait until an element has a text.
        """
        wait_until(
            lambda: self.text(name) == expected, f"#{name} says {expected!r}", patience=patience
        )

    def wait_for_more(self) -> None:
        """
        Wait until one more event has been received.
        """
        before = int(self.text("received"))
        wait_until(lambda: int(self.text("received")) > before, "the page has one more event")

    def connect(self, process: HubProcess) -> None:
        """
        Open the page, connect, and receive an event.
        """
        self.browser.get(process.url)
        self.click("connect")
        self.wait_for_text("state", "open")
        self.wait_for_more()
