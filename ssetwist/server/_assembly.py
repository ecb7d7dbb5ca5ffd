"""
What a hub is made of, by its configuration.
"""

from treq.client import HTTPClient
from twisted.logger import Logger
from twisted.web.client import Agent
from twisted.web.iweb import IRequest
from twisted.web.pages import notFound
from twisted.web.resource import IResource, Resource

from .._reactor import AnyReactor
from ..hub import Hub
from ..log import MemoryLog
from ..mercure import (
    DEFAULT_PATH,
    AllowEveryone,
    Authorizer,
    CallbackAuthorizer,
    LoopbackOnly,
    MercureResource,
    MetadataResource,
    TokenAuthorizer,
    TokenThenCallback,
    metadata_path,
)
from ..web import EventStreamResource, console
from ._config import HubConfig
from ._insides import quiet_pool

_log = Logger()

#: Seconds that a connection to who is asked for keys and rights may take to be made.
_CONNECT_TIMEOUT = 5.0


def make_hub(reactor: AnyReactor, config: HubConfig) -> Hub:
    """
    Make the hub.
    """
    return Hub(
        clock=reactor,
        log=MemoryLog(
            reactor,
            max_count=config.log_events,
            max_bytes=config.log_bytes,
            max_age=config.log_age,
        ),
        heartbeat=config.heartbeat,
        stall_timeout=config.stall_timeout,
        lifetime=config.lifetime,
        when_behind=config.when_behind,
        unknown_cursor=config.unknown_cursor,
        gap=config.gap,
        flush_threads=config.flush_threads or None,
        max_subscribers=config.max_subscribers,
        max_per_address=config.max_per_address,
    )


class Access:
    """
    Who may do what: what decides that, and what it needs from elsewhere.

    :ivar authorizer: Decides.
    """

    def __init__(self, reactor: AnyReactor, config: HubConfig) -> None:
        self._config = config
        self._pool = quiet_pool(reactor)
        agent = Agent(reactor, connectTimeout=_CONNECT_TIMEOUT, pool=self._pool)
        # A client keeps cookies.  Those of visitors must not come to who is asked for keys.
        self._verifier = config.tokens.verifier(reactor, HTTPClient(agent))
        self.authorizer = self._make_authorizer(HTTPClient(agent), reactor)

    def start(self) -> None:
        """
        Begin to keep keys up to date, and tell who may do what.
        """
        self._verifier.start()
        if self._config.is_for_development:
            _log.info("there is no key: everyone on this machine may publish and subscribe")
        elif self._config.has_keys and not self._config.tokens.audience:
            _log.warn(
                "without --audience, the hub's own URL, only tokens of Mercure 0.x are accepted"
            )

    def stop(self) -> None:
        """
        End that, and close idle connections.
        """
        self._verifier.stop()
        self._pool.closeCachedConnections()

    def _make_authorizer(self, client: HTTPClient, reactor: AnyReactor) -> Authorizer:
        config = self._config
        if config.is_for_development:
            return AllowEveryone()
        by_token = TokenAuthorizer(
            self._verifier,
            cookie_names=config.tokens.cookie_names,
            is_legacy_allowed=config.tokens.is_legacy_allowed,
            is_anonymous_allowed=config.anonymous,
        )
        if not config.authorize_url:
            return by_token
        base_url = config.mercure.base_url
        by_url = CallbackAuthorizer(config.authorize_url, client, clock=reactor, base_url=base_url)
        return TokenThenCallback(by_token, by_url)


def make_root(hub: Hub, config: HubConfig, authorizer: Authorizer) -> IResource:
    """
    Make what is served.
    """
    is_open = config.is_for_development or config.anonymous
    stream = EventStreamResource(hub, reconnection_time=config.reconnection_time)
    root = console(hub, stream, may_publish=config.is_for_development) if is_open else Resource()
    settings = config.mercure
    mercure = MercureResource(hub, authorizer, settings)
    for path in {DEFAULT_PATH, settings.path}:
        mount(root, path, mercure)
    if settings.url is not None:
        mount(root, metadata_path(settings.path), MetadataResource(settings))
    return LoopbackOnly(root) if config.is_for_development else root


def mount(root: Resource, path: str, resource: IResource) -> None:
    """
    Put a resource at a path, with as many in between as that takes.
    """
    *folders, name = path.encode().strip(b"/").split(b"/")
    for folder in folders:
        below = root.children.get(folder)
        if below is None:
            below = _Folder()
            root.putChild(folder, below)
        root = below
    root.putChild(name, resource)


class _Folder(Resource):
    """
    What has something below it, and is nothing itself.
    """

    def render(self, request: IRequest) -> bytes:
        page: bytes = notFound().render(request)
        return page
