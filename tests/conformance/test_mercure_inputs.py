"""
Arbitrary requests: each gets 2xx, or a 4xx that names the mistake; a refused request publishes
nothing.
"""

import json
import re
from urllib.parse import quote, urlencode

from hypothesis import example, given
from hypothesis import strategies as st

from tests.conformance.mercure_hub import Response
from tests.conformance.mercure_publisher import (
    DETAIL_TYPE,
    FORM,
    JSON,
    JSON_LINES,
    PublisherCase,
    access_token,
    ask,
    legacy_token,
)

#: Words for errors, which must have one: a field, or the part of the request that is wrong.
NAMED = re.compile(
    r"\b(topic|data|private|id|type|retry|fields?|update|lines|body|Content-Type|Idempotency-Key"
    r"|match|match_exact|match_urlpattern|parameter|matchers|asked for|token|Authorization|path|URL"
    r"|event-stream)\b"
)

#: Texts with a meaning somewhere.
_odd = st.sampled_from(
    [
        *(
            "",
            "*",
            "#",
            "#1",
            "earliest",
            "mercure",
            "/.well-known/mercure",
            "mercure/x",
            "%",
            "%zz",
        ),
        *(
            "{",
            "{x}",
            "{+x*}",
            "(",
            ":a",
            ":a:a",
            "(.*)",
            "(a{1000}){1000}",
            "[a-",
            "\\",
            "http://[",
        ),
        *(
            "\0",
            "\r\n",
            "\n\ndata: x",
            "\u202e",
            "\ufeff",
            "\x85",
            "\u2028",
            "x" * 5000,
            "-1",
            "1_0",
        ),
        *("9" * 30, "٣", "1", "true", "null", "é", "\U0001f600", "//", "..", "urn:a:b"),
    ]
)
_texts = _odd | st.text(max_size=30)
_names = st.sampled_from(
    [
        *("topic", "data", "private", "id", "type", "retry", "authorization", "x", "", "Topic"),
        *("match", "match_exact", "match_urlpattern", "Match", "matches"),
        *("last_event_id", "lastEventID"),
    ]
)
_pairs = st.lists(st.tuples(_names | st.text(max_size=5), _texts), max_size=8)
_forms = _pairs.map(lambda pairs: urlencode(pairs).encode("utf-8", "surrogatepass"))
_raw = st.binary(max_size=60) | st.text("topicdatm=&%+;*#/fF0\xff", max_size=40).map(
    lambda text: text.encode("latin-1")
)

_json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=3),
    max_leaves=6,
)
_objects = st.fixed_dictionaries(
    {},
    optional={
        "topic": _texts | st.lists(_texts, max_size=3) | _json_values,
        "data": _json_values,
        "private": st.booleans() | _json_values,
        "id": _texts | _json_values,
        "type": _texts | _json_values,
        "retry": st.integers() | _json_values,
    },
)
_jsons = _objects.map(lambda value: json.dumps(value).encode()) | _json_values.map(
    lambda value: json.dumps(value).encode()
)
_details = st.fixed_dictionaries(
    {"type": st.just(DETAIL_TYPE)},
    optional={
        "actions": st.lists(
            st.sampled_from(["publish", "subscribe", "x"]) | _json_values, max_size=3
        ),
        "topics": st.lists(
            st.fixed_dictionaries(
                {"match": _texts},
                optional={"match_type": st.sampled_from(["exact", "urlpattern", "x"])},
            )
            | _json_values,
            max_size=3,
        ),
        "payload": _json_values,
    },
)
_claims = st.fixed_dictionaries(
    {},
    optional={
        "publish": st.lists(_texts, max_size=3) | _json_values,
        "subscribe": st.lists(_texts, max_size=3) | _json_values,
        "payload": _json_values,
    },
)
_tokens = (st.lists(_details, max_size=3) | _json_values).map(
    lambda claim: access_token(authorization_details=claim)
) | (_claims | _json_values).map(lambda claim: legacy_token(claim))

#: Text that a header may have: Latin-1 without line breaks.
_headers = st.text(st.characters(max_codepoint=0xFF, exclude_characters="\0\r\n"), max_size=60).map(
    str.strip
)


class InputCase(PublisherCase):
    """
    Arbitrary requests.
    """

    def assert_answered(self, response: Response) -> None:
        """
        Check that an answer is 2xx, or a 4xx that names the mistake.
        """
        if 200 <= response.status < 300:
            return
        self.assertTrue(400 <= response.status < 500, (response.status, response.body))
        text = response.body.decode()
        self.assertTrue(NAMED.search(text), text)

    def assert_publication(self, response: Response, before: int) -> None:
        """
        Check that an accepted request has published one update, and a refused request nothing.
        """
        self.assert_answered(response)
        published = self.head_of(self.hub) - before
        if response.status == 200 and response.headers["Content-Type"] == JSON_LINES:
            answers = [json.loads(line) for line in response.body.splitlines()]
            self.assertEqual(sum("id" in answer for answer in answers), published)
            for answer in answers:
                if "id" not in answer:
                    self.assertTrue(400 <= answer["status"] < 500, answer)
                    self.assertTrue(NAMED.search(answer["error"]), answer)
        else:
            self.assertEqual(int(response.status == 200), published, response)


