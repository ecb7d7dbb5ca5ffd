"""
Every answer of the hub at its URL, whole: its status, each of its headers, and its body.
"""

import json
from dataclasses import replace
from urllib.parse import quote

from twisted.internet.defer import fail

from ssetwist import Refused
from ssetwist.hub import EVERYTHING, Matchers
from ssetwist.mercure import Action, MetadataResource, Rights
from ssetwist.mercure.access import Origins
from ssetwist.mercure.rights import DETAIL_TYPE
from ssetwist.web import Site
from tests.memory import Client
from tests.unit.mercure.case import ResourceCase

SHOWN = {"X-Content-Type-Options": "nosniff"}
VARY = {"Vary": "Origin"}
NO_STORE = {"Cache-Control": "no-store"}
TEXT = {"Content-Type": "text/plain; charset=utf-8"}
TURNED_AWAY = {
    "Cache-Control": "no-store, no-transform",
    "Content-Type": "text/event-stream",
    "Transfer-Encoding": "chunked",
    "X-Accel-Buffering": "no",
}
STREAM = TURNED_AWAY | {"Connection": "close"}
SUBSCRIBE = "GET, HEAD, QUERY"
METADATA = "https://hub.example/.well-known/oauth-protected-resource/hub"


class EveryAnswerTests(ResourceCase):
    def assert_answer(
        self,
        client: Client,
        status: str,
        headers: dict[str, str],
        body: str = "",
        *,
        vary: dict[str, str] = VARY,
    ) -> None:
        """
        Assert that a client has exactly this answer, besides the headers of every answer.

        :param headers: With ``Content-Type`` for a body that is not plain text.
        """
        for name in (b"date", b"server"):
            self.assertIn(b"\r\n%b: " % name, client.head)
        wanted = SHOWN | vary | headers
        is_chunked = "Transfer-Encoding" in headers
        if not is_chunked and status[:3] not in ("204", "304"):
            wanted = TEXT | wanted
            wanted.setdefault("Content-Length", str(len(body)))
        self.assertEqual((f"HTTP/1.1 {status}", wanted, body), client.answer)
        if is_chunked and "Connection" not in headers:  # a browser that is turned away
            self.assertTrue(client.is_complete)

    def assert_refused(
        self, client: Client, status: str, text: str, headers: dict[str, str] | None = None
    ) -> None:
        """
        Assert that a request was refused with this text.
        """
        self.assert_answer(client, status, NO_STORE | (headers or {}), f"{text}\n")

    def test_published(self) -> None:
        """
        A publication is answered with its id alone, and lines with a line for each.
        """
        self.assert_answer(self.publish(), "200 OK", {}, "#e.1")
        self.assert_answer(
            self.publish(b'{"topic": "news"}\n{}', Content_Type="application/x-ndjson"),
            "200 OK",
            {"Content-Type": "application/x-ndjson"},
            '{"id": "#e.2"}\n{"error": "topic is missing", "status": 400, "line": 2}\n',
        )

    def test_stream(self) -> None:
        """
        A stream has the headers of a stream; after an id also that id, or ``earliest`` if the hub
        no longer has its event.
        """
        self.make(replace(self.settings, has_subscriptions=False))
        self.publish()
        self.assert_answer(self.ask(), "200 OK", STREAM, "retry: 3000\n")
        gap = 'event: gap\nid: #e.1\ndata: {"asked":"gone","oldest":"#e.1","newest":"#e.1"}\n\n'
        for id, told, body in (
            ("#e.1", "#e.1", "retry: 3000\n"),
            ("gone", "earliest", f"retry: 3000\n{gap}"),
        ):
            headers = {"Mercure-Last-Event-Id": told, "Last-Event-Id": told}
            asked = self.ask(Last_Event_ID=id)
            self.assert_answer(asked, "200 OK", STREAM | headers, body)
            asked = self.ask(method="HEAD", Last_Event_ID=id)
            stream = {"Content-Type": "text/event-stream", "Content-Length": "0"}
            self.assert_answer(asked, "200 OK", stream | NO_STORE | headers)

    def test_not_again(self) -> None:
        """
        A client whose stream has ended for good is told not to come back.
        """
        self.assert_answer(self.ask(Last_Event_ID="#end"), "204 No Content", NO_STORE)

    def test_turned_away(self) -> None:
        """
        A closed hub sends a browser away with a longer reconnection time, and others with 503.
        """
        self.hub.close()
        self.hub.streams.jitter = lambda: 0.5
        browser = self.ask(User_Agent="Mozilla/5.0")
        self.assert_answer(browser, "200 OK", TURNED_AWAY, "retry: 45000\n")

    def test_methods(self) -> None:
        """
        ``OPTIONS`` is told which methods are allowed, and so is any other method.
        """
        for path, methods in (("", f"{SUBSCRIBE}, POST, OPTIONS"), ("s", "GET, HEAD, OPTIONS")):
            allow = {"Allow": methods}
            self.assert_answer(self.ask(path, method="OPTIONS"), "204 No Content", allow)
            for method in ("PUT", "PATCH", "DELETE", "BREW"):
                self.assert_answer(
                    self.ask(path, method=method),
                    "405 Method Not Allowed",
                    allow,
                    f"Allowed methods: {methods}.\n",
                )
        self.authorizer.allowed = {Action.SUBSCRIBE}
        allow = {"Allow": f"{SUBSCRIBE}, OPTIONS"}
        text = f"Allowed methods: {SUBSCRIBE}, OPTIONS.\n"
        self.assert_answer(self.publish(), "405 Method Not Allowed", allow, text)
        self.authorizer.allowed = {Action.PUBLISH}
        allow = {"Allow": "POST, OPTIONS"}
        text = "Allowed methods: POST, OPTIONS.\n"
        self.assert_answer(self.ask(), "405 Method Not Allowed", allow, text)

    def test_page_of_another_origin(self) -> None:
        """
        The answers to a page of a listed origin say what it may read; a preflight is also told what
        it may send.  A page of any other origin is told nothing.
        """
        page = "https://page.example"
        origins = Origins.of([page])
        self.make(replace(self.settings, cors_origins=origins, publish_origins=origins))
        exposed = (
            "Link, ETag, Mercure-Last-Event-ID, Last-Event-ID, WWW-Authenticate, Retry-After, "
            "Accept-Query"
        )
        may_read = {
            "Access-Control-Allow-Origin": page,
            "Access-Control-Allow-Credentials": "true",
            "Access-Control-Expose-Headers": exposed,
        }
        methods = f"{SUBSCRIBE}, POST, OPTIONS"
        may_send = {
            "Access-Control-Allow-Methods": methods,
            "Access-Control-Allow-Headers": "authorization, cache-control, content-type, "
            "idempotency-key, last-event-id, if-none-match",
            "Access-Control-Max-Age": "7200",
        }
        self.assert_answer(self.publish(Origin=page), "200 OK", may_read, "#e.1")
        self.assert_answer(
            self.ask("", method="OPTIONS", Origin=page),
            "204 No Content",
            {"Allow": methods} | may_read | may_send,
        )
        other = "https://other.example"
        stream = self.ask(Origin=other)
        self.assert_answer(stream, "200 OK", STREAM, "retry: 3000\n")
        self.assert_answer(
            self.ask("", method="OPTIONS", Origin=other), "204 No Content", {"Allow": methods}
        )

    def test_refused(self) -> None:
        """
        A refusal says what is wrong, and is never kept.
        """
        unknown = f'Bearer resource_metadata="{METADATA}"'
        too_weak = (
            'Bearer error="insufficient_scope", error_description="The token does not allow this.",'
            f' resource_metadata="{METADATA}"'
        )
        form = "application/x-www-form-urlencoded"
        types = f"{form}, application/json or application/x-ndjson"
        query = {"method": "QUERY", "body": b"match=news"}
        refusals = (
            (self.ask("?match=news", "eve"), "401 Unauthorized", "Who are you?",
             {"WWW-Authenticate": unknown}),
            (self.publish(b"topic=b&data=1"), "403 Forbidden", "The token does not allow this.",
             {"WWW-Authenticate": too_weak}),
            (self.publish(b"data=1"), "400 Bad Request", "topic is missing", {}),
            (self.publish(b"x", Content_Type="text/plain"), "415 Unsupported Media Type",
             f"Content-Type must be {types}.", {}),
            (self.ask("?match=news", Accept="text/html"), "406 Not Acceptable",
             "Only text/event-stream is available.", {}),
            (self.ask("", **query), "400 Bad Request",
             f"A single Content-Type header is required, of {form}.", {}),
            (self.ask("", **query, Content_Type="application/json"), "415 Unsupported Media Type",
             f"Content-Type must be {form}, not application/json.", {}),
            (self.ask("subscriptions/x/y/z/"), "404 Not Found",
             "This subscription does not exist.", {}),
        )  # fmt: skip
        for client, status, text, headers in refusals:
            self.assert_refused(client, status, text, headers)

    def test_later(self) -> None:
        """
        A refusal for now says after how many seconds another try may succeed.
        """
        self.log.is_full = True
        text = "The event log takes nothing now; try again later."
        self.assert_refused(self.publish(), "503 Service Unavailable", text, {"Retry-After": "3"})
        self.log.is_full = False
        self.make(replace(self.settings, publish_rate=0.1, max_per_token=1))
        self.publish()
        text = "This publisher is too fast."
        self.assert_refused(self.publish(), "429 Too Many Requests", text, {"Retry-After": "10"})
        self.ask()
        text = "At most 1 streams at a time are allowed with one token."
        self.assert_refused(self.ask(), "429 Too Many Requests", text, {"Retry-After": "10"})
        self.hub.close()
        self.make(self.settings)
        text = "The hub is stopping; try again later."
        self.assert_refused(self.publish(), "503 Service Unavailable", text, {"Retry-After": "5"})

    def test_broken(self) -> None:
        """
        A fault of the application leads to an answer without details.
        """
        self.authorizer.authorize = lambda request, action: fail(  # type: ignore[method-assign]
            RuntimeError("secret")
        )
        text = "Access cannot be decided now; try again later."
        self.assert_refused(self.ask(), "503 Service Unavailable", text, {"Retry-After": "5"})
        self.assertEqual(1, len(self.flushLoggedErrors(RuntimeError)))

    def test_unavailable(self) -> None:
        """
        A browser whose access cannot be decided now is told to come back; others get 503.
        """
        refused = Refused(503, "Later.", retry_after=2)
        self.authorizer.authorize = lambda request, action: fail(  # type: ignore[method-assign]
            refused
        )
        self.assert_refused(self.ask(), "503 Service Unavailable", "Later.", {"Retry-After": "2"})
        self.hub.streams.jitter = lambda: 0.0
        browser = self.ask(User_Agent="Mozilla/5.0")
        self.assert_answer(browser, "200 OK", TURNED_AWAY, "retry: 30000\n")

    def test_subscriptions(self) -> None:
        """
        The list of the subscriptions, one of them, the same again, and one that does not exist.
        """
        admin = Rights(subscribe=Matchers.of(EVERYTHING), identity="admin")
        self.authorizer.people["admin"] = admin
        self.ask()
        [subscriber] = {one.subscriber for one in self.resource.active}
        path = f"subscriptions/exact/news/{quote(subscriber, safe='')}"
        state = {"match_type": "exact", "match": "news", "subscriber": subscriber, "active": True}
        one = {"id": f"/hub/{path}", "type": "subscription"} | state
        every = {"id": "/hub/subscriptions", "type": "subscriptions", "subscriptions": [one]}
        link = (
            '<https://hub.example/hub>; rel="mercure"; last-event-id="#e.1"; type="mercure"; '
            'content-type="application/json"'
        )
        headers = {
            "ETag": '"#e.1"',
            "Cache-Control": "private, must-revalidate",
            "Link": link,
            "Content-Type": "application/json",
        }
        in_pieces = {"Transfer-Encoding": "chunked"}
        for asked, document, more in (
            ("subscriptions", every, in_pieces),
            (
                "subscriptions/exact/news",
                every | {"id": "/hub/subscriptions/exact/news"},
                in_pieces,
            ),
            (path, one, {}),
        ):
            text = json.dumps(document, separators=(",", ":"))
            self.assert_answer(self.ask(asked, "admin"), "200 OK", headers | more, text)
        del headers["Content-Type"]
        again = self.ask("subscriptions", "admin", If_None_Match='"#e.1"')
        self.assert_answer(again, "304 Not Modified", headers)
        text = "This subscription does not exist."
        gone = self.ask("subscriptions/exact/news/urn:nobody", "admin")
        self.assert_refused(gone, "404 Not Found", text, {"Link": link})

    def test_metadata(self) -> None:
        """
        Everyone may read and keep the document that says how to get a token.
        """
        settings = replace(self.settings, issuers=("https://issuer.example",), cookie="token")
        client = Client(Site(MetadataResource(settings), streams=self.hub.streams), self.clock)
        self.clients.append(client)
        client.request()
        document = {
            "resource": "https://hub.example/hub",
            "bearer_methods_supported": ["header"],
            "authorization_details_types_supported": [DETAIL_TYPE],
            "mercure_subscriptions": True,
            "authorization_servers": ["https://issuer.example"],
            "mercure_cookie": "token",
        }
        headers = {
            "Access-Control-Allow-Origin": "*",
            "Cache-Control": "public, max-age=3600",
            "Content-Type": "application/json",
        }
        text = json.dumps(document, separators=(",", ":"))
        self.assert_answer(client, "200 OK", headers, text, vary={})
