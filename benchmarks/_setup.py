"""
What a case finds before it begins.
"""

from dataclasses import dataclass

#: The path at which everybody gets every event, and the one of which each subscriber has another:
#: the load puts a number in the place of the star.
EVERYBODY = "/events"
OWN_TOPIC = "/own?topic=t*"

#: The same, of a Mercure hub whose updates are private: each subscriber was granted its own topic.
PRIVATE_TOPIC = "/private?match=t*"


@dataclass(frozen=True, slots=True)
class Setup:
    """
    Cases that agree in this are measured one after the other in one session.

    :ivar subscribers: How many the server has.
    :ivar has_heartbeat: Whether it sends heartbeats.
    :ivar path: What they subscribe to.
    :ivar threads: How many threads may send, on as many cores as there are; 0 leaves that to the
        server and gives it one core.
    :ivar log_bytes: What the event log may hold; 0 leaves that to the server.
    """

    subscribers: int
    has_heartbeat: bool = False
    path: str = EVERYBODY
    threads: int = 0
    log_bytes: int = 0
