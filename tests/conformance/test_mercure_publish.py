"""
Publishing to a Mercure hub (section 5 of the checklist).
"""

from urllib.parse import quote, urlencode

from ssetwist.errors import CannotListen
from tests.conformance.mercure_hub import HUB, MercureHub, a_topic, hub, in_hub_thread
from tests.conformance.mercure_publisher import FORM, JSON, PublisherCase, ask

#: Characters that topics, ids and types must not have: C0, DEL, C1, and category Cf.
INVISIBLE = ("\0", "\n", "\x1f", "\x7f", "\x85", "\xad", "\u061c", "\u200b", "\u202e", "\ufeff")


class PublishTests(PublisherCase):
    """
    The request, its fields and its answer.
    """

    def test_P1_form(self) -> None:
        """
        The body is a form in UTF-8: a plus is a blank, an escape is a byte, and only & separates.
        """
        topic = a_topic()
        stream = self.open({"match": topic})
        body = f"topic={quote(topic, safe='')}&data=a+b%2Bc;%C3%A9=%zz"
        for media_type in (FORM, f"{FORM.upper()} ; charset=utf-8"):
            self.assert_status(200, self.post(body, media_type))
            self.assertEqual("a b+c;é=%zz", stream.next_event().data)

    def test_P1_other_media_types(self) -> None:
        """
        Another media type gets 415; the reference reads an empty form, and answers 400.
        """
        for media_type in ("multipart/form-data; boundary=x", "text/plain", "nonsense", ""):
            self.assert_refuses(415, "Content-Type", b"topic=/a&data=x", media_type=media_type)

    def test_P1_no_media_type(self) -> None:
        """
        A body without a media type is read as a form.
        """
        token = self.hub.mint(publish=["*"])
        with self.assert_publishes(1):
            response = self.post(b"topic=/a", None, token=token)
        self.assert_status(200, response)

    def test_P2_unknown_fields(self) -> None:
        """
        Unknown fields are ignored.
        """
        fields = {"topic": a_topic(), "target": "x", "Topic": "*", "matches": "", "": "y"}
        with self.assert_publishes(1):
            self.assert_status(200, self.hub.publish(fields))

    def test_P3_reserved_namespace(self) -> None:
        """
        A topic is refused if, as browsers resolve it, its path is the hub's or below that; scheme
        and host do not matter.
        """
        for topic in (
            "/.well-known/mercure",
            "/.well-known/mercure/",
            "/.well-known/mercure/subscriptions/exact/a/b",
            HUB,
            "https://other.example/.well-known/mercure/x",
            "ftp://other.example/.well-known/mercure",
            "//o/.well-known/mercure#f",
            "/.well-known/mercure?query",
            "mercure",
            "mercure/x",
            "mercure?x",
            "./x/../mercure",
            "/.well-known/%6Dercure/x",
            "/.well-known/%6dercur%65",
            "/%2Ewell-known/mercure",
            "/a/%2e%2E/.well-known/mercure",
            "\\.well-known\\mercure\\x",
            "https:\\\\o\\.well-known\\mercure",
            " /.well-known/mercure",
        ):
            self.assert_refuses(400, "topic", {"topic": topic})
            self.assert_refuses(400, "topic", [("topic", a_topic()), ("topic", topic)])

    def test_P3_not_reserved(self) -> None:
        """
        Text that is not a URL, and URLs with another path, are not reserved.
        """
        for topic in (
            "mercure2",
            "/.well-known/mercure2",
            "/.WELL-KNOWN/mercure",
            "/.well-known/mercure%2Fx",
            "/.well-known/",
            "/x/.well-known/mercure",
            "https://example.com/?/.well-known/mercure",
            "urn:uuid:1",
            "https://[/.well-known/mercure",
        ):
            self.assert_status(200, self.hub.publish({"topic": topic}))

    def test_P3_other_path(self) -> None:
        """
        The reserved namespace follows the hub's path.
        """
        made = self.fresh_hub(
            "--key=env:SSETWIST_CONFORMANCE_KEY", "--audience=https://h.example/e"
        )
        for topic, status in (
            ("/e", 400),
            ("e/x", 400),
            ("https://o.example/e/", 400),
            ("/ev", 200),
            ("/.well-known/mercure", 200),
        ):
            self.assert_status(status, made.publish({"topic": topic}))

    def test_P4_every_topic(self) -> None:
        """
        The token must grant every topic; otherwise nothing is published, and the answer is 403.
        """
        granted, other = a_topic(), a_topic()
        token = self.hub.mint(publish=[granted])
        fields = [("topic", granted), ("topic", other)]
        response = self.assert_refuses(403, "token", fields, token=token)
        self.assertIn('error="insufficient_scope"', response.headers["WWW-Authenticate"])
        for only in (granted, other):
            status = 200 if only == granted else 403
            self.assert_status(status, self.hub.publish({"topic": only}, token=token))

    def test_P4_patterns(self) -> None:
        """
        A grant may be a pattern; each topic must be matched by some grant.
        """
        token = self.hub.mint(publish=[("urlpattern", "/books/:id"), "urn:a"])
        for topics, status in (
            (["/books/1"], 200),
            ([f"{HUB.removesuffix('/.well-known/mercure')}/books/2", "urn:a"], 200),
            (["/books/1", "/books/1/pages"], 403),
            (["urn:b"], 403),
        ):
            fields = [("topic", topic) for topic in topics]
            self.assert_status(status, self.hub.publish(fields, token=token))

    def test_P5_answer(self) -> None:
        """
        Success gives 200 with plain text, which is only the id.
        """
        topic = a_topic()
        stream = self.open({"match": topic})
        response = self.hub.publish({"topic": topic})
        self.assertEqual(200, response.status)
        self.assertEqual("text/plain; charset=utf-8", response.headers["Content-Type"])
        self.assertEqual(stream.next_event().last_event_id, response.body.decode())

    def test_P6_body(self) -> None:
        """
        A body that is too large, or has too many fields, gives 413.
        """
        made = hub("--key=env:SSETWIST_CONFORMANCE_KEY", "--max-body=1000")
        with self.assert_publishes(1, made):
            for size, status in ((1000, 200), (1001, 413)):
                body = b"topic=/a&data=".ljust(size, b"x")
                token = made.mint_legacy(publish=["*"])
                self.assert_status(status, self.post(body, token=token, at=made))
        self.assert_refuses(413, "fields", b"topic=/a" + b"&a" * 10_000)

    def test_P6_field_lengths(self) -> None:
        """
        Topics, ids and types have a maximum length; above it 413 names the field.
        """
        for name, most in (("topic", 4096), ("id", 256), ("type", 256)):
            fields = {"topic": a_topic(), name: "x" * most}
            self.assert_status(200, self.hub.publish(fields))
            self.assert_refuses(413, name, fields | {name: "x" * (most + 1)})

    def test_P6_number_of_topics(self) -> None:
        """
        Too many topics give 413, as in the specification (the reference: 400).
        """
        topics = [("topic", f"/many/{number}") for number in range(1001)]
        self.assert_refuses(413, "topic", topics)
        self.assert_status(200, self.hub.publish(topics[:1000]))
        made = hub("--key=env:SSETWIST_CONFORMANCE_KEY", "--max-topics=2")
        token = made.mint_legacy(publish=["*"])
        for number, status in ((2, 200), (3, 413)):
            self.assert_status(status, made.publish(topics[:number], token=token))

    def test_P7_authorization_first(self) -> None:
        """
        A client without the right to publish does not learn about mistakes in the update.
        """
        bad = b"topic=*&retry=x&id=%00&type=mercure&data=%ff"
        no_grant = self.hub.mint(subscribe=["*"])
        with self.assert_publishes(0):
            for media_type in (FORM, JSON, "text/plain"):
                refused = self.post(bad, media_type, token=no_grant)
                self.assert_status(403, refused)
                self.assertEqual(b"The token does not allow this.\n", refused.body)
                refused = self.post(bad, media_type, headers={"X": "y"})
                self.assert_status(401, refused)
                self.assertEqual(b"A token is needed.\n", refused.body)

    def test_P8_only_this_machine(self) -> None:
        """
        Without a key everybody may publish, so only this machine can connect.
        """
        made = self.fresh_hub("--tick=0")
        self.assert_status(200, ask(made, "POST", [("Content-Type", FORM)], b"topic=/a"))
        with self.assertRaises(CannotListen):
            MercureHub("--listen=tcp:0:interface=0.0.0.0")

    def test_P8_no_foreign_pages(self) -> None:
        """
        Without a key, a page from elsewhere cannot publish through a browser on this machine, even
        with a host name that leads to this machine.
        """
        made = self.fresh_hub("--tick=0")
        with self.assert_publishes(0, made):
            for fields, status in (
                ({"Origin": "https://evil.example"}, 403),
                ({"Origin": "null"}, 403),
                ({"Host": "evil.example"}, 421),
            ):
                self.assert_status(status, self.post("topic=/a", headers=fields, at=made))

    def test_P9_no_subscriber_count(self) -> None:
        """
        The answer is the same with subscribers and without.
        """
        topic = a_topic()
        alone = self.hub.publish({"topic": topic, "id": a_topic()})
        self.open({"match": topic})
        heard = self.hub.publish({"topic": topic, "id": a_topic()})
        self.assertEqual(alone.status, heard.status)
        self.assertEqual(alone.headers.keys(), heard.headers.keys())


