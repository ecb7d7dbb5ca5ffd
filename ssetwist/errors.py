"""
Every exception this package raises, in one tree.  A leaf: it imports nothing of ours.
"""


class SSETwistError(Exception):
    """
    The root of the tree: whatever this package raises on purpose is one of these.
    """


class InvalidEvent(SSETwistError, ValueError):
    """
    The caller's fault: this value cannot be written to an event stream without changing what it
    means to the reader.

    :ivar field: The field that is wrong: ``data``, ``type``, ``id`` or ``retry``.
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field} {problem}")
        self.field = field


class HubClosed(SSETwistError):
    """
    Published to, or subscribed to, a hub that has been closed.
    """


class CannotListen(SSETwistError):
    """
    An endpoint that was asked for cannot be listened on.

    :ivar endpoint: Its description, as given.
    """

    def __init__(self, endpoint: str, problem: object) -> None:
        super().__init__(f"cannot listen on {endpoint!r}: {problem}")
        self.endpoint = endpoint


class InvalidMatcher(SSETwistError, ValueError):
    """
    The caller's fault: this asks for no topics that there could be.

    :ivar matcher: What was asked for, or its beginning.
    """

    def __init__(self, matcher: str, problem: str) -> None:
        super().__init__(f"{matcher!r} {problem}")
        self.matcher = matcher


class InvalidTopic(SSETwistError, ValueError):
    """
    The caller's fault: an event cannot be published to these topics.
    """