class PublishInputTests(InputCase):
    """
    Bodies and headers of publications.
    """

    @given(_forms | _raw | _forms.map(lambda form: b"topic=/a&" + form))
    def test_forms(self, body: bytes) -> None:
        """
        Any form is answered.
        """
        before = self.head_of(self.hub)
        self.assert_publication(self.post(body), before)

    @given(_jsons | _raw)
    def test_json(self, body: bytes) -> None:
        """
        Any bytes are answered as JSON.
        """
        before = self.head_of(self.hub)
        self.assert_publication(self.post(body, JSON), before)

    @given(st.lists(_jsons | _raw, max_size=4))
    def test_lines(self, lines: list[bytes]) -> None:
        """
        Any lines are answered.
        """
        before = self.head_of(self.hub)
        self.assert_publication(self.post(b"\n".join(lines), JSON_LINES), before)

    @given(_headers, _headers)
    def test_headers(self, media_type: str, key: str) -> None:
        """
        Any media type and any idempotency key are answered.
        """
        before = self.head_of(self.hub)
        fields = [
            ("Authorization", f"Bearer {access_token()}"),
            ("Content-Type", media_type),
            ("Idempotency-Key", key),
        ]
        self.assert_publication(ask(self.hub, "POST", fields, b"topic=/a"), before)

    def test_headers_that_are_no_utf_8(self) -> None:
        """
        Requests of each kind are answered, whatever bytes are in the headers that the hub compares.
        """
        bearer = ("Authorization", f"Bearer {access_token()}")
        cookie = ("Cookie", f"__Secure-mercure_access_token={access_token()}")
        for name in ("Origin", "Referer", "Host", "If-None-Match"):
            odd = (name, "\xff\xfe")
            for credential in (bearer, cookie):
                fields = [credential, odd]
                response = ask(self.hub, "POST", [*fields, ("Content-Type", FORM)], b"topic=/a")
                self.assertIn(response.status, (200, 400), name)
                for method, path in (
                    ("HEAD", "?match=/a"),
                    ("OPTIONS", ""),
                    ("GET", "/subscriptions"),
                ):
                    response = ask(self.hub, method, fields, path=path)
                    self.assertLess(response.status, 500, (name, method))

    @given(_tokens)
    def test_tokens(self, token: str) -> None:
        """
        Requests for both actions are answered, whatever the claims of a signed token.
        """
        before = self.head_of(self.hub)
        self.assert_publication(self.post("topic=/a", token=token), before)
        bearer = ("Authorization", f"Bearer {token}")
        self.assertIn(ask(self.hub, "HEAD", [bearer], path="?match=/a").status, (200, 401, 431))


class SubscribeInputTests(InputCase):
    """
    Queries, headers and paths of subscribers.
    """

    @given(_forms | _raw.map(lambda raw: quote(raw, safe="=&%+;*").encode()))
    def test_queries(self, query: bytes) -> None:
        """
        Any query is answered, for ``HEAD`` and ``GET``.
        """
        stream = self.hub.subscribe(query.decode("ascii"))
        stream.close()
        self.assert_answered(stream.head)
        head = ask(self.hub, "HEAD", path=f"?{query.decode('ascii')}")
        self.assertEqual(stream.head.status, head.status)

    @given(_forms, _forms | _raw)
    @example(b"topic=" + b"x" * 20_000, b"")
    def test_query_bodies(self, query: bytes, body: bytes) -> None:
        """
        Any query with any body is answered, for ``QUERY``.
        """
        stream = self.hub.subscribe(
            query.decode("ascii"), {"Content-Type": FORM}, method="QUERY", body=body
        )
        stream.close()
        self.assert_answered(stream.head)

    @given(_headers, _headers, _headers, _headers)
    def test_headers(self, accept: str, id: str, cookie: str, authorization: str) -> None:
        """
        Any value of the headers that subscribing reads is answered.
        """
        given = {
            "Accept": accept,
            "Last-Event-ID": id,
            "Cookie": f"__Secure-mercure_access_token={cookie}",
            "Authorization": authorization,
        }
        fields = [(name, value) for name, value in given.items() if value]
        response = ask(self.hub, "GET", fields, path="?match=%00")
        self.assert_answered(response)
        self.assertGreaterEqual(response.status, 400)

    @given(st.lists(_texts, max_size=4), st.booleans())
    def test_paths(self, segments: list[str], is_quoted: bool) -> None:
        """
        Any path of the subscription API is answered.
        """
        safe = "" if is_quoted else "%/:"
        path = "".join(f"/{quote(one, safe=safe, errors='replace')}" for one in segments)
        token = ("Authorization", f"Bearer {access_token()}")
        response = ask(self.hub, "GET", [token], path=f"/subscriptions{path}")
        self.assertLess(response.status, 500, response.body)
