"""
The limit of a body, by the resource that it is for.
"""

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import IResource, Resource

from ssetwist.web.site._body_limit import MAX_BODY, max_body_of, segments_of


class Large(Resource):
    """
    A leaf that takes large bodies.
    """

    isLeaf = True
    max_body = 10 * MAX_BODY


class Choosy(Resource):
    """
    A resource that does not always take the child that was put there.
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
    ``max_body_of``.
    """

    def setUp(self) -> None:
        self.root = Resource()
        self.folder = Maker()
        self.root.putChild(b"a b", self.folder)
        self.folder.putChild(b"large", Large())

    def test_its_own(self) -> None:
        """
        A resource that says how large a body may be is believed: by its path, however that is
        written, and for all below it if it is a leaf.
        """
        for target in (b"/a%20b/large", b"/%61%20b/large?topic=/x", b"/a b/large/subscriptions/"):
            self.assertEqual(10 * MAX_BODY, max_body_of(self.root, target), target)
        self.assertEqual(10 * MAX_BODY, max_body_of(Large(), b"*"))

    def test_others(self) -> None:
        """
        A large body is for no other resource, whatever stands beside it.
        """
        wrong = (
            b"/ * /large /a%20b /a%20b/ /a%20b/larger /a%2520b/large //a%20b/large http://a/a%20b"
        )
        for target in (*wrong.split(), b"", b"/?/a b/large"):
            self.assertEqual(MAX_BODY, max_body_of(self.root, target), target)

    def test_chosen_by_the_resource(self) -> None:
        """
        Where a resource chooses among its children, what was put there may not be what is found.
        """
        root = Choosy()
        root.putChild(b"large", Large())
        self.assertEqual(MAX_BODY, max_body_of(root, b"/large"))

    def test_found_as_by_twisted(self) -> None:
        """
        A path has the segments that Twisted looks for.
        """
        self.assertEqual([b"a b", b"", b"c/d"], segments_of(b"/a%20b//c%2Fd"))
        self.assertEqual([b""], segments_of(b"/"))
