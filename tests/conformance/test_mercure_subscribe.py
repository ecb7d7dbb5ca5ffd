"""
Subscribing to a Mercure hub, clause by clause: vocabulary (T), methods and paths (2), and
requests (S).
"""

from tests.conformance.mercure_hub import FORM, HUB, KEYS, PATH, MercureCase, a_topic, encoded, hub

#: Control and invisible characters, some of each kind.
FORBIDDEN = "\0\t\n\r\x1f\x7f\x80\x9f\xad\u200b\u200e\u202e\u2066\ufeff\U000e0001"


class VocabularyTests(MercureCase):
    """
    Topics and characters (section 1).
    """

    def test_T1_characters_of_matchers(self) -> None:
        """
        A matcher with a control or an invisible character is refused.
        """
        for character in FORBIDDEN:
            for name in ("match", "match_exact", "match_urlpattern", "topic"):
                query = f"?{name}=a{encoded(character)}b"
                self.assert_status(400, self.hub.request("GET", query))

    def test_T1_characters_of_updates(self) -> None:
        """
        A topic, an id or a type with a control or an invisible character is refused.
        """
        for character in FORBIDDEN:
            for name in ("topic", "id", "type"):
                fields = {"topic": a_topic(), name: f"a{character}b"}
                self.assert_status(400, self.hub.publish(fields))

    def test_T1_utf8(self) -> None:
        """
        Bytes that are not UTF-8 are refused instead of being read as something else.
        """
        for value in ("%FF", "%C3", "%ED%A0%80", "%C0%AF"):
            self.assert_status(400, self.hub.request("GET", f"?match={value}"))

    def test_T2_alternate_topics(self) -> None:
        """
        A subscriber gets an update if it matches any of its topics, not only the first.
        """
        first, second = a_topic(), a_topic()
        stream = self.open({"match": second})
        response = self.hub.publish([("topic", first), ("topic", second), ("data", "x")])
        self.assert_status(200, response)
        self.assertEqual("x", stream.next_event().data)

    def test_T3_no_normalisation(self) -> None:
        """
        Topics are compared unchanged: neither URLs nor Unicode are normalised.
        """
        topic = a_topic("https://example.com/~\u00e9/")
        others = (
            topic.replace("example", "EXAMPLE"),
            topic.replace("\u00e9", "e\u0301"),
            topic.replace("~", "%7E"),
            topic.replace(".com/", ".com:443/"),
            topic.replace(".com/", ".com/./"),
            f"{topic}/",
        )
        stream = self.open([("match", other) for other in others] + [("match", topic)])
        self.hub.update(topic, "as it is")
        for other in others:
            one = self.open({"match": topic})
            self.hub.update(other, "other")
            self.hub.update(topic, "as it is")
            self.assertEqual("as it is", one.next_event().data, other)
        self.assertEqual("as it is", stream.next_event().data)

    def test_T3_any_text(self) -> None:
        """
        A topic need not be a URL.
        """
        for topic in ("a", "not a URL", "http://[", "\u4e16\u754c", "a&b=c+d%25;e", "'\"<>\\"):
            stream = self.open({"match": topic})
            self.hub.update(topic, "x")
            self.assertEqual("x", stream.next_event().data, topic)

    def test_T4_wildcard_matcher(self) -> None:
        """
        The matcher ``*`` matches every topic, with either type.
        """
        for name in ("match", "match_exact", "match_urlpattern"):
            stream = self.open({name: "*"})
            for topic in (a_topic(), "urn:uuid:1", "http://["):
                self.hub.update(topic, topic)
                self.assertEqual(topic, stream.next_event().data)

    def test_T4_wildcard_topic(self) -> None:
        """
        The topic ``*`` is refused, even as an alternate one.
        """
        self.assert_status(400, self.hub.publish({"topic": "*"}))
        response = self.hub.publish([("topic", a_topic()), ("topic", "*")])
        self.assert_status(400, response)

    def test_T5_hub_url(self) -> None:
        """
        The hub is at ``/.well-known/mercure`` by default.
        """
        self.assertEqual(PATH, self.hub.path)
        self.assertEqual(200, self.open({"match": "a"}).head.status)

    def test_T5_other_hub_url(self) -> None:
        """
        If the hub is at another path, its metadata, its reserved topics and the topics of
        subscriptions are below this path.
        """
        other = hub(KEYS[0], "--audience=https://hub.example/events", "--subscriptions")
        token = other.mint(subscribe=["*"])
        stream = self.open_at(other, {"match_urlpattern": "/events/subscriptions/*"}, token=token)
        self.assertIn('"id":"/events/subscriptions/urlpattern/', stream.next_event().data)
        self.assert_status(400, other.publish({"topic": "/events/x"}))
        self.assert_status(200, other.publish({"topic": "/.well-known/mercure2"}))
        response = other.request("GET", "/.well-known/oauth-protected-resource/events")
        self.assert_status(200, response)


