"""
Entity tags, which tell if a client has the newest answer (RFC 9110, 8.8.3 and 13.1.2).
"""

import re
from urllib.parse import quote

#: One tag in a list, without its ``W/``: weak tags count like strong ones here.
_TAG = re.compile(r'"[^"]*"')

#: Characters that an id may have and that are valid in a tag.  The percent sign is escaped, so that
#: different ids never make the same tag.
_AS_IT_IS = "!#$&'()*+,/:;<=>?@[]^`{|}"


def etag(last_event_id: str) -> str:
    return f'"{quote(last_event_id, safe=_AS_IT_IS)}"'


def is_current(if_none_match: str | None, tag: str) -> bool:
    """
    Return true if a client has the answer with this tag.

    :param if_none_match: The header, with its values joined by commas; ``None`` without one.
    """
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or tag in _TAG.findall(if_none_match)
