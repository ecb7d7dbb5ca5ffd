"""
Servers that people use, from PyPI, each a program of its own: ``python -m`` its module.

All do the same, those under node too.  They count to :data:`LAST` from where ``Last-Event-ID``
says that the client is, :data:`EACH` events on one connection, which then ends; who has heard all
is told so by 204.  The first line that a program says is the port of 127.0.0.1 that it listens on.
"""

import socket

#: The id of the last event of all.
LAST = 9

#: How many events one connection has.
EACH = 3

#: In milliseconds: when the client may come back.
RETRY = 10

#: What every event is called.
TYPE = "count"


def text(number: int) -> str:
    """
    Return the data of an event: more than a line, and more than ASCII.
    """
    return f"{number}\n\nünd weiter 🙂"


def numbers(last_event_id: str | None) -> range:
    """
    Return what comes next for a client that was last told this.
    """
    begin = int(last_event_id or 0) + 1
    return range(begin, min(begin + EACH, LAST + 1))


def listening() -> socket.socket:
    """
    Listen, and say where.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    return listener
