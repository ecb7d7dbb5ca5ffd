"""
Which pages of other origins may talk to the hub, and which may publish with a cookie.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ada_url import URL

from ...errors import Refused

#: An origin as browsers write it.  Nothing else is ever compared, so nothing else can slip through.
_ORIGIN = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://"
    r"(?P<host>[a-z0-9._~-]+|\[[0-9a-f:.]+\])"
    r"(?P<port>:[0-9]{1,5})?"
)

#: Of an origin that is refused the log gets no more than that, in characters.
_LOGGED = 200


@dataclass(frozen=True, slots=True)
class _Subdomains:
    """
    All below a domain, however deep, and not the domain itself.
    """

    scheme: str
    ending: str  # with its dot
    port: str  # with its colon, if there is one

    def contain(self, origin: str) -> bool:
        found = _ORIGIN.fullmatch(origin)
        return (
            found is not None
            and found["scheme"] == self.scheme
            and (found["port"] or "") == self.port
            and found["host"].endswith(self.ending)
            and len(found["host"]) > len(self.ending)
        )


@dataclass(frozen=True, slots=True)
class Origins:
    """
    Origins that are trusted.

    ``null`` is never one of them: it is what each sandboxed frame and each local file sends.

    :ivar are_all: Whether every origin is.  Then none may send credentials (Fetch, "CORS protocol
        and credentials"), and none may publish with a cookie.
    """

    exact: frozenset[str] = frozenset()
    subdomains: frozenset[_Subdomains] = frozenset()
    are_all: bool = False

    @classmethod
    def of(cls, texts: Iterable[str]) -> "Origins":
        """
        Make them of what an operator wrote: ``https://example.com``, ``https://*.example.com`` for
        all its subdomains, or ``*`` alone for every origin, without credentials.

        :raises ValueError: If one is no origin, or would let in strangers.
        """
        given = frozenset(texts)
        if "*" in given:
            if len(given) > 1:
                raise ValueError("'*' is every origin, without credentials; it must stand alone")
            return cls(are_all=True)
        read = [_read(text) for text in given]
        return cls(
            frozenset(one for one in read if isinstance(one, str)),
            frozenset(one for one in read if isinstance(one, _Subdomains)),
        )

    @property
    def allow_credentials(self) -> bool:
        """
        Whether a page of these may send cookies.
        """
        return not self.are_all

    def allows(self, origin: str) -> bool:
        """
        Tell whether an origin is one of these.

        :param origin: As a browser sent it.
        """
        if origin == "null":
            return False
        if self.are_all or origin in self.exact:
            return True
        return any(subdomains.contain(origin) for subdomains in self.subdomains)

    def check_source(self, own: str, *, origin: str | None, referer: str | None) -> None:
        """
        Check that a request which shows nothing but a cookie comes from a page that may make it.  A
        browser adds the cookie whichever page has asked.

        :param own: The origin of the hub itself, see :func:`origin_of`.
        :param origin: The header; where it is missing, the referer is asked.
        :raises Refused: With 400, unless it is the hub's own origin or one of these by name.
        """
        if origin is None and referer is None:
            raise Refused(
                400,
                "With a cookie, there must be an Origin or a Referer.",
                error="invalid_request",
                reason="a cookie without Origin and Referer: any page may have sent it",
            )
        source = origin_of(referer or "") if origin is None else origin
        if source == own or (source is not None and not self.are_all and self.allows(source)):
            return
        raise Refused(
            400,
            "With a cookie, only pages of allowed origins may ask for this.",
            error="invalid_request",
            reason=f"a cookie from a page of {(source or '?')[:_LOGGED]!r}, which is neither "
            f"{own!r} nor listed",
        )


def origin_of(url: str) -> str | None:
    """
    Return the origin of a URL, as browsers write it; ``None`` if it has none.
    """
    try:
        origin = URL(url).origin
    except ValueError:
        return None
    return None if origin == "null" else origin


def _read(text: str) -> str | _Subdomains:
    origin = _normalize(text)
    if "*" not in origin:
        return origin
    scheme, _, rest = origin.partition("://*.")
    found = _ORIGIN.fullmatch(f"{scheme}://{rest}")
    if not rest or found is None:
        raise ValueError(
            f"{text!r} must have its * in place of all subdomains, as https://*.a.example"
        )
    domain = found["host"]
    if "." not in domain.strip(".") and domain != "localhost":
        raise ValueError(f"{text!r} would let in whoever has a domain under .{domain}")
    return _Subdomains(scheme, f".{domain}", found["port"] or "")


def _normalize(text: str) -> str:
    """
    Return an origin as a browser would write it.
    """
    if text.strip().lower() == "null":
        raise ValueError("'null' is no origin: sandboxed pages and local files of anybody send it")
    problem = ValueError(f"{text!r} is no origin, such as https://example.com")
    try:
        url = URL(text)
    except ValueError:
        raise problem from None
    if url.origin == "null":  # that of an application or an extension, which is not for the web
        if _ORIGIN.fullmatch(text.lower()) is None:
            raise problem
        return text.lower()
    if "://" not in text or url.href != f"{url.origin}/":
        raise problem
    return url.origin
