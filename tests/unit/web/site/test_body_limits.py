"""
Limits on bodies: each resource has a maximum size, and all bodies together a maximum of memory.
"""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import IResource, Resource

from ssetwist.web.site._body_limits import (
    FREE_BODY,
    MAX_BODIES,
    MAX_BODY,
    BodyRoom,
    max_body_of,
    reads_form_itself,
)


class Large(Resource):
    """
    A leaf that takes large bodies.
    """

    isLeaf = True
    max_body = 10 * MAX_BODY


class Choosy(Resource):
    """
    A resource that chooses among its children by its own rule.
    """

    def getChildWithDefault(self, path: bytes, request: object) -> IResource:
        raise AssertionError("nobody is to be asked before the body is there")


class Maker(Resource):
    """
    A resource that makes children.
    """

    def getChild(self, path: bytes, request: object) -> IResource:
        raise AssertionError("nobody is to be asked before the body is there")


class MaxBodyTests(SynchronousTestCase):
    """
    Limits that ``max_body_of`` finds.
    """

    def setUp(self) -> None:
        self.root = Resource()
        self.folder = Maker()
        self.root.putChild(b"a b", self.folder)
        self.folder.putChild(b"large", Large())

    def test_its_own(self) -> None:
        """
        The ``max_body`` of a resource applies to each spelling of its path, and to all paths below
        a leaf.
        """
        for target in (b"/a%20b/large", b"/%61%20b/large?topic=/x", b"/a b/large/subscriptions/"):
            self.assertEqual(10 * MAX_BODY, max_body_of(self.root, target), target)
        self.assertEqual(10 * MAX_BODY, max_body_of(Large(), b"*"))

    def test_others(self) -> None:
        """
        The ``max_body`` of a resource does not apply to its neighbours.
        """
        wrong = (
            b"/ * /large /a%20b /a%20b/ /a%20b/larger /a%2520b/large //a%20b/large http://a/a%20b"
        )
        for target in (*wrong.split(), b"", b"/?/a b/large"):
            self.assertEqual(MAX_BODY, max_body_of(self.root, target), target)

    def test_reads_form(self) -> None:
        """
        A resource may read forms itself; its neighbours do not.
        """
        large = self.folder.children[b"large"]
        self.assertFalse(reads_form_itself(self.root, b"/a%20b/large"))
        large.reads_form = True
        self.assertTrue(reads_form_itself(self.root, b"/a%20b/large?a"))
        self.assertFalse(reads_form_itself(self.root, b"/large"))

    def test_chosen_by_the_resource(self) -> None:
        """
        The default applies below a resource that chooses among its children by its own rule.
        """
        root = Choosy()
        root.putChild(b"large", Large())
        self.assertEqual(MAX_BODY, max_body_of(root, b"/large"))


class BodyRoomTests(SynchronousTestCase):
    """
    Shares of the room.
    """

    def test_free_bytes(self) -> None:
        """
        A body of at most ``FREE_BODY`` bytes takes no room.
        """
        room = BodyRoom()
        room.free = 0
        self.assertTrue(room.take("a", FREE_BODY))
        self.assertFalse(room.take("a", FREE_BODY + 1))
        self.assertTrue(room.is_idle)

    def test_growing(self) -> None:
        """
        A share follows the size of its body; each piece of the body counts once.
        """
        room = BodyRoom()
        for size in (FREE_BODY + 1, FREE_BODY + 10, FREE_BODY + 10, FREE_BODY + 5):
            self.assertTrue(room.take("a", size))
        self.assertEqual(MAX_BODIES - 10, room.free)
        room.give_back("a")
        room.give_back("a")
        self.assertEqual(MAX_BODIES, room.free)

    def test_no_room(self) -> None:
        """
        If the room is too small for a larger share, the share stays as it is.
        """
        room = BodyRoom()
        room.free = 10
        self.assertTrue(room.take("a", FREE_BODY + 10))
        self.assertFalse(room.take("a", FREE_BODY + 11))
        self.assertFalse(room.take("b", FREE_BODY + 1))
        self.assertFalse(room.is_idle)
        room.give_back("a")
        self.assertEqual(10, room.free)

    @given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3 * FREE_BODY) | st.none())))
    def test_sum(self, steps: list[tuple[str, int | None]]) -> None:
        """
        The shares and the free bytes always add up to the room, so that no byte is lost.
        """
        room = BodyRoom()
        room.free = whole = 4 * FREE_BODY
        shares = dict.fromkeys("abc", 0)
        for connection, size in steps:
            if size is None:
                room.give_back(connection)
                shares[connection] = 0
            elif room.take(connection, size):
                shares[connection] = max(shares[connection], size - FREE_BODY)
            self.assertEqual(whole, room.free + sum(shares.values()))
            self.assertGreaterEqual(room.free, 0)
        for connection in "abc":
            room.give_back(connection)
        self.assertEqual(whole, room.free)
        self.assertTrue(room.is_idle)
