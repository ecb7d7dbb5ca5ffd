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

#: A quote that is part of a value has a backslash before it: the line is escaped already.
_PARAMETER = re.compile(r'([?&])([^=&?\s"]+)=((?:[^&\s"\\]|\\.)+)')


@provider(IAccessLogFormatter)
def access_log_line(timestamp: str, request: Request) -> str:
    """
    Return a line, with every token in a URL left out, also in that of the page that asks.
    """
    line: str = combinedLogFormatter(timestamp, request)
    return _PARAMETER.sub(_without_secret, line)


def _without_secret(parameter: re.Match[str]) -> str:
    mark, name, _ = parameter.groups()
    is_secret = unquote_plus(name).lower() in _SECRETS
    return f"{mark}{name}=..." if is_secret else parameter[0]
