"""
Pages in headless Chromium that talk to a Mercure hub of another origin.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from threading import Thread
from urllib.parse import quote

from tests.functional.chromium import OPEN, BrowserCase
from tests.functional.commands import WebServer
from tests.functional.cutting_proxy import cutting_proxy
from tests.functional.mercure_process import (
    PATH,
    TOPIC,
    access_token,
    legacy_token,
    mercure_hub,
    publish,
)
from tests.functional.node_clients import node_folder
from tests.functional.support import HubProcess, read_until, subscribe, wait_until

#: The ``readyState`` of a stream that was given up.
CLOSED = 2

_NAME = quote(TOPIC, safe="")

#: A script that reads a stream until the page is gone.
HEARS = """
window.heard = [];
window.opened = 0;
window.source = new EventSource(arguments[0], { withCredentials: arguments[1] });
source.onopen = () => opened++;
source.onmessage = (event) => heard.push(event.data);
"""

#: A script as above, with a library that needs no cookie.
FETCHES = """
const [url, token] = arguments;
window.heard = [];
window.opened = 0;
window.failed = 0;
import("/modules/@microsoft/fetch-event-source/lib/esm/index.js").then((module) =>
  module.fetchEventSource(url, {
    headers: { Authorization: `Bearer ${token}` },
    openWhenHidden: true,
    async onopen(response) {
      if (!response.ok) throw new Error(response.status);
      opened++;
    },
    onmessage: (event) => heard.push(event.data),
    onerror: () => { failed++ },
  }),
);
"""

#: A script as above, with the polyfill, once the script of the polyfill is loaded.
POLYFILLS = """
const [url, token] = arguments;
window.heard = [];
window.opened = 0;
window.failed = 0;
const script = document.createElement("script");
script.src = "/modules/event-source-polyfill/src/eventsource.js";
script.onload = () => {
  window.source = new EventSourcePolyfill(url, { headers: { Authorization: `Bearer ${token}` } });
  source.onopen = () => opened++;
  source.onmessage = (event) => heard.push(event.data);
  source.onerror = () => failed++;
};
document.body.append(script);
"""

#: A script that publishes with a cookie, and returns the answer that the page gets.
PUBLISHES = """
const [url, topic, mode, done] = arguments;
const body = new URLSearchParams({ topic, data: "by the page", private: "on" });
fetch(url, { method: "POST", body, mode, credentials: "include" }).then(
  async (response) => done([response.type, response.status, await response.text()]),
  (error) => done([error.name]),
);
"""


class PageServer(WebServer):
    """
    Serves an empty page, and packages that npm has installed.

    :ivar cookie: The cookie that it sets with each page, if not ``""``.
    """

    cookie = ""

    def __init__(self) -> None:
        super().__init__(_PageHandler)

    def origin(self, host: str = "localhost") -> str:
        """
        Return its origin, under one of its host names.
        """
        return f"http://{host}:{self.server_port}"


class _PageHandler(BaseHTTPRequestHandler):
    server: PageServer

    def do_GET(self) -> None:
        content_type, body = "text/html", b"<!doctype html><link rel=icon href=data:,><body>"
        if self.path.startswith("/modules/"):
            file = node_folder() / "node_modules" / self.path.removeprefix("/modules/")
            # Modules name each other without their suffix, for bundlers.
            body = (file if file.suffix else file.with_suffix(".js")).read_bytes()
            content_type = "text/javascript"
        self.send_response(200)
        if self.server.cookie:
            self.send_header("Set-Cookie", self.server.cookie)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """
        Keep requests out of the output of the tests.
        """


@contextmanager
def page_server() -> Iterator[PageServer]:
    """
    Run a server of pages in a thread.
    """
    with PageServer() as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def hub_url(port: int, host: str = "localhost", name: str = "match") -> str:
    return f"http://{host}:{port}{PATH}?{name}={_NAME}"


class PageCase(BrowserCase):
    """
    A page, its server, and a browser without cookies.
    """

    def setUp(self) -> None:
        super().setUp()
        self.browser.execute_cdp_cmd("Network.clearBrowserCookies", {})

    def evaluate(self, script: str) -> object:
        return self.browser.execute_script(f"return {script}")

    def wait_for(self, script: str, expected: object) -> None:
        """
        Wait until an expression of the page has a value.
        """
        wait_until(
            lambda: self.evaluate(script) == expected,
            f"{script} is {expected!r}; heard {self.evaluate('heard')}",
        )

    def assert_blocked(self, times: int = 1) -> None:
        """
        Check that the browser has reported that it hid responses from the page.
        """
        said = [entry["message"] for entry in self.browser.get_log("browser")]
        blocked = [message for message in said if "blocked by CORS policy" in message]
        self.assertGreaterEqual(len(blocked), times, said)

    def hear(self, pages: PageServer, url: str, *, with_cookies: bool = True) -> None:
        """
        Open a page at localhost that subscribes, and wait until its stream is open.
        """
        self.browser.get(pages.origin())
        self.browser.execute_script(HEARS, url, with_cookies)
        self.wait_for("source.readyState", OPEN)

    def assert_heard(self, process: HubProcess, *expected: str) -> None:
        """
        Publish a private and a public update, and check that the page receives these updates.
        """
        publish(process, "private", private=True)
        publish(process, "public")
        self.wait_for("heard.at(-1)", "public")
        self.assertEqual(list(expected), self.evaluate("heard"))


class SubscribeTests(PageCase):
    """
    ``EventSource`` with a cookie.
    """

    def assert_private_is_heard(self, cookie: str, name: str) -> None:
        """
        Check that a page of another port receives private updates with the cookie of its own
        server.
        """
        with page_server() as pages, mercure_hub(f"--cors-origin={pages.origin()}") as process:
            pages.cookie = cookie
            self.hear(pages, hub_url(process.port, name=name))
            self.assert_heard(process, "private", "public")

    def test_cookie_1_0(self) -> None:
        """
        The cookie of 1.0 works; Chromium also accepts it from localhost without TLS.
        """
        self.assert_private_is_heard(
            f"__Secure-mercure_access_token={access_token()}; Secure; HttpOnly; SameSite=Strict",
            "match",
        )

    def test_cookie_0_x(self) -> None:
        """
        The cookie of 0.x works with a subscription of 0.x.
        """
        self.assert_private_is_heard(
            f"mercureAuthorization={legacy_token()}; HttpOnly; SameSite=Strict", "topic"
        )

    def test_without_credentials(self) -> None:
        """
        A page sends a cookie to another origin only if it asks for this.
        """
        with page_server() as pages, mercure_hub(f"--cors-origin={pages.origin()}") as process:
            pages.cookie = f"mercureAuthorization={legacy_token()}; SameSite=Strict"
            self.hear(pages, hub_url(process.port), with_cookies=False)
            self.assert_heard(process, "public")

    def test_other_site(self) -> None:
        """
        A hub of another site gets no cookie, whatever ``SameSite`` the cookie has.

        ``None`` would send it, but Chromium blocks all cookies of third parties.
        """
        for same_site in ("Strict", "Lax", "None; Secure"):
            with page_server() as pages, mercure_hub(f"--cors-origin={pages.origin()}") as process:
                pages.cookie = f"mercureAuthorization={legacy_token()}; SameSite={same_site}"
                self.browser.get(pages.origin(process.host))  # a cookie of that host
                pages.cookie = ""
                self.hear(pages, hub_url(process.port, process.host))
                self.assert_heard(process, "public")

    def test_origin_that_is_not_listed(self) -> None:
        """
        A page of an origin that is not listed receives nothing, and gives up; the hub forgets it.
        """
        with page_server() as pages, mercure_hub("--cors-origin=http://localhost:1") as process:
            pages.cookie = f"mercureAuthorization={legacy_token()}; SameSite=Strict"
            self.browser.get(pages.origin())
            self.browser.execute_script(HEARS, hub_url(process.port), True)
            self.wait_for("source.readyState", CLOSED)
            publish(process, "public")
            wait_until(lambda: process.subscribers() == 0, "the page has gone")
            self.assertEqual([0, []], self.evaluate("[opened, heard]"))
            self.assert_blocked()

    def test_all_origins(self) -> None:
        """
        If all origins are listed, a page receives public updates, but cannot use cookies.
        """
        with page_server() as pages, mercure_hub("--cors-origin=*") as process:
            self.hear(pages, hub_url(process.port), with_cookies=False)
            self.assert_heard(process, "public")
            self.browser.execute_script(HEARS, hub_url(process.port), True)
            self.wait_for("source.readyState", CLOSED)
            self.assert_blocked()

    def test_cut(self) -> None:
        """
        A page that is cut off several times, the first time before any update, comes back with
        ``Last-Event-ID`` and its cookie, and receives all updates once.
        """
        with (
            page_server() as pages,
            mercure_hub(f"--cors-origin={pages.origin()}") as process,
            cutting_proxy((process.host, process.port)) as proxy,
        ):
            pages.cookie = f"mercureAuthorization={legacy_token()}; SameSite=Strict"
            self.hear(pages, hub_url(proxy.port))
            expected: list[str] = []
            ids: list[str] = []

            def one_more(id: str = "") -> None:
                expected.append(str(len(expected)))
                ids.append(publish(process, expected[-1], private=True, id=id))

            seen: list[object] = []
            for cut in range(1, 4):
                proxy.cut()
                seen += ids[-1:]
                one_more()
                proxy.resume()
                self.wait_for("opened", cut + 1)
                one_more("né 1" if cut == 1 else "")
                self.wait_for("heard", expected)
            first, *others = [request.headers["Last-Event-ID"] for request in proxy.requests()]
            self.assertIsNone(first)
            self.assertRegex(others.pop(0), r"^#\w+\.0$")  # of the update before the first
            self.assertEqual(seen, [id.encode("latin-1").decode() for id in others])

    def test_expiry(self) -> None:
        """
        The stream ends before its token expires.  The page comes back with its new token, and has
        missed nothing.
        """
        with page_server() as pages, mercure_hub(f"--cors-origin={pages.origin()}") as process:
            pages.cookie = f"mercureAuthorization={legacy_token(lifetime=5)}; SameSite=Strict"
            self.hear(pages, hub_url(process.port))
            publish(process, "1", private=True)
            pages.cookie = f"mercureAuthorization={legacy_token()}; SameSite=Strict"
            self.browser.execute_script("fetch('/')")
            process.wait_for(r"mercure: token expired after [0-4]\.")
            publish(process, "2", private=True)
            self.wait_for("opened", 2)
            publish(process, "3", private=True)
            self.wait_for("heard", ["1", "2", "3"])

    def test_expiry_without_another_token(self) -> None:
        """
        A page without a new token is refused with 401; its ``EventSource`` gives up.
        """
        with page_server() as pages, mercure_hub(f"--cors-origin={pages.origin()}") as process:
            pages.cookie = f"mercureAuthorization={legacy_token(lifetime=5)}; SameSite=Strict"
            self.hear(pages, hub_url(process.port))
            self.wait_for("source.readyState", CLOSED)
            process.wait_for("401 to .*: exp is ")


class PublishTests(PageCase):
    """
    Publishing with a cookie.
    """

    def publish_from(
        self, pages: PageServer, process: HubProcess, *, mode: str = "cors", host: str = "localhost"
    ) -> list[object]:
        """
        Make a page publish to localhost, with a cookie for localhost; return the answer.
        """
        pages.cookie = f"mercureAuthorization={legacy_token()}; SameSite=Lax"
        self.browser.get(pages.origin())
        pages.cookie = ""
        self.browser.get(pages.origin(host))
        url = f"http://localhost:{process.port}{PATH}"
        told: list[object] = self.browser.execute_async_script(PUBLISHES, url, TOPIC, mode)
        return told

    @contextmanager
    def assert_not_published(self, process: HubProcess) -> Iterator[None]:
        """
        Check that nothing is published during a block.
        """
        path = f"{PATH}?topic={_NAME}&authorization={legacy_token()}"
        with subscribe(process, path) as stream:
            yield
            publish(process, "by the test", private=True)
            self.assertNotIn(b"by the page", read_until(stream, b"by the test"))

    def test_listed(self) -> None:
        """
        A page of a listed origin publishes, and gets the id.
        """
        with page_server() as pages:
            origin = pages.origin()
            with mercure_hub(f"--cors-origin={origin}", f"--publish-origin={origin}") as process:
                path = f"{PATH}?topic={_NAME}&authorization={legacy_token()}"
                with subscribe(process, path) as stream:
                    kind, status, id = self.publish_from(pages, process)
                    self.assertEqual(("cors", 200), (kind, status))
                    self.assertIn(f"id: {id}\n".encode(), read_until(stream, b"by the page"))

    def test_not_listed(self) -> None:
        """
        A page that may read but is not listed for publishing is refused, and gets the error.
        """
        with (
            page_server() as pages,
            mercure_hub(f"--cors-origin={pages.origin()}") as process,
            self.assert_not_published(process),
        ):
            kind, status, text = self.publish_from(pages, process)
            self.assertEqual(("cors", 400), (kind, status))
            self.assertIn("from a page of an allowed origin", text)

    def test_forged(self) -> None:
        """
        A page of the same site that is not listed is refused, even if it does not read the answer,
        and although its browser sends the cookie.
        """
        with (
            page_server() as pages,
            mercure_hub("--publish-origin=http://localhost:1") as process,
            self.assert_not_published(process),
        ):
            self.assertEqual(["opaque", 0, ""], self.publish_from(pages, process, mode="no-cors"))
            process.wait_for(f"400 to .* from a page of '{pages.origin()}'")

    def test_forged_from_another_site(self) -> None:
        """
        A page of another site gets 401, because its browser sends no cookie.
        """
        with (
            page_server() as pages,
            mercure_hub() as process,
            self.assert_not_published(process),
        ):
            told = self.publish_from(pages, process, mode="no-cors", host="127.0.0.1")
            self.assertEqual(["opaque", 0, ""], told)
            process.wait_for("401 to .* POST .*: the request has no token")


class AuthorizationTests(PageCase):
    """
    Clients from npm in a page, with a token in a header.
    """

    def leave(self) -> None:
        """
        Stop the client, which reports each lost stream in the console.
        """
        self.browser.get("about:blank")
        self.browser.get_log("browser")

    def assert_all_is_heard(self, script: str) -> None:
        """
        Check that a client of another origin receives private updates, is cut off, and misses
        nothing.
        """
        with (
            page_server() as pages,
            mercure_hub(f"--cors-origin={pages.origin()}") as process,
            cutting_proxy((process.host, process.port)) as proxy,
        ):
            self.browser.get(pages.origin())
            self.browser.execute_script(script, hub_url(proxy.port), access_token())
            self.wait_for("opened", 1)
            expected: list[str] = []

            def one_more() -> None:
                expected.append(str(len(expected)))
                publish(process, expected[-1], private=True)

            one_more()
            self.wait_for("heard", expected)
            for cut in range(1, 4):
                proxy.cut()
                one_more()
                proxy.resume()
                self.wait_for("opened", cut + 1)
                one_more()
                self.wait_for("heard", expected)
            self.assertIn("OPTIONS", [request.method for request in proxy.requests()])
            self.leave()

    def assert_preflight_fails(self, script: str) -> None:
        """
        Check that a client of an origin that is not listed sends nothing but the preflight request.
        """
        with (
            page_server() as pages,
            mercure_hub() as process,
            cutting_proxy((process.host, process.port)) as proxy,
        ):
            self.browser.get(pages.origin())
            self.browser.execute_script(script, hub_url(proxy.port), access_token())
            wait_until(lambda: self.evaluate("failed > 0"), "the request has failed")
            self.assertEqual({"OPTIONS"}, {request.method for request in proxy.requests()})
            self.assertEqual([0, []], self.evaluate("[opened, heard]"))
            self.assert_blocked()
            self.leave()

    def test_fetch_event_source(self) -> None:
        """
        ``@microsoft/fetch-event-source`` receives all updates, and no empty ones.
        """
        self.assert_all_is_heard(FETCHES)

    def test_fetch_event_source_not_listed(self) -> None:
        """
        ``@microsoft/fetch-event-source`` receives nothing if its origin is not listed.
        """
        self.assert_preflight_fails(FETCHES)

    def test_polyfill(self) -> None:
        """
        ``event-source-polyfill`` receives all updates.
        """
        self.assert_all_is_heard(POLYFILLS)

    def test_polyfill_not_listed(self) -> None:
        """
        ``event-source-polyfill`` receives nothing if its origin is not listed.
        """
        self.assert_preflight_fails(POLYFILLS)
