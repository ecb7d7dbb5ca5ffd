"""
Page at ``/`` for a first try: connect, receive, publish, disconnect, count the subscribers.
"""

import json
from importlib.resources import files

from twisted.web.resource import Resource
from twisted.web.server import Request

from ..hub import Hub

#: Everything is loaded from this server; nothing is inline, and nothing is put into a frame.
_CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_STATIC = {
    "console.css": "text/css; charset=utf-8",
    "console.js": "text/javascript; charset=utf-8",
    "log.js": "text/javascript; charset=utf-8",
    "publish.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


def console(hub: Hub, event_stream: Resource, *, may_publish: bool = False) -> Resource:
    """
    Return the root of a small site: the page at ``/``, which needs ``/sse``, ``/status`` and
    ``/static/``.  It may be mounted anywhere, because the page uses only relative addresses.

    :param may_publish: If true, the page offers to publish at ``/.well-known/mercure``, where
        everyone must be allowed to.
    """
    static = Resource()
    for name, media_type in _STATIC.items():
        static.putChild(name.encode(), _Asset(name, media_type))
    root = Resource()
    root.putChild(b"", _Asset("console.html", "text/html; charset=utf-8"))
    root.putChild(b"sse", event_stream)
    root.putChild(b"status", _Status(hub, may_publish))
    root.putChild(b"static", static)
    return root


class _Asset(Resource):
    isLeaf = True

    def __init__(self, name: str, media_type: str) -> None:
        super().__init__()
        self._content = (files(__package__) / "static" / name).read_bytes()
        self._media_type = media_type

    def render_GET(self, request: Request) -> bytes:
        request.setHeader("Content-Type", self._media_type)
        request.setHeader("Content-Security-Policy", _CONTENT_SECURITY_POLICY)
        request.setHeader("Referrer-Policy", "no-referrer")
        request.setHeader("X-Content-Type-Options", "nosniff")
        # Browsers ask again each time: a new server must not meet the script of an old one.
        request.setHeader("Cache-Control", "no-cache")
        return self._content


class _Status(Resource):
    isLeaf = True

    def __init__(self, hub: Hub, may_publish: bool) -> None:
        super().__init__()
        self._hub = hub
        self._may_publish = may_publish

    def render_GET(self, request: Request) -> bytes:
        request.setHeader("Content-Type", "application/json")
        request.setHeader("Cache-Control", "no-store")
        request.setHeader("X-Content-Type-Options", "nosniff")
        status = {"subscribers": self._hub.subscriber_count, "may_publish": self._may_publish}
        return json.dumps(status).encode()
