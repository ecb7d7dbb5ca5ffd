"""
The chunks of HTTP/1.1 (RFC 9112, 7.1): a response without a length, piece by piece.
"""

from ..hub.outlets import Chunk

#: The end of a chunked response.
LAST_CHUNK = b"0\r\n\r\n"


def framed(chunk: Chunk) -> bytes:
    """
    Put a chunk of HTTP around events, once for all connections that send them.
    """
    chunk.on_wire = b"%x\r\n%b\r\n" % (len(chunk.data), chunk.data)
    return chunk.on_wire
