"""
Lines of the access log, in the usual format (Combined Log Format), without what opens doors.
"""

import re
from urllib.parse import unquote_plus

from twisted.web.http import Request, combinedLogFormatter
from twisted.web.iweb import IAccessLogFormatter
from zope.interface import provider

#: Parameters of a URL that hold a token: clients that cannot set a header send it so (Mercure 0.x;
#: RFC 6750, 2.3).
_SECRETS = frozenset({"authorization", "access_token"})

#: The name of a parameter, also where only some take it for one: after a semicolon or a hash.
_NAME = re.compile(r'[?&;#]([^=&?;#\s"]+)=')

#: Its value.  A quote that is part of it has a backslash before it: the line is escaped already.
_VALUE = re.compile(r'(?:[^&\s"\\]|\\.)*')

#: What a token may be a part of: they are longer, and begin as all JSON objects do in base64url.
_RUN = re.compile(r"[\w.%-]{30,}", re.ASCII)
_TOKEN = "eyJ"


@provider(IAccessLogFormatter)
def access_log_line(timestamp: str, request: Request) -> str:
    """
    Return a line, with every token in a URL left out, also in that of the page that asks.
    """
    line: str = combinedLogFormatter(timestamp, request)
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


def without_tokens(text: str) -> str:
    """
    Leave out of a text what looks like a token (JWT), wherever it is: in a path, or in a parameter
    of another name.
    """
    return _RUN.sub(_without_token, text)


def _without_token(run: re.Match[str]) -> str:
    before, token, rest = run[0].partition(_TOKEN)
    is_token = token and ("." in rest or "%2e" in rest.lower())
    return f"{before}..." if is_token else run[0]
