"""
Exceptions of this package, in one tree.  A leaf: it does not import other files of the package.
"""

from collections.abc import Mapping


class SSETwistError(Exception):
    """
    The root of the tree: every exception that this package raises on purpose.
    """


class InvalidEvent(SSETwistError, ValueError):
    """
    The caller's fault: a value that cannot be written to an event stream without changing its
    meaning to the reader.

    :ivar field: The wrong field: ``data``, ``type``, ``id`` or ``retry``.
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field} {problem}")
        self.field = field


class EventTooLarge(SSETwistError):
    """
    The peer's fault: a line, or an event, of its stream is longer than the limit.

    :ivar part: The part that is too long: ``line`` or ``event``.
    :ivar limit: The limit in bytes: ``max_line`` or ``max_event``.
    """

    def __init__(self, part: str, limit: int) -> None:
        super().__init__(
            f"the event stream has a longer {part} than max_{part} allows: {limit} bytes"
        )
        self.part = part
        self.limit = limit


class HubClosed(SSETwistError):
    """
    A call to publish or subscribe after the hub was closed.
    """


class CannotListen(SSETwistError):
    """
    An endpoint that cannot be listened on.

    :ivar endpoint: The description of the endpoint, as given.
    """

    def __init__(self, endpoint: str, problem: object) -> None:
        super().__init__(f"cannot listen on {endpoint!r}: {problem}")
        self.endpoint = endpoint


class InvalidMatcher(SSETwistError, ValueError):
    """
    The caller's fault: not a valid topic or pattern.

    :ivar matcher: The text, or its beginning.
    """

    def __init__(self, matcher: str, problem: str) -> None:
        super().__init__(f"{matcher!r} {problem}")
        self.matcher = matcher


class InvalidTopic(SSETwistError, ValueError):
    """
    The caller's fault: topics that an event cannot be published to.
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
    An event log that cannot take or give events now.

    :ivar retry_after: Seconds after which another try may succeed.
    :ivar is_uncertain: True if the event may have been published nevertheless, because the log has
        not answered in time; otherwise nothing has been published.
    """

    def __init__(self, problem: str, *, retry_after: float, is_uncertain: bool = False) -> None:
        super().__init__(problem)
        self.retry_after = retry_after
        self.is_uncertain = is_uncertain


class Refused(SSETwistError):
    """
    A request that is answered with an error, and has not changed anything.

    The peer and the log get different texts: a client that is not trusted learns only what the
    protocol demands, and the operator of the hub learns which check failed.

    :ivar status: The status of the response.
    :ivar text: A sentence for the peer.
    :ivar error: The code of an OAuth challenge (RFC 6750, 3.1); ``""`` for a challenge without a
        code, ``None`` for a response without a challenge.
    :ivar reason: The reason for the log, without tokens, secrets and data of events.
    :ivar retry_after: Seconds after which another try may succeed, if that is known.
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
    The network's fault: an event stream has ended, or could not be opened.

    :ivar is_clean: True if the server ended the stream properly: all that it sent has arrived.
    """

    def __init__(self, problem: str, *, is_clean: bool = False) -> None:
        super().__init__(problem)
        self.is_clean = is_clean


class NotAnEventStream(SSETwistError):
    """
    The server's fault: a response that is not an event stream.

    :ivar url: The URL of the response, after redirects and without its query, which may contain
        secrets.
    :ivar status: The status of the response.
    :ivar headers: Headers by their names in lower case; repeated headers are joined with ``", "``.
    :ivar body: The start of the body; it may be cut anywhere.
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
    The server's fault: a redirect that cannot be followed, or redirects that do not end.

    :ivar location: The location of the redirect, as the server wrote it.
    """

    def __init__(
        self, problem: str, *, url: str, status: int, headers: Mapping[str, str], location: str
    ) -> None:
        super().__init__(problem, url=url, status=status, headers=headers)
        self.location = location


class HeadersUnavailable(SSETwistError):
    """
    The function ``fresh_headers`` of an event source has failed; ``__cause__`` says why.
    """


class EventSourceClosed(SSETwistError):
    """
    An event source was closed while a caller waited for it to open.
    """


class NotPublished(SSETwistError):
    """
    A publication that the hub has not confirmed.

    :ivar status: The status of the response; ``None`` without a response.
    :ivar text: The hub's own words, cut after a few hundred characters; or the failure of the
        request.
    :ivar retry_after: Seconds after which another try may succeed, if the hub said so.
    :ivar is_uncertain: True if the hub may have published the update nevertheless, because its
        answer was lost.  Publishing again with the same key is harmless if the hub knows keys.
    :ivar line: The line of a batch that this is about, counted from 1; ``None`` if it is about the
        whole request, and later requests would fail in the same way.
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
    A resource that does not name a trusted hub, or metadata of a hub that describes another one.

    :ivar status: The status of the response.
    """

    def __init__(self, problem: str, *, status: int) -> None:
        super().__init__(problem)
        self.status = status
