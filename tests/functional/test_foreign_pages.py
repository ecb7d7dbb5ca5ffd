"""
Pages of strangers in headless Chromium, and a hub that allows whatever comes from this network: the
application decides by the address, which a page shares with its browser.
"""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from http.server import BaseHTTPRequestHandler
from threading import Thread
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from tests.functional.chromium import BrowserCase
from tests.functional.commands import WebServer
from tests.functional.mercure_process import PATH, url_of
from tests.functional.support import PATIENCE, HubProcess, hub, read_until, wait_until
from tests.functional.twistd_process import head

#: A script that publishes with a form.
POSTS_FORM = """
const form = document.createElement("form");
form.method = "POST";
form.action = arguments[0];
for (const [name, value] of [["topic", "/a"], ["data", "by the page"]]) {
  const input = document.createElement("input");
  [input.name, input.value] = [name, value];
  form.append(input);
}
document.body.append(form);
form.submit();
"""

#: A script that publishes with a worthless token, and returns the answer.
FETCHES = """
const [url, done] = arguments;
const body = new URLSearchParams({ topic: "/a", data: "by the page" });
fetch(url, { method: "POST", body, headers: { Authorization: "Bearer x" } }).then(
  async (response) => done([response.status, await response.text()]),
  (error) => done([error.name]),
);
"""

REFUSAL = "must come from a page of an allowed origin"


class _Handler(BaseHTTPRequestHandler):
    """
    A page, which may hide its origin, and the application's answer, which allows everything.
    """

    def do_GET(self) -> None:
        is_page = self.path != "/authorize"
        body = b"<!doctype html><link rel=icon href=data:,><body>" if is_page else b""
        self.send_response(200 if is_page else 204)
        self.send_header("Content-Type", "text/html")
        if self.path == "/hidden":
            self.send_header("Referrer-Policy", "no-referrer")
        if is_page:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """
        Keep requests out of the output of the tests.
        """


class ForeignPageTests(BrowserCase):
    """
    A page at localhost, and a hub at 127.0.0.1, which is another site.
    """

    @contextmanager
    def page_and_hub(self, *options: str) -> Iterator[tuple[str, HubProcess]]:
        """
        Run a server of pages, which is also the application, and a hub that asks it.

        :param options: Options of the hub, with ``{origin}`` for the origin of the pages.
        """
        with ExitStack() as stack:
            server = stack.enter_context(WebServer(_Handler))
            thread = Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.shutdown)
            origin = f"http://localhost:{server.server_port}"
            asked = f"http://127.0.0.1:{server.server_port}/authorize"
            given = [option.format(origin=origin) for option in options]
            yield origin, stack.enter_context(hub(f"--authorize-url={asked}", *given))

    def kept(self, process: HubProcess) -> bytes:
        """
        Publish as a program, and return everything that the hub has kept.
        """
        request = Request(url_of(process), b"topic=/a&data=by+the+program")
        with urlopen(request, timeout=PATIENCE) as response:
            self.assertEqual(200, response.status)
        target = f"{PATH}?match=*&last_event_id=earliest"
        with closing(process.connect()) as connection:
            connection.sendall(head(f"GET {target} HTTP/1.1", f"Host: {process.host}"))
            return read_until(connection, b"by the program")

    def post_form(self, page: str, process: HubProcess) -> str:
        """
        Let a page publish with a form, and return the text that its tab shows then.
        """
        self.browser.get(page)
        self.browser.execute_script(POSTS_FORM, url_of(process))
        wait_until(lambda: self.browser.current_url == url_of(process), "the answer is shown")
        script = "return document.readyState === 'complete' && document.body.innerText"
        texts: list[str] = []
        wait_until(
            lambda: bool(texts.append(self.browser.execute_script(script)) or texts[-1]),
            "the answer has a text",
        )
        return texts[-1]

    def test_form(self) -> None:
        """
        A page of another origin cannot publish with a form, even if it hides its origin.
        """
        with self.page_and_hub() as (origin, process):
            for path in ("/", "/hidden"):
                self.assertIn(REFUSAL, self.post_form(origin + path, process))
            self.assertNotIn(b"by the page", self.kept(process))

    def test_listed(self) -> None:
        """
        A page whose origin is listed publishes.
        """
        with self.page_and_hub("--publish-origin={origin}") as (origin, process):
            self.assertNotIn(REFUSAL, self.post_form(origin, process))
            self.assertIn(b"by the page", self.kept(process))

    def test_worthless_token(self) -> None:
        """
        If pages of all origins may read, a page that sends a worthless token cannot publish.
        """
        with self.page_and_hub("--cors-origin=*") as (origin, process):
            self.browser.get(origin)
            told = self.browser.execute_async_script(FETCHES, url_of(process))
            self.assertEqual(400, told[0], told)
            self.assertIn(REFUSAL, told[1])
            self.assertNotIn(b"by the page", self.kept(process))

    def test_development(self) -> None:
        """
        A hub without a key takes nothing from a page that is not of this machine, nor from a page
        whose own name leads to this machine.
        """
        with hub("--tick=0") as process:
            refusal = "pages of other machines may not publish"
            self.assertIn(refusal, self.post_form("data:text/html,<body>", process))
            fields = {"Host": "evil.example", "Origin": "http://evil.example"}
            request = Request(url_of(process), b"topic=/a&data=by+the+page", fields)
            with self.assertRaises(HTTPError) as caught, urlopen(request, timeout=PATIENCE):
                pass
            with caught.exception as error:
                self.assertEqual(421, error.code)
            self.assertNotIn(b"by the page", self.kept(process))
