"""
Insides of Twisted and treq that this package relies on, each with its reason.

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
    Return the agent of a treq client.

    The client's own ``request`` always does more: it asks for gzip, decodes it without a limit, and
    keeps the connection of a response with cookies that it cannot read.
    """
    agent: IAgent = client._agent
    return agent


def cookies_of(client: HTTPClient) -> CookieJar:
    jar: CookieJar = client._cookiejar
    return jar


def wrapped_by(response: IResponse) -> IResponse | None:
    """
    Return the response inside a wrapper of treq, or of an agent that decodes it; ``None`` for a
    response that is not a wrapper.
    """
    return getattr(response, "original", None)


def connection_of(transport: Any) -> Any:  # no interface has the needed methods
    """
    Return the transport behind the transport of a body.  An ``Agent`` gives a body a proxy, which
    cannot abort; the transport behind it can.  When the body has arrived the proxy is empty, and is
    returned itself.
    """
    return getattr(transport, "_producer", None) or transport


def transport_of(kept: Any) -> Any:  # of a private class of Twisted's
    """
    Return the transport of a connection that a pool has kept.  A pool that does not retry returns
    the agent's protocol, and not the wrapper that the endpoint made.
    """
    return kept.transport


def make_quiet(factory: Any) -> None:  # of a private class of Twisted's
    """
    Keep the factory that an agent gives an endpoint from logging each connection.
    """
    factory.noisy = False
