"""
Sources of JWK sets: files, and other people's servers, with limits on their time and memory.
"""

from treq.client import HTTPClient
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.web.http_headers import Headers

from ..._reactor import AnyReactor
from ...client.http import BoundedBody, CannotRead, normalized, shown
from ._jwks import MAX_SET_BYTES, CannotFetch, Fetch
from ._secrets import read_secret

#: Maximum length of a network error in a message, in characters.
_SHOWN = 200


def is_url(source: str) -> bool:
    return source.lower().startswith(("http://", "https://"))


def name_of_url(url: str) -> str:
    """
    Check the URL of a JWK set; return it as the log shows it, without its query.

    :raises ValueError: If it is not a URL, or has a name or a password.
    """
    # Browsers correct more mistakes.  Here the URL is sent unchanged, so it must not have any.
    if not is_url(url) or not (url.isascii() and url.isprintable()) or " " in url or "\\" in url:
        raise ValueError("it must be a URL of http or https, with a host")
    return shown(normalized(url))


def from_file(source: str) -> Fetch:
    def fetch() -> "Deferred[bytes]":
        try:
            return succeed(read_secret(source, max_bytes=MAX_SET_BYTES))
        except ValueError as problem:
            return fail(CannotFetch(str(problem)))

    return fetch


def from_url(url: str, client: HTTPClient, clock: IReactorTime) -> Fetch:
    """
    Return a function that fetches a URL.  It does not follow redirections, which could lead to a
    server that is not trusted.

    :param clock: The reactor.
    """

    async def fetch() -> bytes:
        # Without a reactor, treq would install one.  It does not use it unless a timeout is given.
        reactor: AnyReactor = clock
        try:
            response = await client.get(
                url,
                headers=Headers({"Accept": ["application/jwk-set+json, application/json"]}),
                allow_redirects=False,
                unbuffered=True,
                reactor=reactor,
            )
            body = BoundedBody(MAX_SET_BYTES)
            response.deliverBody(body)
            if response.code != 200:
                body.close()
                raise CannotFetch(f"the server answered {response.code}; expected 200")
            return await body.done
        except (CannotFetch, CancelledError):
            raise
        except CannotRead as problem:
            raise CannotFetch(str(problem)) from None
        except Exception as problem:  # any error of a network
            text = f"{type(problem).__name__}: {problem}"[:_SHOWN]
            raise CannotFetch(f"it cannot be fetched: {text}") from None

    return lambda: Deferred.fromCoroutine(fetch())
