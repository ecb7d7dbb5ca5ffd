"""
How one request is sent: through an agent of Twisted, or through a client of treq.

Neither follows redirections, keeps bodies, limits the time, or decodes: that is done above, and
there with bounds.
"""

from collections.abc import Callable, Mapping
from http.cookiejar import CookieJar
from typing import Any

from treq.client import HTTPClient
from treq.cookies import scoped_cookie
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IConsumer
from twisted.web.client import CookieAgent
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer, IResponse
from zope.interface import implementer

from ._request import Request

#: Sends a request and fires with the head of its response.  Cancelling it cuts the connection.
Send = Callable[[Request], "Deferred[IResponse]"]


@implementer(IBodyProducer)
class _Body:
    """
    Produces a body at once, so that no request is ever half sent.
    """

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.length = len(body)

    def startProducing(self, consumer: IConsumer) -> "Deferred[None]":
        """
        Write it.
        """
        consumer.write(self._body)
        return succeed(None)

    def stopProducing(self) -> None:
        """
        There is nothing to stop.
        """

    pauseProducing = resumeProducing = stopProducing


class _OurEncoding(Headers):
    """
    Headers whose ``Accept-Encoding`` is already there: treq adds its own to it, unasked.
    """

    def addRawHeader(self, name: Any, value: Any) -> None:
        """
        Add a header, if it is not that.
        """
        if name != b"Accept-Encoding":
            super().addRawHeader(name, value)


def jar_of(cookies: CookieJar | Mapping[str, str] | None, url: str) -> CookieJar:
    """
    Return a jar with cookies.

    :param cookies: If it is a jar, that one.  Names and values are for the origin of the URL.
    """
    if isinstance(cookies, CookieJar):
        return cookies
    jar = CookieJar()
    for name, value in (cookies or {}).items():
        jar.set_cookie(scoped_cookie(url, name, value))
    return jar


def through_agent(agent: IAgent, jar: CookieJar) -> Send:
    """
    Return what sends through an agent.

    :param jar: Gives cookies, and takes them.
    """
    with_cookies = CookieAgent(agent, jar)

    def send(request: Request) -> "Deferred[IResponse]":
        return with_cookies.request(
            request.method.encode(), request.url.encode(), request.headers, _body_of(request)
        )

    return send


def through_treq(client: HTTPClient, jar: CookieJar, reactor: Any) -> Send:
    """
    Return what sends through a client of treq, which has a jar of its own.

    :param jar: Its cookies become the client's with the first request, and no more: what a server
        has changed since then stays changed.
    :param reactor: treq would install one if it got none; without a time-out it does nothing with
        it.
    """
    cookies: CookieJar | None = jar

    def send(request: Request) -> "Deferred[IResponse]":
        nonlocal cookies
        given, cookies = cookies, None
        headers = _OurEncoding(dict(request.headers.getAllRawHeaders()))
        data: Any = _body_of(request)  # treq takes whatever can be adapted to IBodyProducer
        response: Deferred[Any] = client.request(  # of a class of treq's that wraps one
            request.method,
            request.url,
            headers=headers,
            data=data,
            cookies=given,
            allow_redirects=False,
            unbuffered=True,
            reactor=reactor,
        )
        return response

    return send


def _body_of(request: Request) -> _Body | None:
    return None if request.body is None else _Body(request.body)
