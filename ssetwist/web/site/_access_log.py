"""
Lines of the access log in the Combined Log Format, without tokens.
"""

import re
from types import SimpleNamespace
from urllib.parse import unquote_plus

from twisted.web.http import Request, combinedLogFormatter
from twisted.web.iweb import IAccessLogFormatter
from zope.interface import provider

#: Bytes of a URL or of a header in a line.  A client may send long ones with each of many requests;
#: they would fill the disk, and looking for tokens in them takes time.
MAX_LOGGED = 2000

#: Characters of a method, or of a path, in other lines of the log.
_SHOWN = 200

#: Parameters of a URL that hold a token, for clients that cannot set a header (Mercure 0.x;
#: RFC 6750, 2.3).
_SECRETS = frozenset({"authorization", "access_token"})

#: The name of a parameter.  After a semicolon or a hash only some programs take it for one.
_NAME = re.compile(r'[?&;#]([^=&?;#\s"]+)=')

#: The value of a parameter.  The line is escaped already: a quote inside it has a backslash.
_VALUE = re.compile(r'(?:[^&\s"\\]|\\.)*')

#: Runs of characters that may hold a token.  Tokens are longer than this, and begin as all JSON
#: objects in base64url do.
_RUN = re.compile(r"[\w.%-]{30,}", re.ASCII)
_TOKEN = "eyJ"


@provider(IAccessLogFormatter)
def access_log_line(timestamp: str, request: Request) -> str:
    """
    Return a line without the tokens in its URLs, the referring page's URL included.
    """
    line: str = combinedLogFormatter(timestamp, _shortened(request))
    pieces = []
    position = 0
    for name in _NAME.finditer(line):
        if name.start() < position or unquote_plus(name[1]).strip().lower() not in _SECRETS:
            continue
        value = _VALUE.match(line, name.end())
        if value is not None and value[0]:
            pieces += [line[position : name.end()], "..."]
            position = value.end()
    return without_tokens("".join([*pieces, line[position:]]))


def _shortened(request: Request) -> SimpleNamespace:
    """
    Return what a line has of a request.
    """
    return SimpleNamespace(
        getClientAddress=request.getClientAddress,
        getHeader=lambda name: _start_of(request.getHeader(name)),
        method=_start_of(request.method),
        uri=_start_of(request.uri),
        clientproto=request.clientproto,
        code=request.code,
        sentLength=request.sentLength,
    )


def _start_of(value: bytes | None) -> bytes | None:
    if value is None or len(value) <= MAX_LOGGED:
        return value
    return value[:MAX_LOGGED] + b"[...]"


def shown(request: Request) -> str:
    """
    Return a request for any other line of the log, without its query.
    """
    path = without_tokens(request.uri.partition(b"?")[0].decode("latin-1"))
    method = request.method.decode("latin-1")
    return f"<{type(request).__name__} {method[:_SHOWN]!r} {path[:_SHOWN]!r}>"


def without_tokens(text: str) -> str:
    """
    Return a text without anything that looks like a token (JWT): one may stand in a path, or in a
    parameter of any name.
    """
    return _RUN.sub(_without_token, text)


def _without_token(run: re.Match[str]) -> str:
    before, token, rest = run[0].partition(_TOKEN)
    is_token = token and ("." in rest or "%2e" in rest.lower())
    return f"{before}..." if is_token else run[0]
