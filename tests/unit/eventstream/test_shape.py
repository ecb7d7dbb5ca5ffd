"""
Blocks that are read many at once.
"""

from twisted.trial.unittest import SynchronousTestCase

from ssetwist.eventstream import EventStreamParser


class ShapeTests(SynchronousTestCase):
    """
    Blocks of one shape, with others between them.
    """

    def test_blank_behind_the_colon(self) -> None:
        """
        A blank after a colon does not belong to the value, even among blocks without one; a second
        blank does.
        """
        values = (b"a", b" b", b"  c", b"d")
        for head in (b"", b"id:1\n", b"event:x\n", b"id:1\nevent:x\n", b"event:x\nid:1\n"):
            for rest in (b"", b"\ndata: e"):
                blocks = [b"%bdata:%b%b\n\n" % (head, value, rest) for value in values]
                with self.subTest(head=head, rest=rest):
                    found = EventStreamParser().feed(blocks[0] + b"".join(blocks))
                    more = "\ne" if rest else ""
                    self.assertEqual(
                        ["a" + more, "a" + more, "b" + more, " c" + more, "d" + more],
                        [event.data for event in found],
                    )
