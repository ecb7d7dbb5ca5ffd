"""
The table of statuses, row by row, and limits that answer with a status (sections 9 and 15 of the
checklist).
"""

import json
from typing import Any

from twisted.internet.defer import Deferred, fail

from ssetwist import Event, LogUnavailable
from ssetwist.log import Entry, MemoryLog
from tests.conformance.mercure_hub import KEYS, PATH, Response, Stream, a_topic, encoded, hub
from tests.conformance.mercure_publisher import (
    FORM,
    JSON,
    JSON_LINES,
    PublisherCase,
    access_token,
    ask,
    detail,
    exchange,
    legacy_token,
)

METADATA_URL = "https://hub.example/.well-known/oauth-protected-resource/.well-known/mercure"

ONE_KEY = "--key=env:SSETWIST_CONFORMANCE_KEY"


class FullLog(MemoryLog):
    """
    A log that refuses every event.
    """

    def append(self, topics: tuple[str, ...], event: Event, **kind: bool) -> Deferred[Entry]:
        return fail(LogUnavailable("the disk /dev/sdb is full", retry_after=2.5))


class StatusCase(PublisherCase):
    """
    Tests of answers.
    """

    options = ("--anonymous", "--subscriptions")

    def assert_challenge(self, response: Response, error: str | None) -> None:
        """
        Check the challenge of a response.

        :param error: Its code; ``""`` without a code, ``None`` without a challenge.
        """
        value = response.headers["WWW-Authenticate"]
        if error is None:
            self.assertIsNone(value)
            return
        assert value is not None, response
        self.assertTrue(value.startswith("Bearer "), value)
        self.assertIn(f'resource_metadata="{METADATA_URL}"', value)
        self.assertEqual(bool(error), "error=" in value, value)
        self.assertIn(f'error="{error}"' if error else "", value)

    def assert_answers(
        self, status: int, error: str | None, response: Response | Stream
    ) -> Response:
        """
        Check the status and the challenge of a response.
        """
        found = response.head if isinstance(response, Stream) else response
        self.assert_status(status, found)
        self.assert_challenge(found, error)
        return found

    def get(self, path: str, token: str | None = None, **headers: str) -> Response:
        """
        Get a document below the hub's path.
        """
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.hub.request("GET", f"{self.hub.path}{path}", fields, token=token)


