"""
Headless Chromium against a hub that runs as a process.
"""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.functional.chromium import CLOSED, OPEN, BrowserCase, ask
from tests.functional.mercure_process import mercure_hub
from tests.functional.support import ROOT, free_port, hub, subscribe, wait_until

#: A script that opens and closes one stream after the other; a condition to wait for in between is
#: inserted.
ONE_AFTER_THE_OTHER = """
const done = arguments[arguments.length - 1];
(async () => {
  for (let i = 0; i < 100; i++) {
    const source = new EventSource("sse");
    await new Promise((opened, failed) => {
      source.onopen = opened;
      source.onerror = failed;
    });
    source.close();
    %s
  }
})().then(() => done("all opened"), () => done("one failed"));
"""

#: A script that waits until the server has no subscriber.
UNTIL_GONE = """
    while ((await (await fetch("status")).json()).subscribers) {}
"""

#: A script that reads a stream until the browser gives it up, and reports the events.
UNTIL_CLOSED = """
const done = arguments[arguments.length - 1];
const heard = [];
window.source = new EventSource(arguments[0]);
for (const type of ["message", "end"]) {
  source.addEventListener(type, (event) => heard.push([event.type, event.data]));
}
source.onerror = () => {
  if (source.readyState === EventSource.CLOSED) done(heard);
};
"""

#: A script that reads a stream that ends again and again, until it was opened this many times.
UNTIL_AGAIN = """
const [url, times, done] = arguments;
const again = new EventSource(url);
let opened = 0;
again.onopen = () => {
  opened += 1;
  if (opened > times) {
    again.close();
    done("again");
  }
};
"""

#: A script that reads a stream until the page is gone.
HEARS = """
window.heard = [];
window.source = new EventSource("sse");
for (const type of ["message", "gap"]) {
  source.addEventListener(type, (event) => heard.push([event.type, event.lastEventId, event.data]));
}
"""


class PageTests(BrowserCase):
    """
    The page at ``/``.
    """

    def test_connect(self) -> None:
        """
        The button Connect opens the stream, and the page lists its events.
        """
        with hub("--tick", "0.1") as process:
            self.browser.get(process.url)
            self.assertEqual("closed", self.text("state"))
            self.click("connect")
            self.wait_for_text("state", "open")
            wait_until(lambda: int(self.text("received")) >= 3, "three events have come")
            entries = self.browser.find_elements("css selector", "#log li.event")
            self.assertGreaterEqual(len(entries), 3)
            self.assertEqual({"tick"}, {entry.get_dom_attribute("data-type") for entry in entries})

    def test_subscribers(self) -> None:
        """
        The page shows the number of subscribers.
        """
        with hub("--tick", "0.1") as process:
            self.connect(process)
            self.wait_for_text("subscribers", "1")
            with subscribe(process):
                self.wait_for_text("subscribers", "2")

    def test_disconnect(self) -> None:
        """
        The button Disconnect ends the stream on the server at once, without a write.
        """
        with hub("--tick", "0", "--heartbeat", "0") as process:
            self.browser.get(process.url)
            self.click("connect")
            self.wait_for_text("state", "open")
            self.assertEqual(1, process.subscribers())
            self.click("disconnect")
            process.wait_for(CLOSED)
            self.assertEqual(0, process.subscribers())
            self.wait_for_text("state", "closed")
            self.wait_for_text("subscribers", "0")

    def test_again_and_again(self) -> None:
        """
        After Disconnect the user can connect again, any number of times.
        """
        with hub("--tick", "0.1") as process:
            self.browser.get(process.url)
            for _ in range(10):
                self.click("connect")
                self.wait_for_text("state", "open")
                self.click("disconnect")
                self.wait_for_text("state", "closed")
            wait_until(lambda: process.subscribers() == 0, "all are gone")

    def test_clear(self) -> None:
        """
        The button Clear empties the list and keeps the stream.
        """
        with hub("--tick", "0.3") as process:
            self.connect(process)
            self.click("clear")
            entries = self.browser.find_elements("css selector", "#log li.event")
            self.assertLess(len(entries), int(self.text("received")))
            self.wait_for_more()

    def test_nothing_in_the_console_of_the_browser(self) -> None:
        """
        The browser reports nothing about the page: no error, no violation of its policy.
        """
        with hub("--tick", "0.1") as process:
            self.connect(process)
            self.click("clear")
            self.click("disconnect")
            self.wait_for_text("subscribers", "0")
            self.assertEqual([], self.browser.get_log("browser"))


