"""
Origins: pages that may talk to the hub, and pages that may publish with a cookie.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ada_url import URL
from twisted.web.server import Request

from ...errors import Refused
from ...web.opening import header_of

#: An origin as browsers write it.  All comparisons use this form only, which leaves no loopholes.
_ORIGIN = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://"
    r"(?P<host>[a-z0-9._~-]+|\[[0-9a-f:.]+\])"
    r"(?P<port>:[0-9]{1,5})?"
)

#: Maximum length of a refused origin in the log, in characters.
_LOGGED = 200


@dataclass(frozen=True, slots=True)
class _Subdomains:
    """
    All subdomains of a domain at any depth, without the domain itself.
    """

    scheme: str
    ending: str  # with its dot
    port: str  # with its colon, or empty

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

    ``null`` is never among them: every sandboxed frame and every local file sends it.

    :ivar are_all: If true, every origin is trusted, but without credentials (Fetch, "CORS protocol
        and credentials"), and without publishing by cookie.
    """

    exact: frozenset[str] = frozenset()
    subdomains: frozenset[_Subdomains] = frozenset()
    are_all: bool = False

    @classmethod
    def of(cls, texts: Iterable[str]) -> "Origins":
        """
        Read origins from an operator's list: ``https://example.com``, ``https://*.example.com`` for
        all its subdomains, or ``*`` alone for every origin, without credentials.

        :raises ValueError: If a text is not an origin, or would include strangers.
        """
        given = frozenset(texts)
        if "*" in given:
            if len(given) > 1:
                raise ValueError("'*' allows every origin, without credentials; it must be alone")
            return cls(are_all=True)
        read = [_read(text) for text in given]
        return cls(
            frozenset(one for one in read if isinstance(one, str)),
            frozenset(one for one in read if isinstance(one, _Subdomains)),
        )

    @property
    def allow_credentials(self) -> bool:
        """
        True if pages of these origins may send cookies.
        """
        return not self.are_all

    def allows(self, origin: str) -> bool:
        """
        Return true if an origin is one of these.

        :param origin: The origin as a browser sent it.
        """
        if origin == "null":
            return False
        if self.are_all or origin in self.exact:
            return True
        return any(subdomains.contain(origin) for subdomains in self.subdomains)

    def check_source(self, source: "Source", own: str, *, is_certain: bool) -> None:
        """
        Check that a request comes from a trusted page, because a browser may have given it its
        right: browsers add cookies, passwords and client certificates to the requests of any page,
        and every page is as near to the hub as its browser.

        :param own: The origin of the hub itself, see :func:`origin_of`.
        :param is_certain: True if the hub knows this origin; false if it is what the request says.
            Then a proxy may have changed it, or a page may have made its own name lead to the hub
            (DNS rebinding).
        :raises Refused: 400, unless the origin is the hub's own or trusted by name.
        """
        origin = source.origin
        if origin == own or (origin is not None and not self.are_all and self.allows(origin)):
            return
        if source.is_own(own, is_certain=is_certain):
            return
        if not source.has_page:
            raise Refused(
                400,
                "A request with a right from its browser needs an Origin or a Referer header.",
                error="invalid_request",
                reason="without Origin and Referer: any page may have sent it",
            )
        raise Refused(
            400,
            "A request with a right from its browser must come from a page of an allowed origin.",
            error="invalid_request",
            reason=f"from a page of {_shown(origin)}, which is neither {own!r}, the hub's own "
            "origin, nor allowed; if it is yours, set the hub's url (--audience), or name its "
            "origin in publish_origins (--publish-origin)",
        )


@dataclass(frozen=True, slots=True)
class Source:
    """
    The page that a request comes from, as its browser says.  A page can hide its origin, and cannot
    choose any other of these headers.

    :ivar site: ``Sec-Fetch-Site``: how the page is related to the server (Fetch Metadata, 2.3).
        Browsers of today send it to servers with TLS, and to this machine; older ones never do.
    :ivar stated: ``Origin``; all browsers send it with a ``POST``, since 2020 at the latest.
    :ivar referer: ``Referer``; it counts only without ``Origin``.
    :ivar host: ``Host``, which is the page's own if the page is of the same origin, unless a proxy
        changes it.
    """

    site: str | None = None
    stated: str | None = None
    referer: str | None = None
    host: str | None = None

    @classmethod
    def of(cls, request: Request) -> "Source":
        names = (b"Sec-Fetch-Site", b"Origin", b"Referer", b"Host")
        return cls(*(header_of(request, name) for name in names))

    @property
    def has_page(self) -> bool:
        """
        True if a browser may have sent the request for a page.
        """
        return (self.site, self.stated, self.referer) != (None, None, None)

    @property
    def origin(self) -> str | None:
        """
        The origin of the page, ``"null"`` if the page hides it; ``None`` if nothing says it.
        """
        if self.stated is not None or self.referer is None:
            return self.stated
        return origin_of(self.referer)

    def is_own(self, own: str, *, is_certain: bool) -> bool:
        """
        Return true if the browser says that the page is of the hub's own origin, or that the
        request comes from its user and not from a page.
        """
        if self.site != "same-origin":
            return self.site == "none"
        if not is_certain:
            return True
        # A foreign page whose name leads to the hub is of the same origin, but not by this name.
        is_hidden = self.origin in (None, "null")
        return is_hidden and self.host is not None and self.host.lower() == own.partition("://")[2]


def origin_of(url: str) -> str | None:
    """
    Return the origin of a URL, as browsers write it; ``None`` for a URL without one.
    """
    try:
        origin = URL(url).origin
    except ValueError:
        return None
    return None if origin == "null" else origin


def _shown(origin: str | None) -> str:
    return "unknown origin" if origin is None else repr(origin[:_LOGGED])


def _read(text: str) -> str | _Subdomains:
    origin = _normalize(text)
    if "*" not in origin:
        return origin
    scheme, _, rest = origin.partition("://*.")
    found = _ORIGIN.fullmatch(f"{scheme}://{rest}")
    if not rest or found is None:
        raise ValueError(
            f"{text!r} must have its * in place of a subdomain, as in https://*.a.example"
        )
    domain = found["host"]
    if "." not in domain.strip(".") and domain != "localhost":
        raise ValueError(f"{text!r} would trust everybody with a domain under .{domain}")
    return _Subdomains(scheme, f".{domain}", found["port"] or "")


def _normalize(text: str) -> str:
    if text.strip().lower() == "null":
        raise ValueError("'null' is not an origin: any sandboxed page or local file sends it")
    problem = ValueError(f"{text!r} is not an origin, such as https://example.com")
    try:
        url = URL(text)
    except ValueError:
        raise problem from None
    if url.origin == "null":  # an application's or an extension's own scheme, not one of the web
        if _ORIGIN.fullmatch(text.lower()) is None:
            raise problem
        return text.lower()
    if "://" not in text or url.href != f"{url.origin}/":
        raise problem
    return url.origin
