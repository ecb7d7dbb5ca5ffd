"""
Publishing beyond the protocol: JSON, many updates at once, idempotency keys, and a limit on the
rate.
"""

import json
from threading import Thread
from typing import Any

from tests.conformance.mercure_hub import KEYS, Response, a_topic, hub
from tests.conformance.mercure_publisher import FORM, JSON, JSON_LINES, PublisherCase, access_token
from tests.patience import wait_until


class JsonTests(PublisherCase):
    """
    One update as a JSON object.
    """

    def publish_json(self, update: Any, media_type: str = JSON) -> Response:  # any JSON value
        """
        Publish an object as JSON.
        """
        body = update if isinstance(update, bytes) else json.dumps(update).encode()
        return self.post(body, media_type)

    def test_fields(self) -> None:
        """
        The object has the fields of the form, and gets the same answer.
        """
        topic, id = a_topic(), a_topic("urn:x:")
        stream = self.open({"match": topic})
        update = {"topic": topic, "data": "é\n", "id": id, "type": "chat", "retry": 2500, "x": 1}
        response = self.publish_json(update, f"{JSON}; charset=utf-8")
        self.assertEqual((200, id.encode()), (response.status, response.body))
        event = stream.next_event()
        self.assertEqual(("é\n", id, "chat"), (event.data, event.last_event_id, event.type))
        self.assertEqual(2500, stream.reader.reconnection_time)

    def test_data(self) -> None:
        """
        Data that is not a string is sent as JSON.
        """
        topic = a_topic()
        stream = self.open({"match": topic})
        for data in ({"a": [1, None]}, [], 1.5, True, None):
            self.assert_status(200, self.publish_json({"topic": topic, "data": data}))
            self.assertEqual(data, json.loads(stream.next_event().data))

    def test_topics(self) -> None:
        """
        The topic may be an array; each of its topics must be granted.
        """
        topics = [a_topic(), a_topic()]
        stream = self.open({"match": topics[1]})
        self.assert_status(200, self.publish_json({"topic": topics, "data": "x"}))
        self.assertEqual("x", stream.next_event().data)
        token = self.hub.mint(publish=[topics[0]])
        with self.assert_publishes(0):
            found = self.post(json.dumps({"topic": topics}), JSON, token=token)
        self.assert_status(403, found)

    def test_private(self) -> None:
        """
        The update is private if the field is true, and public if it is false.
        """
        topic = a_topic()
        stream = self.open({"match": topic})
        self.publish_json({"topic": topic, "data": "secret", "private": True})
        self.publish_json({"topic": topic, "data": "public", "private": False})
        self.assertEqual("public", stream.next_event().data)

    def test_refused(self) -> None:
        """
        An invalid object is refused; the error names the field.
        """
        for named, update in (
            ("JSON", b"topic=/a"),
            ("JSON", b"{"),
            ("JSON", b""),
            ("UTF-8", b'{"topic":"\xff"}'),
            ("number", b'{"topic":"/a","data":NaN}'),
            ("nested", b'{"topic":"/a","data":' + b"[" * 9000),
            ("10000 commas", b'{"topic":"/a","data":' + b"[" * 100_000),
            ("object", ["/a"]),
            ("topic", {}),
            ("topic", {"topic": []}),
            ("topic", {"topic": ["/a", 1]}),
            ("topic", {"topic": "*"}),
            ("topic", {"topic": "mercure"}),
            ("topic", {"topic": "\ud800"}),
            ("data", {"topic": "/a", "data": "\ud800"}),
            ("data", {"topic": "/a", "data": ["\udfff"]}),
            ("id", {"topic": "/a", "id": 1}),
            ("id", {"topic": "/a", "id": "#1"}),
            ("type", {"topic": "/a", "type": ["x"]}),
            ("type", {"topic": "/a", "type": "mercure"}),
            ("retry", {"topic": "/a", "retry": "1"}),
            ("retry", {"topic": "/a", "retry": 1.5}),
            ("retry", {"topic": "/a", "retry": True}),
            ("retry", {"topic": "/a", "retry": -1}),
            ("retry", {"topic": "/a", "retry": 2**64}),
            ("private", {"topic": "/a", "private": "true"}),
            ("private", {"topic": "/a", "private": 1}),
        ):
            with self.assert_publishes(0):
                response = self.publish_json(update)
            self.assert_status(400, response)
            self.assertIn(named, response.body.decode())


class LinesTests(PublisherCase):
    """
    Many updates, one on each line.
    """

    def publish_lines(self, *lines: Any, **options: Any) -> list[dict[str, Any]]:  # JSON values
        """
        Publish lines, and return the answer to each.
        """
        body = "".join(f"{one if isinstance(one, str) else json.dumps(one)}\n" for one in lines)
        response = self.post(body, JSON_LINES, **options)
        self.assert_status(200, response)
        self.assertEqual(JSON_LINES, response.headers["Content-Type"])
        return [json.loads(line) for line in response.body.splitlines()]

    def test_order(self) -> None:
        """
        Lines are published and answered in their order, each with its id.
        """
        topic = a_topic()
        stream = self.open({"match": topic})
        answers = self.publish_lines(*({"topic": topic, "data": str(n)} for n in range(50)))
        events = stream.next_events(50)
        self.assertEqual([str(number) for number in range(50)], [event.data for event in events])
        ids = [answer["id"] for answer in answers]
        self.assertEqual([event.last_event_id for event in events], ids)

    def test_one_is_wrong(self) -> None:
        """
        An invalid line is answered with its number, and does not affect the others.
        """
        token = self.hub.mint(publish=["/a"])
        with self.assert_publishes(2):
            answers = self.publish_lines(
                {"topic": "/a"},
                "",
                {"topic": "*"},
                "{",
                {"topic": "/b"},
                {"topic": "/a"},
                token=token,
            )
        self.assertEqual(
            [(None, None), (400, 3), (400, 4), (403, 5), (None, None)],
            [(answer.get("status"), answer.get("line")) for answer in answers],
        )
        self.assertIn("topic", answers[1]["error"])

    def test_no_right_to_publish(self) -> None:
        """
        A client without any right to publish gets one refusal for all lines.
        """
        with self.assert_publishes(0):
            found = self.post('{"topic":"/a"}', JSON_LINES, token=self.hub.mint(subscribe=["*"]))
        self.assert_status(403, found)

    def test_too_many(self) -> None:
        """
        More than a thousand lines are refused, and nothing is published.
        """
        self.assert_refuses(413, "lines", b'{"topic":"/a"}\n' * 1001, media_type=JSON_LINES)


