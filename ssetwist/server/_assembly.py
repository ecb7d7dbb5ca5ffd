"""
Parts of a hub, made as its configuration says.
"""

from treq.client import HTTPClient
from twisted.logger import Logger
from twisted.web.client import Agent
from twisted.web.iweb import IRequest
from twisted.web.pages import notFound
from twisted.web.resource import IResource, Resource

from .._reactor import AnyReactor
from ..clock import steady
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
from ._options import call_with_options

_log = Logger()

#: Seconds in which a connection to a server of keys or to the application must be made.
_CONNECT_TIMEOUT = 5.0


def make_hub(reactor: AnyReactor, config: HubConfig) -> Hub:
    log = MemoryLog(
        reactor,
        max_count=config.log_events,
        max_bytes=config.log_bytes,
        max_age=config.log_age,
    )
    threads = config.flush_threads or None
    return call_with_options(Hub, config, clock=reactor, log=log, flush_threads=threads)


class Access:
    """
    Access to a hub: the authorizer, and its connections to servers of keys and to the application.
    """

    def __init__(self, reactor: AnyReactor, config: HubConfig) -> None:
        reactor = steady(reactor)
        self._config = config
        self._pool = quiet_pool(reactor)
        agent = Agent(reactor, connectTimeout=_CONNECT_TIMEOUT, pool=self._pool)
        # A client keeps cookies.  Cookies of visitors must not reach the server of the keys.
        self._limits = config.mercure.limits.of_grants()
        self._verifier = config.tokens.verifier(reactor, HTTPClient(agent), limits=self._limits)
        self.authorizer = self._make_authorizer(HTTPClient(agent), reactor)

    def start(self) -> None:
        """
        Begin to keep keys up to date, and log that keys, or an audience for them, are missing.
        """
        self._verifier.start()
        if self._config.is_for_development:
            _log.info("there is no key: everyone on this machine may publish and subscribe")
        elif self._config.has_keys and not self._config.tokens.audience:
            _log.warn(
                "without --audience, the hub's own URL, only tokens of Mercure 0.x are accepted"
            )

    def stop(self) -> None:
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
        by_url = CallbackAuthorizer(
            config.authorize_url,
            client,
            clock=reactor,
            base_url=config.mercure.base_url,
            limits=self._limits,
            timeout=config.authorize_timeout,
            max_asked=config.max_asked,
        )
        return TokenThenCallback(by_token, by_url)


def make_root(hub: Hub, config: HubConfig, authorizer: Authorizer) -> IResource:
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
    Put a resource at a path, with a folder for each segment before the last.
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
    def render(self, request: IRequest) -> bytes:
        page: bytes = notFound().render(request)
        return page
