"""
Limits on the bodies of requests: on the size of each one, on the parts of forms, and on the memory
of all together.

A size limit that was given to the Site holds for all resources.  Without one, a resource may name
its own, and the default holds for the others.  Resources check the size again, because another Site
may have let more pass.
"""

from typing import Any

from twisted.web.resource import Resource
from twisted.web.server import Request

from ._insides import leave_form
from ._request_head import segments_of

#: Bytes that a body may have by default.  Twisted sets no limit and writes bodies to files.
MAX_BODY = 64 * 1024

#: Bytes that all bodies may have together: the server receives a body before it knows its sender,
#: and every client that can connect could send many at once.
MAX_BODIES = 64 * 1024 * 1024

#: Bytes of each body that do not count, so that most updates can be published whatever other
#: clients do.
FREE_BODY = 16 * 1024

#: Fields that a form may have if Twisted reads it, which it does in one turn of the reactor.
MAX_FIELDS = 1000

#: Parts that a multipart form may have.
MAX_PARTS = 100

#: Lines that a multipart form may have: Twisted's parser reads it line by line.
MAX_LINES = 2000

#: Twisted's method that looks among the children of ``putChild`` first.
_BY_PUT_CHILD = Resource.getChildWithDefault


def max_body_of(root: object, target: bytes) -> int:
    """
    Return how many bytes a body may have for a resource below a root.

    This is the resource's attribute ``max_body``, by default :data:`MAX_BODY`.

    :param target: The target in the head of the request, with its query.
    """
    limit: int = getattr(_resource_at(root, target), "max_body", MAX_BODY)
    return limit


def reads_form_itself(root: object, target: bytes) -> bool:
    """
    Return true if a resource below a root reads forms by its own rules, so that Twisted must not
    read them before.  This is the resource's attribute ``reads_form``.

    :param target: The target in the head of the request, with its query.
    """
    return bool(getattr(_resource_at(root, target), "reads_form", False))


def _resource_at(root: object, target: bytes) -> object:
    """
    Return the resource that a request is for; ``None`` if the tree does not have it.

    The body has not arrived yet, so no resource is made for it: only resources that were put into
    the tree by ``putChild`` count.
    """
    resource: Any = root
    segments = segments_of(target.partition(b"?")[0])
    while segments and not resource.isLeaf:
        if getattr(type(resource), "getChildWithDefault", None) is not _BY_PUT_CHILD:
            return None  # its children follow another rule
        resource = resource.children.get(segments.pop(0))
        if resource is None:
            return None
    return resource


def check_form(request: Request, root: object, target: bytes) -> str | None:
    """
    Check the number of parts of a form, if Twisted reads it.

    :param request: A request whose body has come.
    :returns: What is wrong; ``None`` if nothing is.
    """
    if reads_form_itself(root, target):
        leave_form(request)
        return None
    types = request.requestHeaders.getRawHeaders(b"Content-Type", (b"",))
    content: Any = request.content  # a BytesIO, because it is from our Site
    body: bytes = content.getvalue()
    kind = types[0].partition(b";")[0].strip().lower()
    if kind == b"application/x-www-form-urlencoded":
        if body.count(b"&") + body.count(b";") >= MAX_FIELDS:
            return f"The form must not have more than {MAX_FIELDS} fields."
    elif kind == b"multipart/form-data":
        if body.count(b"\n--") + body.count(b"\r--") > MAX_PARTS:
            return f"The form must not have more than {MAX_PARTS} parts."
        if body.count(b"\n") + body.count(b"\r") - body.count(b"\r\n") > MAX_LINES:
            return f"The form must not have more than {MAX_LINES} lines."
    return None


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
