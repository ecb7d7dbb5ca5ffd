"""
Many short visits to a hub that announces subscriptions.
"""

import re
from contextlib import closing
from urllib.parse import quote, urlencode

from twisted.trial.unittest import SynchronousTestCase

from tests.functional.mercure_process import PATH, TOPIC, legacy_token, mercure_hub, publish
from tests.functional.support import HubProcess, read_until, subscribe, wait_until
from tests.functional.twistd_process import head

#: Visits, and topics that each asks for: twelve thousand announcements, more than a log keeps.
VISITS, TOPICS = 60, 100


class VisitsTests(SynchronousTestCase):
    """
    A crowd of strangers that come and go, each with many topics.
    """

    def visit(self, process: HubProcess) -> None:
        """
        Let strangers come and go, until the hub has announced all that.
        """
        for visit in range(VISITS):
            topics = urlencode([("match", f"/{visit}/{number}") for number in range(TOPICS)])
            subscribe(process, f"{PATH}?{topics}").close()
        wait_until(lambda: process.subscribers() == 0, "all have gone")

    def replay(self, process: HubProcess, query: str, cursor: str) -> str:
        """
        Come back with a cursor, and return what is sent up to an event that is published then.
        """
        target = f"{PATH}?{query}&last_event_id={quote(cursor, safe='')}"
        with closing(process.connect()) as connection:
            connection.sendall(head(f"GET {target} HTTP/1.1", f"Host: {process.host}"))
            received = read_until(connection, b"\r\n\r\n")
            publish(process, "live")
            return (received + read_until(connection, b"data: live\n")).decode()

    def test_history_stays(self) -> None:
        """
        All events that were kept before the visits are replayed after them, without a gap; a client
        that may see the announcements is told that it has missed some, and gets the same events.
        """
        with mercure_hub("--subscriptions") as process:
            cursor = publish(process, "begin")
            expected = [str(number) for number in range(20)]
            for data in expected:
                publish(process, data)
            self.visit(process)
            for query, is_told in (
                (urlencode({"match": TOPIC}), False),
                (urlencode({"topic": "*", "authorization": legacy_token("*")}), True),
            ):
                received = self.replay(process, query, cursor)
                self.assertEqual(expected, re.findall(r"^data: (\d+)$", received, re.MULTILINE))
                self.assertEqual(is_told, "event: gap" in received)
