"""
Popular servers from PyPI, each run as a program: ``python -m`` its module.

All of them do the same, and so do those under node.  They count up to :data:`LAST`, from the number
in ``Last-Event-ID``, with :data:`EACH` events per connection, which then ends.  A client that has
all events gets 204.  The first line that a program prints is its port of 127.0.0.1.
"""

import socket

#: The id of the last event.
LAST = 9

#: Number of events of one connection.
EACH = 3

#: Milliseconds after which the client may come back.
RETRY = 10

#: The type of every event.
TYPE = "count"


def text(number: int) -> str:
    """
    Return the data of an event: more than one line, and not all ASCII.
    """
    return f"{number}\n\nünd weiter 🙂"


def numbers(last_event_id: str | None) -> range:
    """
    Return the next events for a client, given its last id.
    """
    begin = int(last_event_id or 0) + 1
    return range(begin, min(begin + EACH, LAST + 1))


def listening() -> socket.socket:
    """
    Listen, and print the port.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    return listener