class StatusTests(StatusCase):
    """
    Rows of the table, in its order.
    """

    def test_status_success(self) -> None:
        """
        Subscribing, publishing and the subscription API answer 200.
        """
        self.assert_answers(200, None, self.open({"match": a_topic()}))
        self.assert_answers(200, None, self.hub.publish({"topic": a_topic()}))
        self.assert_answers(200, None, self.get("/subscriptions", access_token()))

    def test_status_no_token(self) -> None:
        """
        A missing token gives 401 and a challenge without a code.
        """
        self.assert_answers(401, "", ask(self.hub, "POST", [("Content-Type", FORM)], b"topic=/a"))
        self.assert_answers(401, "", self.get("/subscriptions"))
        closed = hub(*KEYS)
        for method in ("GET", "HEAD"):
            self.assert_answers(401, "", ask(closed, method, path="?match=/a"))
        query = [("Content-Type", FORM)]
        self.assert_answers(401, "", ask(closed, "QUERY", query, b"match=/a"))

    def test_status_invalid_token(self) -> None:
        """
        Any invalid token gives 401 ``invalid_token``, even where tokens are optional.
        """
        for token in (
            access_token(exp=1),
            access_token(authorization_details=[detail("publish", {"match": ""})]),
            access_token(authorization_details=[detail("publish", "/a")] * 101),
            legacy_token("x"),
            "x" * 41,
        ):
            publishing = self.hub.publish({"topic": "/a"}, token=token)
            self.assert_answers(401, "invalid_token", publishing)
            self.assert_answers(401, "invalid_token", self.open({"match": "/a"}, token=token))
            self.assert_answers(401, "invalid_token", self.get("/subscriptions", token))

    def test_status_not_granted(self) -> None:
        """
        A good token without the needed grant gives 403 ``insufficient_scope``.
        """
        token = self.hub.mint(publish=["/b"], subscribe=["/b"])
        for wanting in (token, self.hub.mint(subscribe=["/b"])):
            publishing = self.hub.publish({"topic": "/a"}, token=wanting)
            self.assert_answers(403, "insufficient_scope", publishing)
        for path in ("/subscriptions", "/subscriptions/exact/b", "/subscriptions/exact/b/x"):
            self.assert_answers(403, "insufficient_scope", self.get(path, token))

    def test_status_malformed_token(self) -> None:
        """
        A token in a malformed header gives 400 ``invalid_request``.
        """
        for value in ("Basic dXNlcjpwYXNzd29yZA==", "Bearer", "Bearer x"):
            fields = [("Authorization", value), ("Content-Type", FORM)]
            self.assert_answers(400, "invalid_request", ask(self.hub, "POST", fields, b"topic=/a"))
            for path in ("?match=/a", "/subscriptions"):
                response = ask(self.hub, "GET", fields, path=path)
                self.assert_answers(400, "invalid_request", response)

    def test_status_cookie_without_origin(self) -> None:
        """
        A cookie from a page that is not allowed to publish gives 400 ``invalid_request``.
        """
        cookie = ("Cookie", f"__Secure-mercure_access_token={access_token()}")
        for fields in ([cookie], [cookie, ("Origin", "https://evil.example")]):
            response = ask(self.hub, "POST", [*fields, ("Content-Type", FORM)], b"topic=/a")
            self.assert_answers(400, "invalid_request", response)

    def test_status_matchers(self) -> None:
        """
        Missing, unknown, invalid and too many matchers give 400 without a challenge.
        """
        many = "&".join(f"match={number}" for number in range(101))
        for query in (
            "",
            "x=y",
            "matches=/a",
            "match=%00",
            "match=%ff",
            "match_urlpattern=(",
            many,
        ):
            self.assert_answers(400, None, self.open(query))

    def test_status_update(self) -> None:
        """
        An invalid update gives 400 without a challenge.
        """
        for body in (
            b"",
            b"topic=*",
            b"topic=%00",
            b"topic=/.well-known/mercure",
            b"topic=/a&id=%23",
            b"topic=/a&type=mercure",
            b"topic=/a&retry=x",
            b"topic=/a&data=%ff",
        ):
            self.assert_answers(400, None, self.post(body))

    def test_status_too_large(self) -> None:
        """
        A body or a field that is too large, or too many topics, give 413.
        """
        for body in (
            b"topic=" + b"x" * 5000,
            b"topic=/a&" * 1001,
            b"topic=/a&data=" + b"x" * 2**20,
        ):
            self.assert_answers(413, None, self.post(body))
        made = hub(*KEYS, "--anonymous", "--max-body=1000")
        query = ask(made, "QUERY", [("Content-Type", FORM)], b"match=" + b"x" * 1000)
        self.assert_answers(413, None, query)

    def test_status_bad_path(self) -> None:
        """
        An unknown matcher type or a bad escape in a path of the subscription API gives 400.
        """
        token = access_token()
        for path in ("regexp/a/b", "exact/%/b", "exact/%zz", "exact/%ff/b", "exact/%C3"):
            self.assert_answers(400, None, self.get(f"/subscriptions/{path}", token))

    def test_status_no_subscription(self) -> None:
        """
        A subscription that does not exist gives 404.
        """
        path = f"/subscriptions/exact/{encoded(a_topic())}/urn:uuid:1"
        self.assert_answers(404, None, self.get(path, access_token()))
        for path in ("/subscriptions/a/b/c/d", "/subscription", "/x"):
            self.assert_answers(404, None, self.get(path, access_token()))

    def test_status_no_longer_active(self) -> None:
        """
        A subscription that has ended gives 404.
        """
        token, topic = access_token(), a_topic()
        stream = self.open({"match": topic}, token=token)
        path = f"/subscriptions/exact/{encoded(topic)}"
        (found,) = json.loads(self.get(path, token).body)["subscriptions"]
        below = found["id"].removeprefix(PATH)
        self.assert_answers(200, None, self.get(below, token))
        ended = self.open({"match": found["id"]}, token=token)
        stream.close()
        self.assertIn('"active":false', ended.next_event().data)
        self.assert_answers(404, None, self.get(below, token))

    def test_status_no_api(self) -> None:
        """
        A hub without the subscription API answers 404, with and without a token.
        """
        made = hub(*KEYS)
        for token in (None, access_token()):
            found = made.request("GET", f"{PATH}/subscriptions", token=token)
            self.assert_answers(404, None, found)

    def test_status_not_modified(self) -> None:
        """
        A client that has the newest state gets 304.
        """
        made = self.fresh_hub(*KEYS, "--subscriptions")
        path, token = f"{PATH}/subscriptions", access_token()
        first = made.request("GET", path, token=token)
        known = {"If-None-Match": first.headers["ETag"]}
        again = made.request("GET", path, known, token=token)
        self.assert_answers(304, None, again)
        self.assertEqual(b"", again.body)
        made.update(a_topic())
        self.assert_answers(200, None, made.request("GET", path, known, token=token))

    def test_status_full(self) -> None:
        """
        A full hub answers 503 with a time to come back.  The specification also allows 429, which
        would mean that the client has asked for too much.
        """
        made = self.fresh_hub(*KEYS, "--anonymous", "--max-subscribers=1")
        self.open_at(made, {"match": "/a"})
        found = self.assert_answers(503, None, self.open_at(made, {"match": "/a"}))
        self.assertRegex(found.headers["Retry-After"], r"^\d+$")

    def test_status_streams_of_a_token(self) -> None:
        """
        A token with too many streams gets 429 until one ends; other tokens are not affected.
        """
        made = self.fresh_hub(*KEYS, "--anonymous", "--max-per-token=2")
        mine, other = access_token(sub="me"), access_token(sub="you")
        streams = [self.open_at(made, {"match": "/a"}, token=mine) for _ in range(2)]
        again = access_token(sub="me", jti="another token of the same")
        for token in (mine, again):
            found = self.assert_answers(429, None, self.open_at(made, {"match": "/a"}, token=token))
            self.assertRegex(found.headers["Retry-After"], r"^\d+$")
        for free in (other, None, None, None):
            self.assert_answers(200, None, self.open_at(made, {"match": "/a"}, token=free))
        streams[0].close()
        self.assert_eventually(200, lambda: self.open_at(made, {"match": "/a"}, token=mine))

    def test_status_method(self) -> None:
        """
        A wrong method gives 405 with the methods that are allowed.
        """
        for path, methods in (
            ("", {"GET", "HEAD", "QUERY", "POST", "OPTIONS"}),
            ("/subscriptions", {"GET", "HEAD", "OPTIONS"}),
            ("/subscriptions/exact/a", {"GET", "HEAD", "OPTIONS"}),
        ):
            for method in ("PUT", "DELETE", "PATCH", "NONSENSE"):
                response = ask(self.hub, method, path=path)
                self.assert_answers(405, None, response)
                self.assertEqual(methods, set(response.headers["Allow"].split(", ")))
        self.assert_answers(405, None, ask(self.hub, "POST", path="/subscriptions"))

    def test_status_accept(self) -> None:
        """
        A client that does not accept event streams gets 406.
        """
        for accept in ("application/json", "text/event-stream;q=0", "text/html, image/*"):
            response = ask(self.hub, "GET", [("Accept", accept)], path="?match=/a")
            self.assert_answers(406, None, response)

    def test_status_media_type(self) -> None:
        """
        A body of a wrong media type gives 415; a ``QUERY`` without a media type gives 400.
        """
        json_query = ask(self.hub, "QUERY", [("Content-Type", JSON)], b'{"match":"/a"}')
        self.assert_answers(415, None, json_query)
        self.assert_answers(400, None, ask(self.hub, "QUERY", [], b"match=/a"))
        self.assert_answers(415, None, self.post(b"topic=/a", "text/plain"))

    def test_status_misdirected(self) -> None:
        """
        A hub with a key accepts any ``Host``, because it has a configured URL.  Unlike the
        reference, it does not have a list of public URLs; only hubs without a key answer 421.
        """
        found = ask(self.hub, "HEAD", [("Host", "other.example")], path="?match=/a")
        self.assert_answers(200, None, found)
        open_hub = self.fresh_hub("--tick=0")
        found = ask(open_hub, "HEAD", [("Host", "other.example")], path="?match=/a")
        self.assert_status(421, found)

    def test_status_log_unavailable(self) -> None:
        """
        If the log cannot take an update, the answer is 503 with a time to come back.  The answer
        does not show the log's error, and nothing is published.
        """
        made = self.full_hub()
        stream = self.open_at(made, {"match": "*"}, token=access_token())
        for media_type, body in ((FORM, "topic=/a"), (JSON, '{"topic":"/a"}')):
            with self.assert_publishes(0, made):
                response = self.post(body, media_type, token=access_token(), at=made)
            self.assert_answers(503, None, response)
            self.assertEqual("3", response.headers["Retry-After"])
            self.assertNotIn(b"sdb", response.body)
        lines = self.post('{"topic":"/a"}\n', JSON_LINES, token=access_token(), at=made)
        told = json.loads(lines.body)
        self.assertEqual((200, 503, 2.5), (lines.status, told["status"], told["retry_after"]))
        self.assertEqual([], stream.reader.received)

    def test_status_error_answers(self) -> None:
        """
        An error is plain text, is not cached, and forbids guessing its type.
        """
        for response in (
            self.post(b""),
            self.post(b"topic=" + b"x" * 5000),
            self.hub.publish({"topic": "/a"}, token="x" * 41),
            self.open("").head,
        ):
            self.assertEqual("text/plain; charset=utf-8", response.headers["Content-Type"])
            self.assertEqual("no-store", response.headers["Cache-Control"])
            self.assertEqual("nosniff", response.headers["X-Content-Type-Options"])
            self.assertRegex(response.body.decode(), r"^[^\n]+\n$")

    def test_status_no_metadata(self) -> None:
        """
        The challenge of a hub without a URL does not name metadata.
        """
        response = ask(hub(ONE_KEY), "POST", [("Content-Type", FORM)], b"topic=/a")
        self.assert_status(401, response)
        self.assertEqual("Bearer", response.headers["WWW-Authenticate"])

    def full_hub(self) -> Any:  # as MercureCase.fresh_hub
        """
        Return a hub with a log that refuses every event.
        """
        made = self.fresh_hub(*KEYS, "--anonymous")
        # This one method is replaced in place, because the service itself makes the log.
        made.service.hub.log.__class__ = FullLog
        return made

    def assert_eventually(self, status: int, ask_again: Any) -> None:  # any function
        """
        Check that an answer soon gets this status.
        """
        for _ in range(100):
            if (found := ask_again().head.status) == status:
                return
        self.fail(f"it is still {found}")


