"""
The body of a request.
"""

from twisted.web.server import Request

from ...errors import Refused


def read_body(request: Request, max_bytes: int) -> bytes:
    """
    Return the body.  Our Site has kept it below its own bound; another Site may have none.

    :param max_bytes: How many bytes it may have.
    :raises Refused: 413, if it has more.
    """
    if request.content is None:
        return b""
    request.content.seek(0)
    body: bytes = request.content.read(max_bytes + 1)
    if len(body) > max_bytes:
        raise Refused(413, f"The body must not have more than {max_bytes} bytes.")
    return body
