"""
Sending of one request, through an agent of Twisted or of a treq client.

Redirects, bodies, time and codings are not handled here, but by the callers, with limits.
"""

from collections.abc import Callable, Mapping
from http.cookiejar import CookieJar
from itertools import islice

from treq.client import HTTPClient
from treq.cookies import scoped_cookie
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IConsumer
from twisted.python.failure import Failure
from twisted.web.client import CookieAgent
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer, IResponse
from zope.interface import implementer

from ..._reactor import AnyReactor
from ._abort import discard
from ._connections import Connections
from ._insides import agent_of, cookies_of
from ._request import Request, type_of

#: Sends a request and fires with the head of its response.  Cancelling it cuts the connection.
RequestSender = Callable[[Request], "Deferred[IResponse]"]


#: Cookies of a jar, at most, when a server adds to it.  Each can have 16 KiB, and all are sent with
#: each request; browsers keep a few hundred for one server.
MAX_COOKIES = 1000


@implementer(IBodyProducer)
class _Body:
    """
    A producer that writes a body at once, so that a request is never sent in part.
    """

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.length = len(body)

    def startProducing(self, consumer: IConsumer) -> "Deferred[None]":
        consumer.write(self._body)
        return succeed(None)

    def stopProducing(self) -> None:
        """
        Do nothing: the body has been written.
        """

    pauseProducing = resumeProducing = stopProducing


@implementer(IAgent)
class _CookieFilter:
    """
    An agent that drops cookies from responses: those that are not ASCII, because ``CookieAgent``
    cannot parse them, and would discard the response and leak the connection; and those beyond the
    limit of the jar, because a server could add new ones at each reconnection.
    """

    def __init__(self, agent: IAgent, jar: CookieJar) -> None:
        self._agent = agent
        self._jar = jar
        self.response: IResponse | None = None

    def request(
        self,
        method: bytes,
        uri: bytes,
        headers: Headers | None = None,
        bodyProducer: IBodyProducer | None = None,  # noqa: N803 (Twisted's name)
    ) -> "Deferred[IResponse]":
        answer: Deferred[IResponse] = self._agent.request(method, uri, headers, bodyProducer)
        return answer.addCallback(self._filter)

    def _filter(self, response: IResponse) -> IResponse:
        self.response = response
        cookies = response.headers.getRawHeaders(b"set-cookie", [])
        if cookies:
            fitting = filter(bytes.isascii, cookies)
            room = max(0, MAX_COOKIES - len(self._jar))
            response.headers.setRawHeaders(b"set-cookie", list(islice(fitting, room)))
        return response


def jar_of(cookies: CookieJar | Mapping[str, str] | None, url: str) -> CookieJar:
    """
    Return a jar with cookies.

    :param cookies: A jar, which is returned; or names and values for the origin of the URL.
    :raises ValueError: If a name or a value cannot be sent.
    :raises TypeError: If it is neither, or a value is not text.
    """
    if isinstance(cookies, CookieJar):
        return cookies
    jar = CookieJar()
    if cookies is None:
        return jar
    if not isinstance(cookies, Mapping):
        raise TypeError(
            f"cookies must be a CookieJar, or a mapping of names to values, not {type_of(cookies)}"
        )
    for name, value in cookies.items():
        if not isinstance(value, str):
            raise TypeError(f"the cookie {name!r} must be str, not {type_of(value)}")
        if not all(text.isascii() and text.isprintable() for text in (name, value)):
            raise ValueError(f"the cookie {name!r} is not printable ASCII")
        jar.set_cookie(scoped_cookie(url, name, value))
    return jar


def sending(
    reactor: AnyReactor, client: HTTPClient | IAgent | None, jar: CookieJar, *, kept: int = 0
) -> tuple[RequestSender, Connections | None]:
    """
    Return a sender of requests: through a given client, or by default with its own connections.

    :param jar: The jar that cookies are taken from and put into; with a client of treq, more
        cookies for the client's own jar.
    :param kept: Own connections to one server that are kept for the next request.
    :returns: The sender, and its own connections, if it has some.
    :raises TypeError: If the client cannot send requests, such as the module ``treq``.
    """
    if client is None:
        own = Connections(reactor, kept=kept)
        return through_agent(own.agent, jar), own
    if isinstance(client, HTTPClient):
        own_jar = cookies_of(client)
        for cookie in jar:
            own_jar.set_cookie(cookie)
        return through_agent(agent_of(client), own_jar), None
    if not IAgent.providedBy(client):
        raise TypeError(
            f"client must be a treq.client.HTTPClient, or provide IAgent, not {type_of(client)}"
        )
    return through_agent(client, jar), None


def through_agent(agent: IAgent, jar: CookieJar) -> RequestSender:
    def send(request: Request) -> "Deferred[IResponse]":
        filtered = _CookieFilter(agent, jar)

        def lose(problem: Failure) -> Failure:
            if filtered.response is not None:
                discard(filtered.response)
            return problem

        answer = CookieAgent(filtered, jar).request(
            request.method.encode(),
            request.url.encode(),
            request.headers,
            None if request.body is None else _Body(request.body),
        )
        return answer.addErrback(lose)

    return send
