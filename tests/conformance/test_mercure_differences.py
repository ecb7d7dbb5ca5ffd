"""
Differences between the specification and its reference (section 19 of the protocol).
"""

import json
from urllib.parse import urlencode

from tests.conformance.mercure_hub import FORM, KEYS, PATH, MercureCase, a_topic, encoded, hub


class DifferenceTests(MercureCase):
    """
    The side that this hub takes in each difference.
    """

    def test_19_1_too_many_topics(self) -> None:
        """
        Too many topics give 413, as in the specification; the reference answers 400.
        """
        fields = [("topic", f"a{number}") for number in range(1001)]
        self.assert_status(413, self.hub.publish(fields))
        self.assert_status(200, self.hub.publish(fields[:1000]))

    def test_19_2_payload(self) -> None:
        """
        A payload may be any JSON value, as in the reference; the specification knows only objects.
        """
        for payload in ({"a": 1}, "text", [1, None], 0, False):
            topic = a_topic()
            token = self.hub.mint(subscribe=["*"], payload=payload)
            self.open({"match": topic}, token=token)
            path = f"{PATH}/subscriptions/exact/{encoded(topic)}"
            response = self.hub.request("GET", path, token=token)
            [subscription] = json.loads(response.body)["subscriptions"]
            self.assertEqual(payload, subscription["payload"])

    def test_19_3_topic(self) -> None:
        """
        ``topic`` means the same as in 0.x; the reference refuses it, the specification is silent.
        """
        topic = a_topic()
        stream = self.open({"topic": topic})
        self.hub.update(topic, "x")
        self.assertEqual("x", stream.next_event().data)

    def test_19_4_own_origin(self) -> None:
        """
        A page of the hub's own origin may publish with a cookie, as in the specification; the
        reference needs an option for that.
        """
        cookie = f"__Secure-mercure_access_token={self.hub.mint(publish=['*'])}"
        for origin, status in (("https://hub.example", 200), ("https://other.example", 400)):
            headers = {"Cookie": cookie, "Origin": origin}
            self.assert_status(status, self.hub.publish({"topic": a_topic()}, headers))

    def test_19_5_no_expire(self) -> None:
        """
        Answers do not have the unknown header ``Expire``.
        """
        self.assertIsNone(self.open({"match": "a"}).head.headers["Expire"])

    def test_19_6_heartbeat(self) -> None:
        """
        The heartbeat is a comment without text, as in the reference.
        """
        other = hub(*KEYS, "--anonymous", "--heartbeat=0.1")
        stream = self.open_at(other, {"match": a_topic()})
        stream.wait_for(b"\n:")
        self.assertTrue(stream.wait_for(b"\n:\n"))

    def test_19_7_query_cursor(self) -> None:
        """
        With ``QUERY``, a last event id in the URL wins over one in the body, as both documents say.
        """
        topic = a_topic()
        first, second, _ = (self.hub.update(topic, data) for data in "123")
        body = urlencode({"match": topic, "last_event_id": first})
        query = {"last_event_id": second}
        stream = self.open(query, FORM, method="QUERY", body=body)
        self.assertEqual("3", stream.next_event().data)

    def test_19_8_hub_path(self) -> None:
        """
        The hub may be at another path, as in the specification; the reference knows only one.
        """
        other = hub(KEYS[0], "--audience=https://hub.example/events", "--subscriptions")
        self.assertEqual("/events", other.path)
        stream = self.open_at(other, {"match": "a"}, token=other.mint(subscribe=["a"]))
        other.update("a", "x", private="on")
        self.assertEqual("x", stream.next_event().data)

    def test_19_9_base_url(self) -> None:
        """
        Patterns and topics are relative to the hub's URL, so a relative one matches an absolute
        one.
        """
        number = a_topic("")
        stream = self.open({"match_urlpattern": f"/19/9/{number}/:id"})
        for topic in (f"/19/9/{number}/a", f"https://hub.example/19/9/{number}/b"):
            self.hub.update(topic, topic)
            self.assertEqual(topic, stream.next_event().data)

    def test_19_10_path_as_sent(self) -> None:
        """
        A token must grant the path as the client has sent it.
        """
        root = f"{PATH}/subscriptions/exact"
        for granted, asked, status in (
            (f"{root}/a%3Ab", f"{root}/a%3Ab", 200),
            (f"{root}/a%3Ab", f"{root}/a%3ab", 403),
            (f"{root}/a%3Ab", f"{root}/a:b", 403),
            (f"{root}/a:b", f"{root}/a:b", 200),
        ):
            token = self.hub.mint(subscribe=[granted])
            self.assert_status(status, self.hub.request("GET", asked, token=token))
