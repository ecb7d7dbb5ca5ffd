"""
Insides of Twisted and treq that this room relies on, each with its reason.

Neither documents these names.  ``tests/unit/client/http/test_insides.py`` has one test for each,
which runs with the oldest Twisted and treq that are supported and with the newest.  When one of
them fails, this is the file to mend.
"""

from http.cookiejar import CookieJar
from typing import Any

from treq.client import HTTPClient
from twisted.web.iweb import IAgent, IResponse


def agent_of(client: HTTPClient) -> IAgent:
    """
    Return what a client of treq sends its requests through.

    The client's own ``request`` would do more, and has no switch for that: it asks for gzip,
    decodes without a bound, and keeps the connection of a response whose cookies it cannot read.
    """
    agent: IAgent = client._agent
    return agent


def cookies_of(client: HTTPClient) -> CookieJar:
    """
    Return where a client of treq keeps its cookies.
    """
    jar: CookieJar = client._cookiejar
    return jar


def wrapped_by(response: IResponse) -> IResponse | None:
    """
    Return the response that another one is put around, by treq or by an agent that decodes it;
    ``None`` for a response that is not put around another.
    """
    return getattr(response, "original", None)


def producer_of(transport: Any) -> Any:  # no interface has what is needed of either
    """
    Return what the transport of a body stands for.  An ``Agent`` gives a proxy as the transport,
    and the proxy cannot abort; what it stands for can.  When the body has come the proxy stands for
    nothing any more: then this is the proxy.
    """
    return getattr(transport, "_producer", None) or transport


def transport_of(kept: Any) -> Any:  # of a private class of Twisted's
    """
    Return the transport of a connection that a pool has kept: a pool which does not retry gives
    back the protocol that an agent has made, and not what the endpoint has put around that.
    """
    return kept.transport


def make_quiet(factory: Any) -> None:  # of a private class of Twisted's
    """
    Have the factory that an agent gives an endpoint say nothing of each connection that it makes.
    """
    factory.noisy = False
