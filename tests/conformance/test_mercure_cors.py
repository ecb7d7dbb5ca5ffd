"""
Pages of other origins (section 10 of the checklist).
"""

from tests.conformance.mercure_hub import KEYS, PATH, MercureHub, Response, a_topic, hub
from tests.conformance.mercure_publisher import (
    FORM,
    PublisherCase,
    access_token,
    ask,
    legacy_token,
    log_lines,
)

APP = "https://app.example"
OWN = "https://hub.example"
COOKIE = "__Secure-mercure_access_token"


class CorsTests(PublisherCase):
    """
    Pages of other origins, and the answers that they may read.
    """

    options = (
        "--anonymous",
        "--subscriptions",
        f"--cors-origin={APP}",
        "--cors-origin=https://*.example.org",
    )

    def head_from(self, origin: str | None, at: MercureHub | None = None) -> Response:
        """
        Ask for the head of a stream from a page of an origin.
        """
        fields = [] if origin is None else [("Origin", origin)]
        return ask(at or self.hub, "HEAD", fields, b"", "?match=/a")

    def preflight(
        self, origin: str, method: str = "POST", at: MercureHub | None = None
    ) -> Response:
        """
        Ask for permission to send a request, as a browser does for a page (CORS preflight).
        """
        fields = [
            ("Origin", origin),
            ("Access-Control-Request-Method", method),
            ("Access-Control-Request-Headers", "authorization,content-type"),
        ]
        return ask(at or self.hub, "OPTIONS", fields)

    def assert_readable(self, response: Response, origin: str = APP) -> None:
        """
        Check that a page may read an answer, and that caches keep origins apart.
        """
        self.assertEqual(origin, response.headers["Access-Control-Allow-Origin"])
        self.assertEqual("true", response.headers["Access-Control-Allow-Credentials"])
        self.assertIn("origin", response.headers["Vary"].lower())

    def assert_unreadable(self, response: Response) -> None:
        """
        Check that no page may read an answer.
        """
        found = [name for name in response.headers if name.lower().startswith("access-control")]
        self.assertEqual([], found)

    def test_C1_cross_origin(self) -> None:
        """
        A page of a listed origin may read every answer, including errors.
        """
        stream = self.open({"match": a_topic()}, {"Origin": APP})
        self.assert_readable(stream.head)
        for status, response in (
            (200, self.head_from(APP)),
            (400, ask(self.hub, "GET", [("Origin", APP)])),
            (401, ask(self.hub, "POST", [("Origin", APP), ("Content-Type", FORM)], b"topic=/a")),
            (405, ask(self.hub, "PUT", [("Origin", APP)])),
            (401, ask(self.hub, "GET", [("Origin", APP)], path="/subscriptions")),
            (204, self.preflight(APP)),
        ):
            self.assert_status(status, response)
            self.assert_readable(response)

    def test_C1_not_listed(self) -> None:
        """
        Pages of origins that are not listed may not read answers; without a list, no page of
        another origin may.
        """
        for origin in ("https://evil.example", "http://app.example", f"{APP}:444", "null", ""):
            self.assert_unreadable(self.head_from(origin))
            self.assert_unreadable(self.preflight(origin))
        self.assert_unreadable(self.head_from(None))
        self.assert_unreadable(self.head_from(APP, hub(*KEYS, "--anonymous")))

    def test_C2_no_reflection(self) -> None:
        """
        With credentials the answer names a listed origin, never one that only looks like it.
        """
        for origin in (
            "https://app.example.evil.example",
            "https://evilapp.example",
            "https://APP.example",
            f"{APP}/",
            f"{APP} {APP}",
            f"{APP}, https://evil.example",
            "*",
        ):
            self.assert_unreadable(self.head_from(origin))

    def test_C2_star(self) -> None:
        """
        If all origins are allowed, credentials are not.
        """
        made = hub(*KEYS, "--anonymous", "--cors-origin=*")
        response = self.head_from("https://evil.example", made)
        self.assertEqual("*", response.headers["Access-Control-Allow-Origin"])
        self.assertNotIn("Access-Control-Allow-Credentials", response.headers)
        self.assert_unreadable(self.head_from("null", made))

    def test_C2_options(self) -> None:
        """
        The hub does not start with a star beside other origins, with ``null``, or with a star below
        a top-level domain.
        """
        for origins in (["*", APP], ["null"], ["https://*.com"], ["https://*"], ["app.example"]):
            with self.assertRaises(SystemExit):
                MercureHub(*KEYS, *(f"--cors-origin={origin}" for origin in origins))

    def test_C3_preflight(self) -> None:
        """
        The methods of the hub, and the headers that scripts set, are allowed.
        """
        response = self.preflight(APP)
        methods = _names(response.headers["Access-Control-Allow-Methods"])
        self.assertLessEqual({"get", "head", "post", "query"}, methods)
        headers = _names(response.headers["Access-Control-Allow-Headers"])
        self.assertLessEqual(
            {"authorization", "cache-control", "last-event-id", "content-type", "idempotency-key"},
            headers,
        )
        self.assertRegex(response.headers["Access-Control-Max-Age"], r"^\d+$")

    def test_C3_subscription_api(self) -> None:
        """
        The subscription API allows the same headers, and its own methods.
        """
        fields = [("Origin", APP), ("Access-Control-Request-Method", "GET")]
        response = ask(self.hub, "OPTIONS", fields, path="/subscriptions/exact/a")
        self.assert_status(204, response)
        self.assert_readable(response)
        self.assertNotIn("post", _names(response.headers["Access-Control-Allow-Methods"]))

    def test_C4_exposed(self) -> None:
        """
        Scripts may read the headers of the protocol.
        """
        response = self.head_from(APP)
        exposed = _names(response.headers["Access-Control-Expose-Headers"])
        expected = {"link", "mercure-last-event-id", "last-event-id", "www-authenticate"}
        self.assertLessEqual(expected | {"retry-after", "accept-query", "etag"}, exposed)

    def test_C5_subdomains(self) -> None:
        """
        A star stands for subdomains at any depth, but not for the domain itself.
        """
        for origin in ("https://a.example.org", "https://a.b.example.org"):
            self.assert_readable(self.head_from(origin), origin)
        for origin in (
            "https://example.org",
            "http://a.example.org",
            "https://a.example.org:8443",
            "https://evilexample.org",
            "https://.example.org",
            "https://example.org.evil.example",
            "https://evil.example/.example.org",
        ):
            self.assert_unreadable(self.head_from(origin))

    def test_C_metadata(self) -> None:
        """
        Every page may read the metadata, without credentials.
        """
        response = self.hub.request("GET", f"/.well-known/oauth-protected-resource{PATH}")
        self.assertEqual("*", response.headers["Access-Control-Allow-Origin"])
        self.assertNotIn("Access-Control-Allow-Credentials", response.headers)


