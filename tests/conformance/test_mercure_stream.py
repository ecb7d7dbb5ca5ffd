"""
Streams of a Mercure hub, clause by clause (E).
"""

import time

import jwt

from ssetwist.mercure.subscribing._subscribing import EXPIRY_MARGIN
from tests.conformance.mercure_hub import FORM, KEYS, MercureCase, a_topic, hub


class StreamTests(MercureCase):
    """
    Streams (section 4).
    """

    def test_E1_event_stream(self) -> None:
        """
        The answer is an event stream: status 200, and that media type without parameters.
        """
        head = self.open({"match": "a"}).head
        self.assertEqual(200, head.status)
        self.assertEqual("text/event-stream", head.headers["Content-Type"])

    def test_E2_headers(self) -> None:
        """
        A stream is not cached or buffered, and its type is not guessed.  ``Pragma`` and ``Expire``,
        which the reference sends, mean nothing in responses.
        """
        headers = self.open({"match": "a"}).head.headers
        self.assertIn("no-store", headers["Cache-Control"])
        self.assertEqual("no", headers["X-Accel-Buffering"])
        self.assertEqual("nosniff", headers["X-Content-Type-Options"])
        self.assertIsNone(headers["Expire"])
        self.assertIsNone(headers["Pragma"])

    def test_E3_first_bytes(self) -> None:
        """
        The head and a first line of the body are sent at once, before any event.
        """
        stream = self.open({"match": a_topic()})
        self.assertTrue(stream.wait_for(b"\n"))
        self.assertEqual([], stream.reader.received)

    def test_E4_order_of_fields(self) -> None:
        """
        An event has its type, its retry and its id before its data.
        """
        topic = a_topic()
        stream = self.open({"match": topic})
        self.hub.update(topic, "a\nb", type="t", retry="7", id="urn:E4")
        stream.next_event()
        event = stream.raw.split(b"\n\n")[-2].split(b"\n")
        names = [line.partition(b":")[0].decode() for line in event if line]
        self.assertEqual({"event", "retry", "id"}, set(names[-5:-2]))
        self.assertEqual(["data", "data"], names[-2:])

    def test_E5_id(self) -> None:
        """
        Each event has an id, which the publisher has given or was told.
        """
        topic = a_topic()
        stream = self.open({"match": topic})
        generated = self.hub.update(topic, "1")
        given = self.hub.update(topic, "2", id="urn:E5")
        events = stream.next_events(2)
        self.assertEqual([generated, "urn:E5"], [event.last_event_id for event in events])
        self.assertEqual("urn:E5", given)
        self.assertEqual(2, stream.raw.count(b"\nid: "))

    def test_E5_no_other_events(self) -> None:
        """
        Events without an id, such as the ticks of a development hub, are not sent.
        """
        other = hub("--tick=0.01")
        stream = self.open_at(other, {"match": "*"})
        ticks = self.open_at(other, "", path="/sse")
        self.assertEqual("tick", ticks.next_event().type)
        response = other.publish({"topic": a_topic(), "data": "an update"}, FORM)
        self.assert_status(200, response)
        self.assertEqual("an update", stream.next_event().data)

    def test_E5_lines(self) -> None:
        """
        Data is split at CR, LF and CRLF, so that a line of data never becomes a field.
        """
        topic = a_topic()
        stream = self.open({"match": topic})
        self.hub.update(topic, "a\nid: 1\rretry: 1\r\n\r\ndata: b\n", type="t")
        event = stream.next_event()
        self.assertEqual("a\nid: 1\nretry: 1\n\ndata: b\n", event.data)
        self.assertEqual("t", event.type)
        self.assertNotEqual("1", event.last_event_id)

    def test_E6_properties(self) -> None:
        """
        The event has the type, id and retry of the publisher; without a type, its type is
        ``message``.
        """
        topic = a_topic()
        stream = self.open({"match": topic})
        self.hub.update(topic, "a", type="t", id="urn:E6", retry="1234")
        event = stream.next_event()
        self.assertEqual(("t", "a", "urn:E6"), (event.type, event.data, event.last_event_id))
        self.assertEqual(1234, stream.reader.reconnection_time)
        self.hub.update(topic, "b")
        self.assertEqual("message", stream.next_event().type)

    def test_E7_heartbeat(self) -> None:
        """
        A silent stream has comments at intervals.
        """
        other = hub(*KEYS, "--anonymous", "--heartbeat=0.1")
        stream = self.open_at(other, {"match": a_topic()})
        self.assertIn(b":\n", stream.wait_for(b"\n:"))
        self.assertEqual([], stream.reader.received)

    def test_E7_interval(self) -> None:
        """
        By default the interval suits clients that give up after 20 s of silence.
        """
        self.assertLessEqual(self.hub.service.hub.streams.heartbeat, 20)

    def test_E8_token_expires(self) -> None:
        """
        A stream ends because its token expires, and about when it does.
        """
        token = self.hub.mint(subscribe=["a"], lifetime=3)
        expires = jwt.decode(token, options={"verify_signature": False})["exp"]
        stream = self.open({"match": "a"}, token=token)
        stream.read_to_end()
        # The test may notice it late; unit tests know the exact moment, which is before that.
        self.assertGreater(time.time(), expires - 2 * EXPIRY_MARGIN)

    def test_E8_lifetime(self) -> None:
        """
        A stream ends after the lifetime that the operator sets.
        """
        other = hub(*KEYS, "--anonymous", "--lifetime=1")
        self.open_at(other, {"match": "a"}).read_to_end()

    def test_E9_clean_end(self) -> None:
        """
        When the hub stops, a stream ends with its last chunk instead of being cut.
        """
        other = self.fresh_hub(*KEYS, "--anonymous")
        stream = self.open_at(other, {"match": "a"})
        other.stop()
        self.assertIn(b"retry: ", stream.read_to_end())

    def test_E10_reconnection_time(self) -> None:
        """
        The stream begins with the reconnection time, which the reference does not send.
        """
        stream = self.open({"match": a_topic()})
        stream.wait_for(b"\n")
        self.assertEqual(3000, stream.reader.reconnection_time)

    def test_E11_no_topic(self) -> None:
        """
        An event does not name the topic that it was published to.
        """
        topic = a_topic("https://example.com/E11/")
        stream = self.open({"match": topic})
        self.hub.update(topic, "x")
        stream.next_event()
        self.assertNotIn(b"E11", stream.raw)
