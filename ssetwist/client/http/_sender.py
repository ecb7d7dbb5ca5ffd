"""
How one request is sent: through an agent of Twisted, be it that of a client of treq.

It follows no redirections, keeps no bodies, limits no time and decodes nothing: that is done above,
and there with bounds.
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


#: How many cookies a jar may have when a server adds to it.  Each can have 16 KiB, and all of them
#: are sent with each request; browsers keep some hundred for one server.
MAX_COOKIES = 1000


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


@implementer(IAgent)
class _Readable:
    """
    An agent whose responses have only such cookies as Twisted can read: those of ASCII.  One other
    would have it lose the response, and the connection stay open for nobody.  Nor have they more
    than fit into the jar: who comes back again and again would hold whatever a server makes up.

    :ivar response: The last one.
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
        """
        Send a request.
        """
        answer: Deferred[IResponse] = self._agent.request(method, uri, headers, bodyProducer)
        return answer.addCallback(self._read)

    def _read(self, response: IResponse) -> IResponse:
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

    :param cookies: If it is a jar, that one.  Names and values are for the origin of the URL.
    :raises ValueError: If a name or a value cannot be sent.
    :raises TypeError: If they are neither, or one is no text.
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
            raise ValueError(f"the cookie {name!r} has other characters than those of ASCII")
        jar.set_cookie(scoped_cookie(url, name, value))
    return jar


def sending(
    reactor: AnyReactor, client: HTTPClient | IAgent | None, jar: CookieJar, *, kept: int = 0
) -> tuple[RequestSender, Connections | None]:
    """
    Return what sends: through somebody's client, or if there is none through connections of its
    own.

    :param kept: How many of these are kept for the next request; see :class:`Connections`.
    :returns: What sends, and its own connections, if it has some.
    """
    if client is not None:
        return through(client, jar), None
    own = Connections(reactor, kept=kept)
    return through_agent(own.agent, jar), own


def through(client: HTTPClient | IAgent, jar: CookieJar) -> RequestSender:
    """
    Return what sends through somebody's client.

    :raises TypeError: If it can send nothing, as the module ``treq``.
    """
    if isinstance(client, HTTPClient):
        return through_treq(client, jar)
    if not IAgent.providedBy(client):
        raise TypeError(
            f"client must be a treq.client.HTTPClient, or provide IAgent, not {type_of(client)}"
        )
    return through_agent(client, jar)


def through_agent(agent: IAgent, jar: CookieJar) -> RequestSender:
    """
    Return what sends through an agent.

    :param jar: Gives cookies, and takes them.
    """

    def send(request: Request) -> "Deferred[IResponse]":
        readable = _Readable(agent, jar)

        def lose(problem: Failure) -> Failure:
            if readable.response is not None:
                discard(readable.response)
            return problem

        answer = CookieAgent(readable, jar).request(
            request.method.encode(),
            request.url.encode(),
            request.headers,
            None if request.body is None else _Body(request.body),
        )
        return answer.addErrback(lose)

    return send


def through_treq(client: HTTPClient, jar: CookieJar) -> RequestSender:
    """
    Return what sends through a client of treq: through its agent, and with its cookies.

    :param jar: Its cookies are put into the client's jar.
    """
    its_own = cookies_of(client)
    for cookie in jar:
        its_own.set_cookie(cookie)
    return through_agent(agent_of(client), its_own)
