"""
Subscribing to a Mercure hub: vocabulary, methods and paths, parameters, and the stream.
"""

from .mercure_hub import MercureCase, a_topic


class VocabularyTests(MercureCase):
    """
    Section 1.
    """

    def test_T2_alternate_topics(self) -> None:
        """
        An update goes to whoever matches any of its topics, not only the first.
        """
        first, second = a_topic(), a_topic()
        stream = self.open({"match": second})
        response = self.hub.publish([("topic", first), ("topic", second), ("data", "x")])
        self.assert_status(200, response)
        self.assertEqual("x", stream.next_event().data)