class LimitTests(StatusCase):
    """
    Limits that the specification names (section 15).
    """

    options = ("--anonymous",)

    def test_limit_announced_body(self) -> None:
        """
        A body that is announced as too large is refused before it is sent.
        """
        made = hub(*KEYS, "--max-body=1000")
        for length in (1001, 10**9, 10**15):
            with self.assert_publishes(0, made):
                response = exchange(made, _head(f"Content-Length: {length}"))
            self.assert_status(413, response)
            self.assertEqual("close", response.headers["Connection"])
            self.assertEqual(b"The body must not have more than 1000 bytes.\n", response.body)

    def test_limit_chunked_body(self) -> None:
        """
        A chunked body is refused as soon as it is too large.
        """
        made = hub(*KEYS, "--max-body=1000")
        chunk = b"1f4\r\n" + b"x" * 500 + b"\r\n"
        with self.assert_publishes(0, made):
            response = exchange(made, _head("Transfer-Encoding: chunked"), chunk * 3)
        self.assert_status(413, response)
        topic = b"8\r\ntopic=/a\r\n0\r\n\r\n"
        with self.assert_publishes(1, made):
            response = exchange(made, _head("Transfer-Encoding: chunked"), topic)
        self.assert_status(200, response)

    def test_limit_matchers(self) -> None:
        """
        A request has at most 100 matchers, or as many as the operator allows; more give 400.
        """
        for made, most in ((self.hub, 100), (hub(*KEYS, "--anonymous", "--max-matchers=2"), 2)):
            for number, status in ((most, 200), (most + 1, 400)):
                query = "&".join(f"match=/{one}" for one in range(number))
                self.assert_answers(status, None, self.open_at(made, query))

    def test_limit_pattern(self) -> None:
        """
        A matcher has at most 4096 bytes.
        """
        for match, status in (("x" * 4096, 200), ("x" * 4097, 400), ("é" * 2049, 400)):
            self.assert_answers(status, None, self.open({"match": match}))

    def test_limit_lifetime(self) -> None:
        """
        A stream ends properly after the lifetime that the operator sets.
        """
        made = self.fresh_hub(*KEYS, "--anonymous", "--lifetime=1")
        self.open_at(made, {"match": "/a"}).read_to_end()

    def test_limit_per_address(self) -> None:
        """
        Streams of one address may be limited; above that the answer is 503, as for a full hub,
        because many clients behind a proxy share an address.
        """
        made = self.fresh_hub(*KEYS, "--anonymous", "--max-per-address=1")
        self.open_at(made, {"match": "/a"})
        self.assert_answers(503, None, self.open_at(made, {"match": "/a"}))


def _head(field: str) -> bytes:
    lines = (
        f"POST {PATH} HTTP/1.1",
        "Host: hub.example",
        f"Authorization: Bearer {access_token()}",
        f"Content-Type: {FORM}",
        field,
    )
    return "\r\n".join((*lines, "", "")).encode()
