"""
Every exception this package raises, in one tree.  A leaf: it imports nothing of ours.
"""

from collections.abc import Mapping


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


class EventTooLarge(SSETwistError):
    """
    The peer's doing: its event stream has a line, or an event, that is longer than it may be.

    :ivar part: What is too long: ``line``, or ``event``.
    :ivar limit: How many bytes it may have: ``max_line``, or ``max_event``.
    """

    def __init__(self, part: str, limit: int) -> None:
        super().__init__(
            f"the event stream has a longer {part} than max_{part} allows: {limit} bytes"
        )
        self.part = part
        self.limit = limit


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


class InvalidOption(SSETwistError, ValueError):
    """
    The caller's fault: an option of the hub has a value that it must not have.

    :ivar field: The name of the option in Python, such as ``max_body``.
    :ivar problem: The reason, without that name.
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem

    @property
    def on_command_line(self) -> str:
        """
        The same message for a person that typed the option, such as ``--max-body: ...``.
        """
        return f"--{self.field.replace('_', '-')}: {self.problem}"


class LogUnavailable(SSETwistError):
    """
    The event log cannot take or give events now; nothing has been published.

    :ivar retry_after: After how many seconds another try may succeed.
    """

    def __init__(self, problem: str, *, retry_after: float) -> None:
        super().__init__(problem)
        self.retry_after = retry_after


class Refused(SSETwistError):
    """
    A request that is answered with an error, and has changed nothing.

    What a peer is told and what the log is told are two things: who is not trusted learns no more
    than the protocol demands, and who runs the hub learns which check failed.

    :ivar status: The status of the response.
    :ivar text: What the peer is told, in a sentence.
    :ivar error: The code of an OAuth challenge (RFC 6750, 3.1); ``""`` for a challenge without one,
        ``None`` for none.
    :ivar reason: What the log is told.  No token, no secret, no data of an event.
    :ivar retry_after: After how many seconds another try may succeed, if it may.
    """

    def __init__(
        self,
        status: int,
        text: str,
        *,
        error: str | None = None,
        reason: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.error = error
        self.reason = reason or text
        self.retry_after = retry_after


class Disconnected(SSETwistError):
    """
    The network's doing: an event stream has ended, or none could be had.

    :ivar is_clean: Whether the server ended the stream properly; what it sent before is all there.
    """

    def __init__(self, problem: str, *, is_clean: bool = False) -> None:
        super().__init__(problem)
        self.is_clean = is_clean


class NotAnEventStream(SSETwistError):
    """
    The server's doing: what it answered is no event stream.

    :ivar url: What answered, after redirects and without its query, which may have secrets.
    :ivar status: The status of the response.
    :ivar headers: Its headers, by their names in lower case; the values of headers that came more
        than once are joined with ``", "``.
    :ivar body: The start of its body; it may be cut anywhere.
    """

    def __init__(
        self, problem: str, *, url: str, status: int, headers: Mapping[str, str], body: bytes = b""
    ) -> None:
        super().__init__(f"{url} {problem}")
        self.url = url
        self.status = status
        self.headers = headers
        self.body = body


class RedirectRefused(NotAnEventStream):
    """
    The server's doing: a redirection that leads nowhere, or never to an end.

    :ivar location: Where it leads, as the server said it.
    """

    def __init__(
        self, problem: str, *, url: str, status: int, headers: Mapping[str, str], location: str
    ) -> None:
        super().__init__(problem, url=url, status=status, headers=headers)
        self.location = location


class HeadersUnavailable(SSETwistError):
    """
    The headers of an attempt could not be had; ``__cause__`` says why.
    """


class EventSourceClosed(SSETwistError):
    """
    Waited for an event source to open, and it was closed.
    """


class NotPublished(SSETwistError):
    """
    A hub has not said that it published an update.

    :ivar status: The status that it answered; ``None`` if there was no answer.
    :ivar text: What it said, in its own words, cut after some hundred characters; or what became of
        the answer.
    :ivar retry_after: After how many seconds another try may succeed, if it said so.
    :ivar is_uncertain: Whether it may have published it nevertheless, because the answer was lost.
        Publishing it again with the same key is harmless where the hub knows keys.
    :ivar line: Which line of a batch was answered so, counted from 1; ``None`` if all of a request
        was, and whatever else is sent will fare no better.
    """

    def __init__(
        self,
        text: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        is_uncertain: bool = False,
        line: int | None = None,
    ) -> None:
        super().__init__(text if status is None else f"{status} {text}")
        self.text = text
        self.status = status
        self.retry_after = retry_after
        self.is_uncertain = is_uncertain
        self.line = line


class NoHub(SSETwistError):
    """
    A resource does not say where its hub is, names only hubs that are not trusted, or the metadata
    at a hub's URL is of another hub.

    :ivar status: The status of the response.
    """

    def __init__(self, problem: str, *, status: int) -> None:
        super().__init__(problem)
        self.status = status
