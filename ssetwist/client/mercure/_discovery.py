"""
Discovery of a resource's hub, and of the hub's metadata (Mercure, "Discovery"; RFC 8288, 9728).
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from treq.client import HTTPClient
from twisted.internet.defer import Deferred
from twisted.web.iweb import IAgent

from ..._reactor import AnyReactor
from ...errors import NoHub, RedirectRefused
from ..http import Exchanges, normalized, origin_of
from ._link import parse_links
from ._token import Bearer, TokenSource

#: Bytes of a resource, at most.  It is fetched whole, because the stream goes on from its state.
MAX_RESOURCE = 16 * 1024 * 1024

#: Bytes of a hub's metadata, at most.
_MAX_METADATA = 64 * 1024

_WELL_KNOWN = "/.well-known/oauth-protected-resource"


@dataclass(frozen=True, slots=True)
class FoundHub:
    """
    A hub that a resource names.

    :ivar url: Its URL, for ``subscribe`` and for a ``Publisher``.
    :ivar last_event_id: The newest event that the resource contains; subscribing ``since`` this
        event misses nothing and repeats nothing.  ``""`` if the resource does not say.
    :ivar type: The type of its events, if all have the same.
    :ivar content_type: The media type of their data, if all have the same.
    """

    url: str
    last_event_id: str = ""
    type: str = ""
    content_type: str = ""


@dataclass(frozen=True, slots=True)
class Discovery:
    """
    Links of a resource to the hubs that publish its updates.

    :ivar topic: The topic of the updates: its canonical URL (``rel="self"``), or else its own URL.
    :ivar hubs: The hubs.  Each publishes all updates, so one is enough.
    :ivar body: The resource itself, from the same response.
    """

    topic: str
    hubs: tuple[FoundHub, ...]
    body: bytes = b""

    @property
    def hub(self) -> FoundHub:
        """
        The first hub.
        """
        return self.hubs[0]

    @classmethod
    def of(cls, url: str, links: Iterable[str], body: bytes = b"") -> "Discovery":
        """
        Read the ``Link`` headers of a response.

        :param url: The URL of the response, after redirects.
        :param links: The values of the headers.
        :returns: A discovery, perhaps without hubs.
        """
        hubs = []
        topic = url
        has_topic = False
        for link in parse_links(links):
            try:
                target = normalized(link.target, url)
                about = normalized(link.attributes.get("anchor", ""), url)
            except ValueError:
                continue  # not a URL of HTTP
            if about != normalized(url):
                continue  # a link with an anchor is about another resource (RFC 8288, 3.2)
            if link.is_a("self") and not has_topic:
                topic, has_topic = target, True
            if link.is_a("mercure"):
                names = ("last-event-id", "type", "content-type")
                hubs.append(FoundHub(target, *(link.attributes.get(name, "") for name in names)))
        return cls(topic, tuple(hubs), body)


def metadata_path(hub_path: str) -> str:
    """
    Return the path of a hub's metadata, given the path of the hub (RFC 9728, 3.1).
    """
    return _WELL_KNOWN + ("" if hub_path == "/" else hub_path)


def metadata_url(hub_url: str) -> str:
    url = urlsplit(hub_url)
    return url._replace(path=metadata_path(url.path), fragment="").geturl()


def discover(
    resource_url: str,
    *,
    reactor: AnyReactor,
    trusted: Iterable[str] | None = None,
    token: TokenSource | None = None,
    headers: Mapping[str, str] | None = None,
    client: HTTPClient | IAgent | None = None,
    timeout: float = 30.0,
) -> Deferred[Discovery]:
    """
    Fetch a resource, and find the hub that publishes its changes::

        found = await discover("https://example.com/books/1", reactor=reactor)
        source = subscribe(found.hub.url, found.topic, since=found.hub.last_event_id, ...)

    :param trusted: Origins of trusted hubs, such as ``https://hub.example``; hubs of other origins
        are skipped.  By default every hub is accepted: then do not send it a token.
    :param token: A token for the resource itself, not for the hub; or a function that returns one,
        within ``timeout``.
    :param headers: More headers of the request.  A redirect to another origin drops the token, and
        headers with credentials.
    :param client: Makes the requests.  By default connections are made for them.
    :param timeout: Seconds within which the request must be answered, redirects included.
    :returns: A Deferred that fails with :class:`NoHub` if the resource does not name a hub, or the
        status is not 2xx; with :class:`Disconnected` if the request is not answered.  Cancelling
        it closes the connection.
    :raises ValueError: If the URL is not http or https, or the token is malformed.
    """
    url = normalized(resource_url)
    bearer = Bearer(token)
    origins = None if trusted is None else {origin_of(normalized(one)) for one in trusted}
    exchanges = Exchanges(reactor, client, timeout=timeout)

    async def found() -> Discovery:
        try:
            sent = {**(headers or {}), **await bearer.headers_for(exchanges)}
            answer = await exchanges.exchange(
                "GET", url, sent, max_bytes=MAX_RESOURCE, follows=True
            )
        except RedirectRefused as refused:
            raise NoHub(str(refused), status=refused.status) from refused
        finally:
            await exchanges.close()
        if not 200 <= answer.status <= 299:
            raise NoHub(f"the resource answered {answer.status}", status=answer.status)
        known = Discovery.of(answer.url, [answer.headers.get("link", "")], answer.body)
        if not known.hubs:
            raise NoHub("the resource does not name a hub", status=answer.status)
        hubs = [hub for hub in known.hubs if origins is None or origin_of(hub.url) in origins]
        if not hubs:
            raise NoHub("the resource does not name a trusted hub", status=answer.status)
        return Discovery(known.topic, tuple(hubs), known.body)

    return Deferred.fromCoroutine(found())


def hub_metadata(
    hub_url: str,
    *,
    reactor: AnyReactor,
    client: HTTPClient | IAgent | None = None,
    timeout: float = 30.0,
) -> Deferred[Mapping[str, Any] | None]:  # a JSON object
    """
    Fetch the metadata of a hub: the servers that issue its tokens (``authorization_servers``), the
    cookie that it reads (``mercure_cookie``), and the presence of its subscription API
    (``mercure_subscriptions``).

    :returns: A Deferred that fires with ``None`` if the hub does not publish metadata, as hubs of
        0.x; fails with :class:`Disconnected` if the request is not answered, and with
        :class:`NoHub` if the metadata is of another hub: a client that believed it would ask for
        a token that the other hub can use (RFC 9728, 3.3).
    :raises ValueError: If the URL is not http or https.
    """
    url = metadata_url(normalized(hub_url))
    exchanges = Exchanges(reactor, client, timeout=timeout)

    async def fetched() -> Mapping[str, Any] | None:
        headers = {"Accept": "application/json"}
        try:
            answer = await exchanges.exchange("GET", url, headers, max_bytes=_MAX_METADATA)
        finally:
            await exchanges.close()
        if answer.status != 200:
            return None
        try:
            document = json.loads(answer.body)
        except (ValueError, RecursionError):
            return None  # a web page
        if not isinstance(document, dict):
            return None
        if document.get("resource") != hub_url:
            raise NoHub("the metadata is of another hub", status=answer.status)
        return document

    return Deferred.fromCoroutine(fetched())
