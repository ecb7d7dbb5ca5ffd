"""
The largest body of a request.

A limit that was given to the Site binds all; without one a resource may name its own, and for every
other the default holds.  Resources look again, because another Site may have let more pass.
"""

from typing import Any
from urllib.parse import unquote_to_bytes

from twisted.web.resource import Resource

#: Bytes that a body may have by default.  Twisted has no limit and puts it into a file.
MAX_BODY = 64 * 1024

#: Takes the child that was put there, before any other.
_BY_PUT_CHILD = Resource.getChildWithDefault


def segments_of(path: bytes) -> list[bytes]:
    """
    Return the segments of a path, decoded, as ``twisted.web`` looks for resources by them.
    """
    return [unquote_to_bytes(segment) for segment in path[1:].split(b"/")]


def max_body_of(root: object, target: bytes) -> int:
    """
    Return how many bytes a body may have that is sent to a resource below a root.

    A resource says so by an attribute ``max_body``; for any other one the limit is
    :data:`MAX_BODY`.  Nothing of the body is here yet, so nobody is asked to make a resource: only
    those count that were put into the tree by ``putChild``.

    :param target: As it stands in the head of the request, with its query.
    """
    resource: Any = root
    segments = segments_of(target.partition(b"?")[0])
    while segments and not resource.isLeaf:
        if getattr(type(resource), "getChildWithDefault", None) is not _BY_PUT_CHILD:
            return MAX_BODY  # it chooses by a rule of its own
        resource = resource.children.get(segments.pop(0))
        if resource is None:
            return MAX_BODY
    limit: int = getattr(resource, "max_body", MAX_BODY)
    return limit