class MethodTests(MercureCase):
    """
    Methods and paths (section 2).
    """

    def test_2_get(self) -> None:
        """
        ``GET`` subscribes.
        """
        self.assertEqual(200, self.open({"match": "a"}).head.status)

    def test_2_head(self) -> None:
        """
        ``HEAD`` gets the head of the answer to ``GET``, without a stream.
        """
        response = self.hub.request("HEAD", "?match=a")
        self.assert_status(200, response)
        self.assertEqual("text/event-stream", response.headers["Content-Type"])
        self.assertEqual(b"", response.body)
        self.assert_status(400, self.hub.request("HEAD", "?matches=a"))

    def test_2_head_subscribes_nobody(self) -> None:
        """
        ``HEAD`` does not begin a subscription.
        """
        topic = a_topic()
        self.assert_status(200, self.hub.request("HEAD", f"?match={encoded(topic)}"))
        path = f"{PATH}/subscriptions/exact/{encoded(topic)}"
        response = self.hub.request("GET", path, token=self.hub.mint(subscribe=["*"]))
        self.assertIn(b'"subscriptions":[]', response.body)

    def test_2_query(self) -> None:
        """
        ``QUERY`` subscribes, with parameters in its body.
        """
        topic = a_topic()
        stream = self.open("", FORM, method="QUERY", body=f"match={encoded(topic)}")
        self.hub.update(topic, "x")
        self.assertEqual("x", stream.next_event().data)

    def test_2_post(self) -> None:
        """
        ``POST`` publishes.
        """
        self.assert_status(200, self.hub.publish({"topic": a_topic()}))

    def test_2_subscription_paths(self) -> None:
        """
        Below the hub's path are its active subscriptions: all, some by matcher, and single ones.
        """
        topic = a_topic()
        self.open({"match": topic})
        token = self.hub.mint(subscribe=["*"])
        root = f"{PATH}/subscriptions"
        of_one = f"{root}/exact/{encoded(topic)}"
        self.assert_status(200, self.hub.request("GET", root, token=token))
        response = self.hub.request("GET", of_one, token=token)
        self.assert_status(200, response)
        self.assert_status(404, self.hub.request("GET", f"{of_one}/urn:none", token=token))

    def test_2_metadata(self) -> None:
        """
        The metadata is at the path of RFC 9728, for ``GET`` and ``HEAD``.
        """
        path = f"/.well-known/oauth-protected-resource{PATH}"
        self.assertIn(HUB.encode(), self.hub.request("GET", path).body)
        self.assert_status(200, self.hub.request("HEAD", path))

    def test_2_wrong_method(self) -> None:
        """
        Any other method gets 405 with the methods that are allowed.
        """
        for path in (PATH, f"{PATH}/subscriptions"):
            for method in ("PUT", "DELETE", "PATCH"):
                response = self.hub.request(method, path)
                self.assert_status(405, response)
                self.assertIn("GET", response.headers["Allow"])
        self.assert_status(405, self.hub.request("POST", f"{PATH}/subscriptions"))
        response = self.hub.request("POST", f"/.well-known/oauth-protected-resource{PATH}")
        self.assert_status(405, response)

    def test_2_options(self) -> None:
        """
        ``OPTIONS`` is answered with the methods, and without CORS headers if origins are not
        allowed.  The reference answers 405, which does not help a client that asks.
        """
        response = self.hub.request("OPTIONS", headers={"Origin": "https://a.example"})
        self.assert_status(204, response)
        self.assertIn("QUERY", response.headers["Allow"])
        self.assertIsNone(response.headers["Access-Control-Allow-Origin"])

    def test_2_without_publisher_key(self) -> None:
        """
        A hub without a key for publishers does not offer ``POST``.
        """
        other = hub(f"--subscriber-{KEYS[0][2:]}", KEYS[1])
        response = other.publish({"topic": "a"})
        self.assert_status(405, response)
        self.assertNotIn("POST", response.headers["Allow"])
        token = other.mint(subscribe=["*"])
        self.assertEqual(200, self.open_at(other, {"match": "a"}, token=token).head.status)

    def test_2_without_subscriber_key(self) -> None:
        """
        A hub without a key for subscribers does not offer ``GET``, and does not name it as allowed.
        """
        other = hub(f"--publisher-{KEYS[0][2:]}", KEYS[1])
        for method in ("GET", "HEAD", "QUERY"):
            response = other.request(method, "?match=a")
            self.assert_status(405, response)
            self.assertEqual("POST, OPTIONS", response.headers["Allow"])
        self.assert_status(200, other.publish({"topic": "a"}))

    def test_2_no_debugger(self) -> None:
        """
        The hub has neither a debugger nor a playground below its URL, unlike the reference.  Our
        page is elsewhere, and only on hubs that everybody may read.
        """
        token = self.hub.mint(subscribe=["*"])
        for path in ("debug/", "debug/config.json", "debug/playground-token", "playground/"):
            self.assert_status(404, self.hub.request("GET", f"{PATH}/{path}", token=token))


