"""
The body of a request.
"""

from twisted.web.server import Request

from ..errors import Refused


def read_body(request: Request, most: int) -> bytes:
    """
    Return the body.  Our Site has kept it below its own bound; another Site may have none.

    :param most: How many bytes it may have.
    :raises Refused: 413, if it has more.
    """
    if request.content is None:
        return b""
    request.content.seek(0)
    body: bytes = request.content.read(most + 1)
    if len(body) > most:
        raise Refused(413, f"The body must not have more than {most} bytes.")
    return body