class IdempotencyTests(PublisherCase):
    """
    Repeated requests with an idempotency key.
    """

    def publish_once(
        self, key: str, body: str, token: str | None = None, media_type: str = FORM
    ) -> Response:
        """
        Publish with a key.
        """
        token = token or access_token(sub="me")
        return self.post(body, media_type, {"Idempotency-Key": key}, token=token)

    def test_repeated(self) -> None:
        """
        A repeated request gets the same answer, and nothing is published again.
        """
        key, body = a_topic("key-"), "topic=/a&data=x"
        with self.assert_publishes(1):
            answers = [self.publish_once(key, body) for _ in range(3)]
        self.assertEqual({200}, {answer.status for answer in answers})
        self.assertEqual(1, len({answer.body for answer in answers}))

    def test_simultaneous(self) -> None:
        """
        Requests at the same time get the same answer, and one update is published.
        """
        key, bodies = a_topic("key-"), []
        threads = [
            Thread(target=lambda: bodies.append(self.publish_once(key, "topic=/a").body))
            for _ in range(5)
        ]
        with self.assert_publishes(1):
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self.assertEqual((5, 1), (len(bodies), len(set(bodies))))

    def test_another_body(self) -> None:
        """
        The same key with another body gives 422.
        """
        key = a_topic("key-")
        self.publish_once(key, "topic=/a&data=x")
        with self.assert_publishes(0):
            found = self.publish_once(key, "topic=/a&data=y")
        self.assert_status(422, found)
        self.assertIn("Idempotency-Key", found.body.decode())

    def test_another_publisher(self) -> None:
        """
        Each publisher has its own keys; tokens with the same subject belong to one publisher.
        """
        key = a_topic("key-")
        with self.assert_publishes(2):
            for token in (
                access_token(sub="me"),
                access_token(sub="you"),
                access_token(sub="me", jti="another"),
            ):
                self.assert_status(200, self.publish_once(key, "topic=/a", token))

    def test_refused_before(self) -> None:
        """
        A client may correct a refused request and send it again with the same key.
        """
        key = a_topic("key-")
        self.assert_status(400, self.publish_once(key, "topic=*"))
        with self.assert_publishes(1):
            self.assert_status(200, self.publish_once(key, "topic=/a"))

    def test_no_grant(self) -> None:
        """
        A client without a right to the topic does not learn what was published under the key.
        """
        key = a_topic("key-")
        self.publish_once(key, "topic=/a")
        weaker = self.hub.mint(publish=["/b"], subject="me")
        self.assert_status(403, self.publish_once(key, "topic=/a", weaker))

    def test_lines(self) -> None:
        """
        Each line is published once.
        """
        key, body = a_topic("key-"), '{"topic":"/a"}\n{"topic":"/a"}\n'
        with self.assert_publishes(2):
            answers = {self.publish_once(key, body, None, JSON_LINES).body for _ in range(2)}
        self.assertEqual(1, len(answers))

    def test_bad_key(self) -> None:
        """
        An empty key, a long one or one that is not ASCII is refused.
        """
        for key in ("", "x" * 256, "\xe9"):
            with self.assert_publishes(0):
                found = self.publish_once(key, "topic=/a")
            self.assert_status(400, found)
            self.assertIn("Idempotency-Key", found.body.decode())


class RateTests(PublisherCase):
    """
    Limits on the rate of publications.
    """

    def test_rate(self) -> None:
        """
        Above the rate the answer is 429 with a time to come back.  Other publishers are not slowed.
        """
        made = hub(*KEYS, "--publish-rate=2")
        mine, other = access_token(sub="me"), access_token(sub="you")
        fields = {"topic": "/a"}
        before, accepted = self.head_of(made), 0
        # Two may be published at once in any case.  A slow machine must try more often.
        while (found := made.publish(fields, token=mine)).status == 200:
            accepted += 1
            self.assertLess(accepted, 1000)
        self.assert_status(429, found)
        self.assertGreaterEqual(accepted, 2)
        self.assertEqual("1", found.headers["Retry-After"])
        self.assertEqual(accepted, self.head_of(made) - before)
        self.assert_status(200, made.publish(fields, token=other))
        wait_until(
            lambda: made.publish(fields, token=mine).status == 200, "it may publish once more"
        )

    def test_lines(self) -> None:
        """
        Each line counts as a publication; the answer to a line above the rate says when to come
        back.
        """
        made = hub(*KEYS, "--publish-rate=2")
        token = access_token(sub="somebody else")
        with self.assert_publishes(2, made):
            response = self.post('{"topic":"/a"}\n' * 4, JSON_LINES, token=token, at=made)
        answers = [json.loads(line) for line in response.body.splitlines()]
        self.assertEqual([None, None, 429, 429], [one.get("status") for one in answers])
        self.assertGreater(answers[-1]["retry_after"], 0)