class SubscribeTests(MercureCase):
    """
    Requests to subscribe (section 3).
    """

    def test_S1_form(self) -> None:
        """
        The query is read as the URL Standard reads forms: a plus is a blank, only ``&`` separates,
        and a single per cent sign stands for itself.
        """
        for query, topic in (
            ("match=a+b", "a b"),
            ("match=a%2Bb", "a+b"),
            ("match=a;match=b", "a;match=b"),
            ("match=100%", "100%"),
            ("match=%zz", "%zz"),
            ("match=a=b", "a=b"),
            ("&&match=a%26b&", "a&b"),
            ("m%61tch=%C3%A9", "\u00e9"),
        ):
            stream = self.open(query)
            self.assertEqual(200, stream.head.status, query)
            self.hub.update(topic, "x")
            self.assertEqual("x", stream.next_event().data, query)

    def test_S1_invalid_utf8(self) -> None:
        """
        Bytes that are not UTF-8 are refused in names and values.
        """
        for query in ("match=a%FF", "match=a&%FF=1", "match=a&other=%C3%28"):
            self.assert_status(400, self.hub.request("GET", f"?{query}"))

    def test_S2_name_without_value(self) -> None:
        """
        A name without ``=`` has an empty value, and counts as present.
        """
        head = self.open("match=a&last_event_id").head
        self.assertEqual("earliest", head.headers["Mercure-Last-Event-ID"])
        self.assert_status(400, self.hub.request("GET", "?match=a&matches"))

    def test_S3_mixed_parameters(self) -> None:
        """
        A request may have parameters of all types, in any number.
        """
        exact, other, below = a_topic(), a_topic(), a_topic("https://example.com/S3/")
        stream = self.open(
            [("match", exact), ("match_exact", other), ("match_urlpattern", f"{below}/*")]
        )
        for topic in (exact, other, f"{below}/x"):
            self.hub.update(topic, topic)
            self.assertEqual(topic, stream.next_event().data)

    def test_S3_names_are_case_sensitive(self) -> None:
        """
        Names of parameters are case-sensitive.
        """
        for name in ("MATCH", "Match_exact", "match_URLPattern"):
            self.assert_status(400, self.hub.request("GET", f"?match=a&{name}=b"))

    def test_S4_unknown_match_parameters(self) -> None:
        """
        Any other name that begins with ``match``, in any case, is refused.
        """
        for name in ("Match", "matches", "match_regexp", "matcher", "mAtCh", "match%20", "match_"):
            self.assert_status(400, self.hub.request("GET", f"?match=a&{name}=b"))

    def test_S5_invalid_pattern(self) -> None:
        """
        A pattern that cannot be compiled is refused, without the compiler's reason.
        """
        for pattern in ("/(", "/(?=a)", "/:", "https://[", "/{a"):
            response = self.hub.request("GET", f"?match_urlpattern={encoded(pattern)}")
            self.assert_status(400, response)
            self.assertIn(b"match_urlpattern", response.body)
            self.assertNotIn(b"0x", response.body)

    def test_S6_at_least_one_matcher(self) -> None:
        """
        A request without a matcher is refused.
        """
        for query in ("", "?", "?last_event_id=earliest", "?other=1"):
            self.assert_status(400, self.hub.request("GET", query))

    def test_S6_duplicates(self) -> None:
        """
        A matcher that is repeated is one subscription, and each update comes once.
        """
        topic = a_topic()
        token = self.hub.mint(subscribe=["*"])
        stream = self.open([("match", topic), ("match_exact", topic), ("match", topic)])
        self.hub.update(topic, "1")
        self.hub.update(topic, "2")
        self.assertEqual(["1", "2"], [event.data for event in stream.next_events(2)])
        path = f"{PATH}/subscriptions/exact/{encoded(topic)}"
        response = self.hub.request("GET", path, token=token)
        self.assertEqual(1, response.body.count(b'"subscription"'))

    def test_S7_number_of_matchers(self) -> None:
        """
        A request may have a hundred matchers, and not one more.
        """
        query = "&".join(f"match={number}" for number in range(100))
        self.assertEqual(200, self.open(query).head.status)
        self.assert_status(400, self.hub.request("GET", f"?{query}&match=100"))

    def test_S7_length_of_matchers(self) -> None:
        """
        A matcher may have 4,096 bytes, and not one more.
        """
        for letter, most in (("a", 4096), ("\u00e9", 2048)):
            length = most * len(letter.encode())
            self.assertEqual(4096, length)
            body = f"match={encoded(letter * most)}"
            self.assertEqual(200, self.open("", FORM, method="QUERY", body=body).head.status)
            body = f"match={encoded(letter * most)}a"
            self.assert_status(400, self.hub.request("QUERY", None, FORM, body))

    def test_S8_streams_of_one_token(self) -> None:
        """
        Streams with tokens of one subject may be limited; above the limit the answer is 429 with a
        time to come back.
        """
        other = hub(*KEYS, "--max-per-token=1")
        token = other.mint(subscribe=["a"])
        self.open_at(other, {"match": "a"}, token=token)
        response = other.request("GET", "?match=a", token=token)
        self.assert_status(429, response)
        self.assertGreaterEqual(int(response.headers["Retry-After"]), 1)
        another = other.mint(subscribe=["a"], subject="another")
        self.assertEqual(200, self.open_at(other, {"match": "a"}, token=another).head.status)

    def test_S8_streams_in_all(self) -> None:
        """
        The streams of a hub and of one address may be limited; above the limit the answer is 503
        with a time to come back, because the client is not at fault.
        """
        for option in ("--max-subscribers=1", "--max-per-address=1"):
            other = hub(*KEYS, "--anonymous", option)
            self.open_at(other, {"match": "a"})
            response = other.request("GET", "?match=a")
            self.assert_status(503, response)
            self.assertGreaterEqual(int(response.headers["Retry-After"]), 1)

    def test_S8_browsers(self) -> None:
        """
        On a full hub a browser gets a stream that ends at once, with a longer reconnection time:
        its ``EventSource`` would give up for good after an error.
        """
        other = hub(*KEYS, "--anonymous", "--max-subscribers=1")
        self.open_at(other, {"match": "a"})
        stream = self.open_at(other, {"match": "a"}, {"User-Agent": "Mozilla/5.0"})
        self.assertEqual(200, stream.head.status)
        stream.read_to_end()
        self.assertGreater(stream.reader.reconnection_time or 0, 3000)

    def test_S9_query_union(self) -> None:
        """
        With ``QUERY`` the matchers of the URL and of the body are both used.
        """
        one, other = a_topic(), a_topic()
        body = f"match={encoded(other)}"
        stream = self.open({"match": one}, FORM, method="QUERY", body=body)
        for topic in (one, other):
            self.hub.update(topic, topic)
            self.assertEqual(topic, stream.next_event().data)

    def test_S9_query_cursors(self) -> None:
        """
        A last event id in the header wins over one in the URL, and that wins over one in the body.
        """
        topic = a_topic()
        first, second, third = (self.hub.update(topic, data) for data in "123")
        query = {"match": topic, "last_event_id": second}
        body = f"last_event_id={encoded(first)}"
        stream = self.open(query, FORM, method="QUERY", body=body)
        self.assertEqual(second, stream.head.headers["Mercure-Last-Event-ID"])
        self.assertEqual("3", stream.next_event().data)
        headers = {**FORM, "Last-Event-ID": third}
        stream = self.open(query, headers, method="QUERY", body=body)
        self.assertEqual(third, stream.head.headers["Mercure-Last-Event-ID"])

    def test_S9_query_cursor_in_body(self) -> None:
        """
        The last event id may be in the body alone.
        """
        topic = a_topic()
        first = self.hub.update(topic, "1")
        self.hub.update(topic, "2")
        body = f"match={encoded(topic)}&last_event_id={encoded(first)}"
        stream = self.open("", FORM, method="QUERY", body=body)
        self.assertEqual("2", stream.next_event().data)

    def test_S9_query_too_large(self) -> None:
        """
        A body of more than one MiB is refused with 413.
        """
        body = "match=a&x=" + "x" * (1024 * 1024)
        self.assert_status(413, self.hub.request("QUERY", None, FORM, body))

    def test_S9_query_content_type(self) -> None:
        """
        A missing or malformed media type gives 400; any media type except that of forms gives 415.
        """
        for headers, status in (
            ({}, 400),
            ({"Content-Type": "nonsense"}, 400),
            ({"Content-Type": "application/json"}, 415),
            ({"Content-Type": "Application/X-WWW-Form-Urlencoded; charset=utf-8"}, 200),
        ):
            stream = self.open("", headers, method="QUERY", body=b"match=a")
            self.assertEqual(status, stream.head.status, headers)

    def test_S10_not_acceptable(self) -> None:
        """
        A client that does not accept event streams gets 406.
        """
        for accept in ("application/json", "text/html, image/*", "text/event-stream;q=0"):
            response = self.hub.request("GET", "?match=a", {"Accept": accept})
            self.assert_status(406, response)

    def test_S10_acceptable(self) -> None:
        """
        A client gets the stream if it accepts event streams, or any type, or if ``Accept`` is
        malformed.
        """
        for accept in ("text/event-stream", "text/*;q=0.1", "*/*", "", "nonsense"):
            self.assertEqual(200, self.open({"match": "a"}, {"Accept": accept}).head.status)

    def test_S11_other_parameters(self) -> None:
        """
        Other parameters are ignored.
        """
        for name in ("utm_source", "amatch", "ma", "Topic", "token", "access_token"):
            self.assertEqual(200, self.open({"match": "a", name: "b"}).head.status, name)

    def test_S12_private_updates(self) -> None:
        """
        A subscriber to everything with a grant for one topic gets only the private updates of this
        topic.
        """
        granted, other = a_topic(), a_topic()
        stream = self.open({"match": "*"}, token=self.hub.mint(subscribe=[granted]))
        self.hub.update(other, "secret", private="on")
        self.hub.update(granted, "granted", private="on")
        self.hub.update(other, "public")
        self.assertEqual(["granted", "public"], [one.data for one in stream.next_events(2)])

    def test_S13_no_token(self) -> None:
        """
        A missing token, where one is needed, gives 401 and a challenge without an error.
        """
        response = hub(*KEYS).request("GET", "?match=a")
        self.assert_status(401, response)
        self.assertTrue(response.headers["WWW-Authenticate"].startswith("Bearer"))
        self.assertNotIn("error", response.headers["WWW-Authenticate"])

    def test_S13_anonymous(self) -> None:
        """
        A client without a token, where tokens are optional, gets public updates only.
        """
        topic = a_topic()
        stream = self.open({"match": topic})
        self.hub.update(topic, "secret", private="on")
        self.hub.update(topic, "public")
        self.assertEqual("public", stream.next_event().data)

    def test_S13_bad_token(self) -> None:
        """
        A bad token gives 401, even where tokens are optional.
        """
        expired = self.hub.mint(subscribe=["a"], lifetime=-10)
        for token in (expired, expired[:-4] + "AAAA", "x" * 50):
            response = self.hub.request("GET", "?match=a", token=token)
            self.assert_status(401, response)
            self.assertIn('error="invalid_token"', response.headers["WWW-Authenticate"])

    def test_S14_no_subscribe_grant(self) -> None:
        """
        A client with a token that lacks a grant to subscribe gets public updates.
        """
        other, topic = hub(*KEYS), a_topic()
        stream = self.open_at(other, {"match": topic}, token=other.mint(publish=["*"]))
        other.update(topic, "secret", private="on")
        other.update(topic, "public")
        self.assertEqual("public", stream.next_event().data)

    def test_S15_order_of_checks(self) -> None:
        """
        The encoding is checked first, then the token, then the matchers.
        """
        bad = "x" * 50
        self.assert_status(400, self.hub.request("GET", "?match=%FF", token=bad))
        self.assert_status(401, self.hub.request("GET", "?matches=a", token=bad))
        self.assert_status(401, self.hub.request("GET", "", token=bad))

    def test_S15_announced_before_head(self) -> None:
        """
        The subscription is announced before the head of the stream is sent.
        """
        topic = a_topic()
        token = self.hub.mint(subscribe=["*"])
        self.open({"match": topic})
        path = f"{PATH}/subscriptions/exact/{encoded(topic)}"
        response = self.hub.request("GET", path, token=token)
        self.assertIn(b'"active":true', response.body)