class CookieTests(PublisherCase):
    """
    Publishing with a cookie, which a browser adds to requests of any page.
    """

    options = ("--anonymous", f"--publish-origin={APP}", "--publish-origin=https://*.example.org")

    def publish_from(
        self, *fields: tuple[str, str], cookie: str | None = None, at: MercureHub | None = None
    ) -> Response:
        """
        Publish with a cookie; by default it has a good token.
        """
        cookie = f"{COOKIE}={access_token()}" if cookie is None else cookie
        given = [("Content-Type", FORM), ("Cookie", cookie), *fields]
        return ask(at or self.hub, "POST", given, b"topic=/a")

    def assert_forged(self, response: Response) -> None:
        """
        Check that a request was refused as a possible forgery.
        """
        self.assert_status(400, response)
        self.assertIn('error="invalid_request"', response.headers["WWW-Authenticate"])

    def test_C6_own_origin(self) -> None:
        """
        Pages of the hub's own origin may publish without being listed, as in the specification; the
        reference requires that they are listed.
        """
        with self.assert_publishes(2):
            self.assert_status(200, self.publish_from(("Origin", OWN)))
            self.assert_status(200, self.publish_from(("Referer", f"{OWN}/page?x")))

    def test_C6_own_origin_unknown(self) -> None:
        """
        A hub without a configured URL takes its origin from the request's ``Host``.
        """
        made = hub("--key=env:SSETWIST_CONFORMANCE_KEY")
        cookie = f"mercureAuthorization={legacy_token()}"
        own = ("Origin", f"http://{made.host}")
        self.assert_status(200, self.publish_from(own, cookie=cookie, at=made))
        for origin in (f"https://{made.host}", "http://127.0.0.1", OWN):
            self.assert_forged(self.publish_from(("Origin", origin), cookie=cookie, at=made))

    def test_C6_listed(self) -> None:
        """
        Pages of listed origins may publish.
        """
        for origin in (APP, "https://a.example.org"):
            self.assert_status(200, self.publish_from(("Origin", origin)))
            self.assert_status(200, self.publish_from(("Referer", f"{origin}/page")))

    def test_C6_others(self) -> None:
        """
        Pages of other origins are refused, and nothing is published.
        """
        with self.assert_publishes(0):
            for origin in ("https://evil.example", "null", "", f"{OWN}:444", f"{APP}/", "*"):
                self.assert_forged(self.publish_from(("Origin", origin)))
            for referer in ("https://evil.example/?https://hub.example/", "x", "", f"//{OWN}"):
                self.assert_forged(self.publish_from(("Referer", referer)))

    def test_C6_no_origin_or_referer(self) -> None:
        """
        Without ``Origin`` and ``Referer`` the sender is unknown, and refused.
        """
        with self.assert_publishes(0):
            self.assert_forged(self.publish_from())

    def test_C6_origin_wins(self) -> None:
        """
        The referer counts only if ``Origin`` is missing.
        """
        fields = [("Origin", "https://evil.example"), ("Referer", f"{OWN}/page")]
        with self.assert_publishes(0):
            self.assert_forged(self.publish_from(*fields))
            self.assert_forged(self.publish_from(("Origin", "null"), fields[1]))

    def test_C6_legacy_cookie(self) -> None:
        """
        The same rules apply to the cookie of 0.x.
        """
        cookie = f"mercureAuthorization={legacy_token()}"
        self.assert_status(200, self.publish_from(("Origin", APP), cookie=cookie))
        with self.assert_publishes(0):
            self.assert_forged(self.publish_from(cookie=cookie))
            self.assert_forged(self.publish_from(("Origin", "https://evil.example"), cookie=cookie))

    def test_C6_header_is_exempt(self) -> None:
        """
        A client with a token in a header needs no origin, because browsers do not send such a
        header by themselves.
        """
        bearer = ("Authorization", f"Bearer {access_token()}")
        evil = ("Origin", "https://evil.example")
        for fields in ([bearer], [bearer, evil]):
            self.assert_status(200, self.publish_from(*fields))

    def test_C6_parameter_is_exempt(self) -> None:
        """
        A client with a token in the URL, as 0.x allows, needs no origin.
        """
        fields = [("Content-Type", FORM), ("Cookie", "session=1")]
        found = ask(self.hub, "POST", fields, b"topic=/a", f"?authorization={legacy_token()}")
        self.assert_status(200, found)

    def test_C6_other_cookies(self) -> None:
        """
        A cookie without a token is ignored, so the token is missing.
        """
        response = self.publish_from(cookie="session=1")
        self.assert_status(401, response)
        self.assertNotIn("error=", response.headers["WWW-Authenticate"])

    def test_C6_safe_methods(self) -> None:
        """
        Subscribing with a cookie changes nothing, and needs no origin.
        """
        cookie = ("Cookie", f"{COOKIE}={access_token()}")
        self.assert_status(200, ask(self.hub, "HEAD", [cookie], b"", "?match=/a"))

    def test_C6_star(self) -> None:
        """
        Even if all origins may read, a foreign page may not publish with a cookie.
        """
        made = hub(*KEYS, "--publish-origin=*")
        self.assert_forged(self.publish_from(("Origin", "https://evil.example"), at=made))
        self.assert_status(200, self.publish_from(("Origin", OWN), at=made))

    def test_C7_not_logged(self) -> None:
        """
        No token appears in the log, whether its request is accepted or refused.
        """
        tokens = [legacy_token(), legacy_token(exp=1), access_token(), access_token(exp=1)]
        with log_lines() as lines:
            for token in tokens:
                ask(self.hub, "GET", [], b"", f"?authorization={token}")
                ask(self.hub, "HEAD", [], b"", f"?match=a&authorization={token}")
                ask(self.hub, "HEAD", [("Authorization", f"Bearer {token}")], b"", "?match=a")
                self.publish_from(cookie=f"{COOKIE}={token}")
                self.publish_from(("Origin", APP), cookie=f"{COOKIE}={token}")
        text = "\n".join(lines)
        self.assertIn("authorization=...", text)
        for token in tokens:
            for part in token.split("."):
                self.assertNotIn(part[-20:], text)


def _names(header: str) -> set[str]:
    return {name.strip().lower() for name in header.split(",")}