class FieldTests(PublisherCase):
    """
    The fields of an update (the table of section 5).
    """

    def test_P_topic_missing(self) -> None:
        """
        An update needs a topic, and no topic may be empty.
        """
        for body in (b"", b"data=x", b"topic", b"topic=", b"topic=/a&topic=", b"Topic=/a"):
            self.assert_refuses(400, "topic", body)

    def test_P_topic_star(self) -> None:
        """
        The wildcard is not a topic (T4).
        """
        self.assert_refuses(400, "topic", {"topic": "*"})
        self.assert_refuses(400, "topic", [("topic", a_topic()), ("topic", "*")])
        self.assert_status(200, self.hub.publish({"topic": "**"}))

    def test_P_characters(self) -> None:
        """
        Topics, ids and types must not have control or invisible characters (T1); the error names
        the field.
        """
        for character in INVISIBLE:
            for name in ("topic", "id", "type"):
                fields = {"topic": a_topic(), name: f"/a{character}b"}
                self.assert_refuses(400, name, fields)

    def test_P_utf8(self) -> None:
        """
        A field that is not in UTF-8 is refused; the error names it.
        """
        for name in ("topic", "data", "id", "type", "retry", "private"):
            for bad in ("%ff", "%C3", "%ED%A0%80", "%C0%80"):
                self.assert_refuses(400, name, f"topic=/a&{name}=a{bad}".encode())

    def test_P_data(self) -> None:
        """
        Data is optional, and arrives unchanged except for the kind of its line breaks.
        """
        topic = a_topic()
        stream = self.open({"match": topic})
        texts = ("", " a: b", "a\n\nid: 1\n", "\ufeff\0\x85\u2028é\U0001f600", "x" * 100_000)
        for text in texts:
            self.hub.update(topic, text)
        self.hub.publish({"topic": topic})
        self.hub.update(topic, "a\rb\r\nc")
        received = [event.data for event in stream.next_events(len(texts) + 2)]
        self.assertEqual([*texts, "", "a\nb\nc"], received)

    def test_P_private(self) -> None:
        """
        An update is private if the field is there, with any value.
        """
        topic = a_topic()
        stream = self.open({"match": topic})
        for private in ("private", "private=", "private=on", "private=false", "private=0"):
            self.assert_status(200, self.post(f"topic={topic}&data=secret&{private}"))
        self.hub.update(topic, "public", Private="")
        self.assertEqual("public", stream.next_event().data)

    def test_P_id(self) -> None:
        """
        The publisher's id becomes the id of the update.
        """
        topic, id = a_topic(), a_topic("urn:x:")
        stream = self.open({"match": topic})
        self.assertEqual(id, self.hub.update(topic, id=id))
        self.assertEqual(id, stream.next_event().last_event_id)

    def test_P_id_reserved(self) -> None:
        """
        An id must not begin with # or be ``earliest``.
        """
        for id in ("#", "#1", "earliest"):
            self.assert_refuses(400, "id", {"topic": a_topic(), "id": id})
        self.assertEqual("a#1", self.hub.update(a_topic(), id="a#1"))
        self.assertEqual("Earliest", self.hub.update(a_topic(), id="Earliest"))

    def test_P_id_generated(self) -> None:
        """
        Without an id, or with an empty one, the hub makes a new id that begins with #.
        """
        made = {self.hub.update(a_topic()), self.hub.update(a_topic(), id="")}
        self.assertEqual(2, len(made))
        for id in made:
            self.assertRegex(id, r"^#[!-~]+$")

    def test_P_type(self) -> None:
        """
        The type is the event's type; ``mercure`` is reserved, and an empty one counts as missing.
        """
        topic = a_topic()
        stream = self.open({"match": topic})
        for type in ("chat", "Mercure", ""):
            self.hub.update(topic, "x", type=type)
        types = [event.type for event in stream.next_events(3)]
        self.assertEqual(["chat", "Mercure", "message"], types)
        self.assert_refuses(400, "type", {"topic": topic, "type": "mercure"})

    def test_P_retry(self) -> None:
        """
        The reconnection time consists of ASCII digits; an empty one counts as missing.
        """
        topic = a_topic()
        stream = self.open({"match": topic})
        for retry, expected in (("2500", 2500), ("", 2500), ("007", 7), ("0", 0)):
            self.hub.update(topic, "x", retry=retry)
            stream.next_event()
            self.assertEqual(expected, stream.reader.reconnection_time)
        for retry in ("x", "-1", "+1", " 1", "1 ", "1_000", "1.5", "1e3", "٣", "²", "0x1", "1\n"):
            self.assert_refuses(400, "retry", {"topic": topic, "retry": retry})

    def test_P_retry_too_large(self) -> None:
        """
        A reconnection time that is too large for browsers is refused.
        """
        for retry in (str(2**53), "9" * 30, "9" * 5000):
            self.assert_refuses(400, "retry", {"topic": a_topic(), "retry": retry})

    def test_P_repeated_fields(self) -> None:
        """
        The first value of a repeated field counts.
        """
        topic = a_topic()
        stream = self.open({"match": topic})
        self.post(urlencode([("topic", topic), ("data", "first"), ("data", "second")]))
        self.assertEqual("first", stream.next_event().data)


class MethodTests(PublisherCase):
    """
    Hubs that do not offer publishing.
    """

    def test_P_no_publisher_key(self) -> None:
        """
        A hub without a key for publishers does not offer ``POST``.
        """
        made = hub("--subscriber-key=env:SSETWIST_CONFORMANCE_KEY")
        response = ask(made, "POST", [("Content-Type", FORM)], b"topic=/a")
        self.assert_status(405, response)
        self.assertNotIn("POST", response.headers["Allow"])


class ClosedTests(PublisherCase):
    """
    Hubs that are stopping.
    """

    def test_P_hub_closed(self) -> None:
        """
        A hub that is stopping answers 503 with a time to come back.
        """
        made = self.fresh_hub("--key=env:SSETWIST_CONFORMANCE_KEY", f"--audience={HUB}")
        in_hub_thread(made.service.hub.close)
        response = made.publish({"topic": "/a"})
        self.assert_status(503, response)
        self.assertRegex(response.headers["Retry-After"], r"^\d+$")
