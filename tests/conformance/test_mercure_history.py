"""
Reconnecting to a Mercure hub (section 11 of the protocol), clause by clause (H).
"""

from threading import Thread

from tests.conformance.mercure_hub import KEYS, PATH, MercureCase, Stream, a_topic, encoded, hub

#: The header with the id of the event after which a stream begins.
HEADER = "Mercure-Last-Event-ID"


class HistoryTests(MercureCase):
    """
    Events for a client that reconnects.
    """

    def back(self, topic: str, last_event_id: str, **options: str) -> Stream:
        """
        Reconnect after an event.
        """
        return self.open({"match": topic, "last_event_id": last_event_id}, **options)

    def data(self, stream: Stream, number: int) -> list[str]:
        """
        Return the data of the next ``number`` events.
        """
        return [event.data for event in stream.next_events(number)]

    def test_H1_header_and_parameter(self) -> None:
        """
        The last event id may be in the header or in the parameter; the header wins.
        """
        topic = a_topic()
        first, second, _ = (self.hub.update(topic, data) for data in "123")
        header = {"Last-Event-ID": second}
        self.assertEqual("2", self.back(topic, first).next_event().data)
        self.assertEqual("3", self.open({"match": topic}, header).next_event().data)
        query = {"match": topic, "last_event_id": first}
        self.assertEqual("3", self.open(query, header).next_event().data)

    def test_H1_any_characters(self) -> None:
        """
        An id that is not ASCII is found, in the header and in the parameter.
        """
        topic, id = a_topic(), a_topic("urn:\u00e9\u4e16:")
        self.hub.update(topic, "1", id=id)
        self.hub.update(topic, "2")
        header = {"Last-Event-ID": id.encode().decode("latin-1")}
        for stream in (self.back(topic, id), self.open({"match": topic}, header)):
            self.assertEqual("2", stream.next_event().data)
            self.assertEqual(id, stream.head.headers[HEADER].encode("latin-1").decode())

    def test_H2_replay_then_live(self) -> None:
        """
        All events after the given one come in order and once each, followed by new ones.
        """
        topic = a_topic()
        first = self.hub.update(topic, "0")
        for number in range(1, 200):
            self.hub.update(topic, str(number))
        stream = self.back(topic, first)
        for number in range(200, 220):
            self.hub.update(topic, str(number))
        self.assertEqual([str(number) for number in range(1, 220)], self.data(stream, 219))

    def test_H2_while_published(self) -> None:
        """
        Clients that reconnect while more updates are published get all updates once and in order.
        """
        topic = a_topic()
        first = self.hub.update(topic, "0")
        numbers = [str(number) for number in range(1, 300)]
        publisher = Thread(target=lambda: [self.hub.update(topic, one) for one in numbers])
        publisher.start()
        streams = [self.back(topic, first) for _ in range(20)]
        for stream in streams:
            self.assertEqual(numbers, self.data(stream, len(numbers)))
        publisher.join()

    def test_H2_hub_wide(self) -> None:
        """
        The last event may have any topic, because all topics of a hub share one order.
        """
        topic = a_topic()
        self.hub.update(topic, "before")
        other = self.hub.update(a_topic(), "")
        self.hub.update(topic, "after")
        self.assertEqual("after", self.back(topic, other).next_event().data)

    def test_H2_matchers(self) -> None:
        """
        Only missed events that match the subscription are replayed.
        """
        topic = a_topic()
        first = self.hub.update(topic, "1")
        self.hub.update(a_topic(), "other")
        self.hub.update(topic, "2")
        self.assertEqual("2", self.back(topic, first).next_event().data)

    def test_H3_private_updates(self) -> None:
        """
        Private updates are replayed only if the client's present token grants them.
        """
        topic = a_topic()
        first = self.hub.update(topic, "1")
        self.hub.update(topic, "secret", private="on")
        self.hub.update(topic, "public")
        granted = self.back(topic, first, token=self.hub.mint(subscribe=[topic]))
        self.assertEqual(["secret", "public"], self.data(granted, 2))
        for token in (self.hub.mint(subscribe=["other"]), None):
            self.assertEqual("public", self.back(topic, first, token=token).next_event().data)

    def test_H4_earliest(self) -> None:
        """
        The last event id ``earliest`` gives all events of the topics that are kept.
        """
        topic = a_topic()
        for data in "123":
            self.hub.update(topic, data)
        stream = self.back(topic, "earliest")
        self.assertEqual(["1", "2", "3"], self.data(stream, 3))
        header = {"Last-Event-ID": "earliest"}
        self.assertEqual("1", self.open({"match": topic}, header).next_event().data)

    def test_H5_duplicate_ids(self) -> None:
        """
        If several updates have the same id, the replay begins after the earliest of them and
        contains the others.
        """
        topic, id = a_topic(), a_topic("urn:H5:")
        self.hub.update(topic, "1", id=id)
        self.hub.update(topic, "2")
        self.hub.update(topic, "3", id=id)
        self.assertEqual(["2", "3"], self.data(self.back(topic, id), 2))

    def test_H6_response_header(self) -> None:
        """
        The header of the response names the event after which the stream begins.
        """
        topic = a_topic()
        id = self.hub.update(topic, "1")
        self.assertEqual(id, self.back(topic, id).head.headers[HEADER])
        self.assertEqual("earliest", self.back(topic, "earliest").head.headers[HEADER])
        self.assertEqual("earliest", self.back(topic, "urn:unknown").head.headers[HEADER])

    def test_H6_empty_cursor(self) -> None:
        """
        A client with an empty last event id gets the header of the response, and only new events.
        """
        topic = a_topic()
        self.hub.update(topic, "old")
        for stream in (self.back(topic, ""), self.open({"match": topic}, {"Last-Event-ID": ""})):
            self.assertEqual("earliest", stream.head.headers[HEADER])
            self.hub.update(topic, "new")
            self.assertEqual("new", stream.next_event().data)

    def test_H6_empty_history(self) -> None:
        """
        Before the first update, the header of the response says ``earliest``.
        """
        other = self.fresh_hub(*KEYS, "--anonymous")
        stream = self.open_at(other, {"match": "a", "last_event_id": "earliest"})
        self.assertEqual("earliest", stream.head.headers[HEADER])
        other.update("a", "first")
        self.assertEqual("first", stream.next_event().data)

    def test_H7_unknown_cursor(self) -> None:
        """
        An unknown last event id gives only new events.  Unlike the reference, this hub also sends
        an event about the gap, with a type that updates of the protocol do not have.
        """
        topic = a_topic()
        self.hub.update(topic, "old")
        stream = self.back(topic, "urn:unknown")
        self.hub.update(topic, "new")
        gap, event = stream.next_events(2)
        self.assertEqual("gap", gap.type)
        self.assertTrue(gap.last_event_id)
        self.assertEqual("new", event.data)

    def test_H7_no_gap(self) -> None:
        """
        An operator can turn off the event about a gap.
        """
        other, topic = hub(*KEYS, "--anonymous", "--gap="), a_topic()
        other.update(topic, "old")
        stream = self.open_at(other, {"match": topic, "last_event_id": "urn:unknown"})
        other.update(topic, "new")
        self.assertEqual("new", stream.next_event().data)

    def test_H7_replay_all(self) -> None:
        """
        An operator can choose a replay of everything for clients with an unknown last event id.
        """
        other = hub(*KEYS, "--anonymous", "--gap=", "--unknown-cursor=all")
        topic = a_topic()
        other.update(topic, "old")
        stream = self.open_at(other, {"match": topic, "last_event_id": "urn:unknown"})
        self.assertEqual("earliest", stream.head.headers[HEADER])
        self.assertEqual("old", stream.next_event().data)

    def test_H8_no_cursor(self) -> None:
        """
        A client without a last event id gets no header, and only new events.
        """
        topic = a_topic()
        self.hub.update(topic, "old")
        stream = self.open({"match": topic})
        self.hub.update(topic, "new")
        self.assertIsNone(stream.head.headers[HEADER])
        self.assertEqual("new", stream.next_event().data)

    def test_H8_no_history(self) -> None:
        """
        A hub that keeps no history answers ``earliest``.  Unlike the reference, it knows the id of
        its newest update: a client with this id has missed nothing.
        """
        other = hub(*KEYS, "--anonymous", "--log-events=0", "--gap=")
        id = other.update("a", "old")
        newest = other.update("a", "newest")
        stream = self.open_at(other, {"match": "a", "last_event_id": newest})
        self.assertEqual(newest, stream.head.headers[HEADER])
        stream = self.open_at(other, {"match": "a", "last_event_id": id})
        self.assertEqual("earliest", stream.head.headers[HEADER])
        other.update("a", "new")
        self.assertEqual("new", stream.next_event().data)

    def test_H9_header_leaks_nothing(self) -> None:
        """
        The header has the client's own id or ``earliest``, never an id that the client does not
        know.
        """
        topic = a_topic()
        hidden = self.hub.update(topic, "secret", private="on")
        for cursor in ("earliest", "urn:unknown", ""):
            self.assertEqual("earliest", self.back(topic, cursor).head.headers[HEADER])
        stream = self.back(topic, hidden)
        self.assertEqual(hidden, stream.head.headers[HEADER])

    def test_H11_subscription_events(self) -> None:
        """
        Announcements of subscriptions are kept, and have ids like all events.
        """
        topic = a_topic()
        first = self.hub.update(topic, "1")
        self.open({"match": topic})
        pattern = f"{PATH}/subscriptions/exact/{encoded(topic)}/*"
        token = self.hub.mint(subscribe=["*"])
        stream = self.open({"match_urlpattern": pattern, "last_event_id": first}, token=token)
        event = stream.next_event()
        self.assertEqual("mercure", event.type)
        query = {"match_urlpattern": pattern, "last_event_id": event.last_event_id}
        again = self.open(query, token=token)
        self.assertEqual(event.last_event_id, again.head.headers[HEADER])
