"""
Words that hubs and clients agree upon.
"""

from twisted.trial.unittest import SynchronousTestCase

from ssetwist.client.mercure import EARLIEST as EARLIEST_OF_CLIENTS
from ssetwist.eventstream import EARLIEST, is_hub_id
from ssetwist.hub import EARLIEST as EARLIEST_OF_HUBS
from ssetwist.hub import END_ID
from ssetwist.log import render_id


class HubIdTests(SynchronousTestCase):
    """
    ``is_hub_id``.
    """

    def test_of_hubs(self) -> None:
        """
        Ids of a hub, and words with a meaning in ``Last-Event-ID``, count as ids of hubs.
        """
        for id in (render_id("e", 0), render_id("e", 10), END_ID, EARLIEST, "#", "#mine", ""):
            self.assertTrue(is_hub_id(id), id)

    def test_of_publishers(self) -> None:
        """
        Any other text may be the id of a publisher, even if it looks similar.
        """
        for id in ("1", "urn:uuid:1", "a#1", " #1", "Earliest", "earliest ", "end", " "):
            self.assertFalse(is_hub_id(id), id)

    def test_one_word(self) -> None:
        """
        Hubs and clients use the same word to ask for everything; it is Mercure's.
        """
        self.assertEqual({"earliest"}, {EARLIEST, EARLIEST_OF_CLIENTS, EARLIEST_OF_HUBS})
