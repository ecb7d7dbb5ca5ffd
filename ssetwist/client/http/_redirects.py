"""
Redirects, followed as browsers do (WHATWG Fetch, 4.5 "HTTP-redirect fetch").  Pure.

Permanent redirects are not remembered: a client that reconnects asks the URL that it was given.
"""

from ._request import Request, normalized, origin_of

#: Statuses of redirects, if there is a ``Location`` (WHATWG Fetch, "redirect status").
REDIRECTS = frozenset((301, 302, 303, 307, 308))

#: Redirects that are followed, at most (WHATWG Fetch, 4.5).
MAX_REDIRECTS = 20

#: Headers that describe a body, and are dropped with it (WHATWG Fetch, "request-body-header name").
_BODY_HEADERS = ("Content-Encoding", "Content-Language", "Content-Location", "Content-Type")

#: Headers for one origin only: its name, and credentials.
_ORIGIN_HEADERS = ("Authorization", "Cookie", "Cookie2", "Host", "Proxy-Authorization")


def redirected(request: Request, status: int, location: str) -> Request:
    """
    Return the request that a redirect asks for.

    :raises ValueError: If the location cannot be requested.  The message is the end of a sentence
        about the response.
    """
    try:
        url = normalized(location, request.url)
    except ValueError as problem:
        raise ValueError(f"redirects to a location that cannot be requested: {problem}") from None
    if "#" not in url:
        _, sharp, fragment = request.url.partition("#")
        url += sharp + fragment
    headers = request.headers.copy()
    method, body = request.method, request.body
    if (status in (301, 302) and method == "POST") or (
        status == 303 and method not in ("GET", "HEAD")
    ):
        method, body = "GET", None
        for name in _BODY_HEADERS:
            headers.removeHeader(name)
    if origin_of(url) != origin_of(request.url):
        for name in _ORIGIN_HEADERS:
            headers.removeHeader(name)
    return Request(method, url, headers, body)


def circle(urls: list[str]) -> str:
    """
    Describe redirects that do not end, as the end of a sentence.

    :param urls: The URLs in order, as they may be shown.
    """
    *before, last = urls
    if last in before:
        # The circle alone: from the last URL's earlier place on.
        start = len(before) - 1 - before[::-1].index(last)
        return "redirects in a circle: " + " -> ".join(urls[start:])
    return f"redirects without end, at last to {last}"
