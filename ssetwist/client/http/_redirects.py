"""
Where a redirection leads, as browsers follow it (WHATWG Fetch, 4.5 "HTTP-redirect fetch").  Pure.

Nothing is remembered, of a permanent one neither: who reconnects asks the URL that it was given.
"""

from ._request import Request, normalized, origin_of

#: The statuses that are redirections if they say where to (WHATWG Fetch, "redirect status").
REDIRECTS = frozenset((301, 302, 303, 307, 308))

#: How many are followed until it is an endless circle (WHATWG Fetch, 4.5).
MOST = 20

#: What describes a body, and goes with it (WHATWG Fetch, "request-body-header name").
_OF_BODY = ("Content-Encoding", "Content-Language", "Content-Location", "Content-Type")

#: What is for one origin only: what it is called, and who one is there.
_OF_ORIGIN = ("Authorization", "Cookie", "Cookie2", "Host", "Proxy-Authorization")


def redirected(request: Request, status: int, location: str) -> Request:
    """
    Return the request that a redirection asks for.

    :raises ValueError: If it leads nowhere one could go: the problem, as the end of a sentence
        about the redirection.
    """
    try:
        url = normalized(location, request.url)
    except ValueError as problem:
        raise ValueError(f"redirects to where nobody can go: {problem}") from None
    if "#" not in url:
        _, sharp, fragment = request.url.partition("#")
        url += sharp + fragment
    headers = request.headers.copy()
    method, body = request.method, request.body
    if (status in (301, 302) and method == "POST") or (
        status == 303 and method not in ("GET", "HEAD")
    ):
        method, body = "GET", None
        for name in _OF_BODY:
            headers.removeHeader(name)
    if origin_of(url) != origin_of(request.url):
        for name in _OF_ORIGIN:
            headers.removeHeader(name)
    return Request(method, url, headers, body)


def circle(urls: list[str]) -> str:
    """
    Say what an endless row of redirections looks like, the last of which is behind all others.

    :param urls: As they may be shown.
    """
    *before, last = urls
    if last in before:
        # From where it was before; the whole circle, and no more.
        start = len(before) - 1 - before[::-1].index(last)
        return "redirects in a circle: " + " -> ".join(urls[start:])
    return f"redirects without end, at last to {last}"
