"""
Where JWK sets are read from: files, and other people's servers, which are given a limit to all
that they may take of us.
"""

from treq.client import HTTPClient
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.web.http_headers import Headers

from ..._reactor import AnyReactor
from ...client.http import BoundedBody, CannotRead, normalized, shown
from ._jwks import MAX_SET_BYTES, CannotFetch, Fetch
from ._secrets import read_secret

#: How much of what a network says went wrong is shown, in characters.
_SHOWN = 200


def is_url(source: str) -> bool:
    """
    Tell whether a JWK set is to be fetched.
    """
    return source.lower().startswith(("http://", "https://"))


def name_of_url(url: str) -> str:
    """
    Check the URL of a JWK set; return it as the log may have it, without its query.

    :raises ValueError: If it is none, or has a name or a password in it.
    """
    # Browsers would put more of it right; but it is compared, and sent, as it stands here.
    if not is_url(url) or not (url.isascii() and url.isprintable()) or " " in url or "\\" in url:
        raise ValueError("it must be a URL of http or https, with a host")
    return shown(normalized(url))


def from_file(source: str) -> Fetch:
    """
    Return what reads a file, as :func:`read_secret` knows it.
    """

    def fetch() -> "Deferred[bytes]":
        try:
            return succeed(read_secret(source, max_bytes=MAX_SET_BYTES))
        except ValueError as problem:
            return fail(CannotFetch(str(problem)))

    return fetch


def from_url(url: str, client: HTTPClient, clock: IReactorTime) -> Fetch:
    """
    Return what fetches a URL.  A redirection is not followed: it could lead to whom nobody trusts.

    :param clock: The reactor.
    """

    async def fetch() -> bytes:
        # treq would install a reactor if it got none.  It does nothing with it without a timeout.
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
        except Exception as problem:  # whatever a network has to say
            text = f"{type(problem).__name__}: {problem}"[:_SHOWN]
            raise CannotFetch(f"it cannot be fetched: {text}") from None

    return lambda: Deferred.fromCoroutine(fetch())
