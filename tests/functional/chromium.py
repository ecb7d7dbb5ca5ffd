"""
Chromium, headless, and what tests with it have in common.
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

#: Headless, and quiet: it asks nobody but our server.
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

#: How the log names the end of a stream that a browser closed: it resets the connection if there
#: are bytes that it has not read.
CLOSED = r"/sse: (client closed|connection lost) after "

#: The ``readyState`` of a stream that is open.
OPEN = 1


@cache
def the_browser() -> "webdriver.Chrome":
    """
    Start the browser, once for all tests: trial knows no set-up of a class.
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
    A test that has a tab of its own.
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
        Close a tab, unless that has been done, and go back to the first one.
        """
        if handle in self.browser.window_handles:
            self.browser.switch_to.window(handle)
            self.browser.close()
        self.browser.switch_to.window(self.home)

    def assert_no_complaint(self) -> None:
        """
        The browser has complained of nothing but servers that did not answer.
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
        Return what an element says.
        """
        found: str = self.browser.find_element("id", name).text
        return found

    def wait_for_text(self, name: str, expected: str, patience: float = PATIENCE) -> None:
        """
        Wait until an element says something.
        """
        wait_until(
            lambda: self.text(name) == expected, f"#{name} says {expected!r}", patience=patience
        )

    def wait_for_more(self) -> None:
        """
        Wait until one more event has been received.
        """
        before = int(self.text("received"))
        wait_until(lambda: int(self.text("received")) > before, "it hears one more event")

    def connect(self, process: HubProcess) -> None:
        """
        Open the page, connect, and hear an event.
        """
        self.browser.get(process.url)
        self.click("connect")
        self.wait_for_text("state", "open")
        self.wait_for_more()
