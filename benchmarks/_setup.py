"""
The state that a case begins with.
"""

from dataclasses import dataclass

#: Paths: at the first, every subscriber gets every event; the second has a topic for each
#: subscriber, and the load replaces the star with its number.
EVERYBODY = "/events"
OWN_TOPIC = "/own?topic=t*"

#: The same for private updates of a Mercure hub: each subscriber is granted its own topic.
PRIVATE_TOPIC = "/private?match=t*"


@dataclass(frozen=True, slots=True)
class Setup:
    """
    A setup.  Cases with equal setups are measured one after the other in one session.

    :ivar subscribers: Number of subscribers.
    :ivar has_heartbeat: If true, the server sends heartbeats.
    :ivar path: The path that they request.
    :ivar threads: Number of threads that may send, on all cores; 0 leaves the number to the server
        and gives the server one core.
    :ivar log_bytes: Bytes that the event log may hold; 0 leaves the limit to the server.
    """

    subscribers: int
    has_heartbeat: bool = False
    path: str = EVERYBODY
    threads: int = 0
    log_bytes: int = 0