class EventSourceTests(BrowserCase):
    """
    Streams of a script that end in every way in which a browser can end them.
    """

    def run_hundred(self, between: str) -> None:
        """
        Open a hundred streams, one after the other.
        """
        with hub("--tick", "0", "--heartbeat", "0") as process:
            self.browser.get(process.url)
            outcome = self.browser.execute_async_script(ONE_AFTER_THE_OTHER % between)
            self.assertEqual("all opened", outcome)
            wait_until(lambda: process.subscribers() == 0, "all are gone")
            lasted = re.findall(r" /sse: client closed after ([\d.]+) s", process.read_log())
            self.assertEqual(100, len(lasted))
            # Chromium keeps idle connections for five seconds.
            self.assertLess(sorted(map(float, lasted))[50], 4.5)

    def test_hundred(self) -> None:
        """
        A hundred streams can be opened and closed, each after the server has seen the end of the
        last one.
        """
        self.run_hundred(UNTIL_GONE)

    def test_hundred_without_waiting(self) -> None:
        """
        A hundred streams can be opened and closed, one right after the other.
        """
        self.run_hundred("")

    def assert_it_is_gone(self, leave: Callable[[], None]) -> None:
        """
        Check that the stream of a page is gone at once when the user leaves the page in this way.
        """
        with hub("--tick", "0", "--heartbeat", "0") as process:
            self.browser.get(process.url)
            self.click("connect")
            self.wait_for_text("state", "open")
            self.assertEqual(1, process.subscribers())
            leave()
            process.wait_for(CLOSED)
            self.assertEqual(0, process.subscribers())

    def test_navigating_away(self) -> None:
        """
        A stream is gone when the user goes to another page.

        The reason is that our page then closes the stream: otherwise Chromium keeps page and stream
        for a minute, in case that the user comes back.
        """
        self.assert_it_is_gone(lambda: self.browser.get("about:blank"))

    def test_reloading(self) -> None:
        """
        A stream is gone when its page is reloaded.
        """
        self.assert_it_is_gone(self.browser.refresh)

    def test_closing_the_tab(self) -> None:
        """
        A stream is gone when its tab is closed.
        """
        self.assert_it_is_gone(lambda: self.close_tab(self.browser.current_window_handle))

    def test_two_tabs(self) -> None:
        """
        Two tabs both receive events; when one is closed, the other one goes on.
        """
        with hub("--tick", "0.1") as process:
            first = self.browser.current_window_handle
            self.connect(process)
            second = self.new_tab()
            self.connect(process)
            self.assertEqual(2, process.subscribers())
            self.browser.switch_to.window(first)
            self.wait_for_more()
            self.close_tab(second)
            process.wait_for(CLOSED)
            self.browser.switch_to.window(first)
            self.wait_for_more()
            self.assertEqual(1, process.subscribers())


class ComingBackTests(BrowserCase):
    """
    A browser that reconnects after its stream was ended.
    """

    def assert_it_survives(self, number: int) -> None:
        """
        Check that the page notices the end of the server, and receives events again when a server
        is back.
        """
        with free_port() as port:
            listen = f"tcp:{port}:interface=127.0.0.1"
            with hub("--tick", "0.1", "--reconnection-time", "0.1", listen=listen) as process:
                self.connect(process)
                process.process.send_signal(number)
                process.wait()
                self.wait_for_text("state", "reconnecting")
            with hub("--tick", "0.1", "--reconnection-time", "0.1", listen=listen):
                self.wait_for_text("state", "open")
                self.wait_for_more()

    def test_restart(self) -> None:
        """
        When the server stops and starts again, the page reconnects by itself.
        """
        self.assert_it_survives(signal.SIGTERM)

    def test_crash(self) -> None:
        """
        When the server is killed and starts again, the page reconnects by itself.
        """
        self.assert_it_survives(signal.SIGKILL)

    def test_full_hub(self) -> None:
        """
        While the hub is full, the page keeps trying, each time after the longer ``retry``; it
        connects when there is room.
        """
        turned_away = r'"GET /sse HTTP/1\.1" 200 '
        with (
            hub("--tick", "0.1", "--reconnection-time", "0.1", "--max-subscribers", "1") as process,
            subscribe(process) as occupant,
        ):
            self.browser.get(process.url)
            began = time.monotonic()
            self.click("connect")
            process.wait_for(rf"(?s)({turned_away}.*){{3}}")
            # The page has waited twice for ten to twenty times the usual retry.
            self.assertGreater(time.monotonic() - began, 1.5)
            occupant.close()
            self.wait_for_more()
            self.assertEqual("open", self.text("state"))


