"""
Whether a client has the newest answer already (RFC 9110, 8.8.3 and 13.1.2).
"""

import re
from urllib.parse import quote

#: One tag in a list of them, without its ``W/``: what is weak is as good here.
_TAG = re.compile(r'"[^"]*"')

#: What an id may have in it and a tag too; the percent sign is not one of them, so that no two ids
#: make the same tag.
_AS_IT_IS = "!#$&'()*+,/:;<=>?@[]^`{|}"


def etag(last_event_id: str) -> str:
    """
    Return the entity tag of what was true after an event.
    """
    return f'"{quote(last_event_id, safe=_AS_IT_IS)}"'


def is_current(if_none_match: str | None, tag: str) -> bool:
    """
    Tell whether a client has the answer with this tag.

    :param if_none_match: The header, all its values joined by commas; ``None`` if there is none.
    """
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or tag in _TAG.findall(if_none_match)
