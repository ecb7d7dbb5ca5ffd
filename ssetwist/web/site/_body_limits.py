"""
Limits on the bodies of requests: on the size of each one, and on the memory of all together.

A size limit that was given to the Site holds for all resources.  Without one, a resource may name
its own, and the default holds for the others.  Resources check the size again, because another Site
may have let more pass.
"""

from typing import Any

from twisted.web.resource import Resource

from ._request_head import segments_of

#: Bytes that a body may have by default.  Twisted sets no limit and writes bodies to files.
MAX_BODY = 64 * 1024

#: Bytes that all bodies may have together: the server receives a body before it knows its sender,
#: and every client that can connect could send many at once.
MAX_BODIES = 64 * 1024 * 1024

#: Bytes of each body that do not count, so that most updates can be published whatever other
#: clients do.
FREE_BODY = 16 * 1024

#: Twisted's method that looks among the children of ``putChild`` first.
_BY_PUT_CHILD = Resource.getChildWithDefault


def max_body_of(root: object, target: bytes) -> int:
    """
    Return how many bytes a body may have for a resource below a root.

    This is the resource's attribute ``max_body``, by default :data:`MAX_BODY`.  The body has not
    arrived yet, so no resource is made for it: only resources that were put into the tree by
    ``putChild`` count.

    :param target: The target in the head of the request, with its query.
    """
    resource: Any = root
    segments = segments_of(target.partition(b"?")[0])
    while segments and not resource.isLeaf:
        if getattr(type(resource), "getChildWithDefault", None) is not _BY_PUT_CHILD:
            return MAX_BODY  # its children follow another rule
        resource = resource.children.get(segments.pop(0))
        if resource is None:
            return MAX_BODY
    limit: int = getattr(resource, "max_body", MAX_BODY)
    return limit


class BodyRoom:
    """
    Room for the bodies that arrive or are held.

    :ivar free: Bytes that are left.
    :ivar shares: Bytes that connections have taken.
    """

    def __init__(self) -> None:
        self.free = MAX_BODIES
        self.shares: dict[object, int] = {}

    @property
    def is_idle(self) -> bool:
        return not self.shares

    def take(self, connection: object, size: int) -> bool:
        """
        Let the share of a connection grow to what a body of this size needs.

        :param size: Bytes of the body so far.
        :returns: False if there is not enough room; the share then stays as it is.
        """
        share = self.shares.get(connection, 0)
        more = size - FREE_BODY - share
        if more > self.free:
            return False
        if more > 0:
            self.shares[connection] = share + more
            self.free -= more
        return True

    def give_back(self, connection: object) -> None:
        self.free += self.shares.pop(connection, 0)