@contextmanager
def server(name: str) -> Iterator[str]:
    """
    Run one of the small servers beside this file, and return its address.
    """
    command = [sys.executable, "-m", f"tests.functional.{name}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


class EndForGoodTests(BrowserCase):
    """
    A stream that ends for good: the browser gets an event of type ``end``, makes one more request,
    gets 204, and makes no more requests.
    """

    def assert_it_ends(self, path: str, *expected: list[str]) -> None:
        """
        Check that the browser receives these events, asks once more and then never again.
        """
        with server("final_streams") as url:
            self.browser.get(url)
            self.assertEqual(
                [*expected, ["end", ""]], self.browser.execute_async_script(UNTIL_CLOSED, path)
            )
            # While another stream reconnects ten times, this one does not.
            self.assertEqual("again", self.browser.execute_async_script(UNTIL_AGAIN, "again", 10))
            self.assertEqual(2, self.browser.execute_script("return source.readyState"))
            self.assertEqual(
                [[f"/{path}", None, 200], [f"/{path}", "#end", 204]],
                ask(url.split("/")[2], "/requests"),
            )

    def test_ended_by_the_application(self) -> None:
        """
        A subscriber does not come back after the application has ended its stream for good.
        """
        self.assert_it_ends("sse", ["message", "hello"])

    def test_finished_source(self) -> None:
        """
        The browser does not ask again for a per-request stream whose source is finished.
        """
        self.assert_it_ends("source", ["message", "one"], ["message", "two"])

    def test_page(self) -> None:
        """
        The page says that the server has ended the stream, and offers to connect again.
        """
        with server("final_streams") as url:
            self.browser.get(url)
            self.click("connect")
            self.wait_for_text("state", "ended by the server")
            self.assertTrue(self.browser.find_element("id", "connect").is_enabled())


class PublishTests(BrowserCase):
    """
    Publishing from the page.
    """

    def publish(self, topic: str, data: str) -> None:
        """
        Fill in the form, and send it.
        """
        for name, text in (("topic", topic), ("data", data)):
            self.browser.find_element("id", name).clear()
            self.browser.find_element("id", name).send_keys(text)
        self.browser.find_element("css selector", "#publish button").click()

    def test_published(self) -> None:
        """
        A published event arrives on the page, and the page shows its id.
        """
        with hub("--tick", "0") as process:
            self.browser.get(process.url)
            self.click("connect")
            self.wait_for_text("state", "open")
            self.publish("demo", '{"a": "\u00e9"}')
            self.wait_for_text("received", "1")
            entry = self.browser.find_element("css selector", "#log .event").text
            self.assertIn('{"a": "\u00e9"}', entry)
            self.assertIn(self.text("answer").removeprefix("Published as "), entry)

    def test_tick_has_no_id(self) -> None:
        """
        A tick has no id, even after an event that has one.
        """
        with hub("--tick", "0.1") as process:
            self.browser.get(process.url)
            self.publish("demo", "1")
            wait_until(lambda: self.text("answer").startswith("Published as #"), "published")
            self.click("connect")
            wait_until(lambda: int(self.text("received")) >= 2, "ticks have come")
            self.assertNotIn("#", self.text("log"))

    def test_refused(self) -> None:
        """
        If the hub refuses a publication, nothing is published, and the page says why.
        """
        with hub("--tick", "0") as process:
            self.browser.get(process.url)
            self.publish("*", "1")
            self.wait_for_text("answer", "400: topic must not be *, which means every topic")

    def test_no_form_without_the_right(self) -> None:
        """
        If not everyone may publish, the page does not offer it.
        """
        with server("final_streams") as url, mercure_hub() as process:
            for page in (url, process.url):
                self.browser.get(page)
                wait_until(lambda: self.text("subscribers") == "0", "the page has the status")
                self.assertFalse(self.browser.find_element("id", "publish").is_displayed())


class ResumeTests(BrowserCase):
    """
    A page that reconnects after its connection broke.
    """

    def open_stream(self, url: str) -> None:
        """
        Make the page connect, and wait until the stream is open.
        """
        self.browser.get(url)
        self.browser.execute_script(HEARS)
        self.wait_for("return source.readyState", OPEN)

    def wait_for(self, script: str, expected: object) -> None:
        """
        Wait until a script of the page returns a true value.
        """
        wait_until(
            lambda: self.browser.execute_script(script) == expected,
            f"{script} says {expected!r}; heard {self.browser.execute_script('return heard')}",
        )

    def command(self, url: str, path: str) -> object:
        return ask(url.split("/")[2], path)

    def test_before_its_first_event(self) -> None:
        """
        A page that loses its stream before the first event gets the events that it missed: the hub
        told it where to continue.
        """
        with server("lossy_streams") as url:
            self.open_stream(url)
            self.command(url, "/lose?count=3")
            expected = [["message", f"#e.{number}", str(number)] for number in (1, 2, 3)]
            self.wait_for("return heard", expected)
            self.command(url, "/publish")
            self.wait_for("return heard", [*expected, ["message", "#e.4", "4"]])
            self.assertEqual([None, "#e.0"], self.command(url, "/requests"))

    def test_again_and_again(self) -> None:
        """
        A page that loses its stream many times gets every event once.
        """
        with server("lossy_streams") as url:
            self.open_stream(url)
            for count in range(1, 9):
                self.command(url, "/lose?count=2")
                self.wait_for(
                    "return heard.map((one) => Number(one[2]))", [*range(1, 2 * count + 1)]
                )
                self.wait_for("return source.readyState", OPEN)

    def test_gap(self) -> None:
        """
        A page that was away for too long is told about the gap, once, and continues with new
        events.
        """
        with server("lossy_streams") as url:
            self.open_stream(url)
            self.command(url, "/lose?count=8")
            gap = ["gap", "#e.8", '{"asked":"#e.0","oldest":"#e.4","newest":"#e.8"}']
            self.wait_for("return heard", [gap])
            self.command(url, "/lose?count=2")
            self.wait_for(
                "return heard", [gap, ["message", "#e.9", "9"], ["message", "#e.10", "10"]]
            )
            self.assertEqual([None, "#e.0", "#e.8"], self.command(url, "/requests"))
