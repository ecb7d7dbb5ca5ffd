"""
Plain URLs, which are cut without a library: most topics are such URLs.
"""

import re

#: A URL that every library leaves as it is, and its origin and path.  Its host is neither a number
#: nor an international name, its port is not the usual one, no segment of its path begins with a
#: dot, and nothing is escaped.
PLAIN_URL = re.compile(
    r"(https?://(?:(?!xn--)[a-z0-9][a-z0-9-]*\.)*(?!xn--)[a-z][a-z0-9-]*"
    r"(?::(?!80/|443/)[1-9][0-9]{1,3})?)"
    r"((?:/(?!\.)[\w.~!$&'()*+,;=:@-]*)+)",
    re.ASCII,
)
