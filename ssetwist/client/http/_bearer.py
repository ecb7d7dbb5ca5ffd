"""
The syntax of bearer tokens.
"""

import re

#: The syntax of a bearer token (RFC 6750, 2.1: ``b64token``).
BEARER_TOKEN = r"[A-Za-z0-9._~+/-]+=*"

_BEARER_TOKEN = re.compile(BEARER_TOKEN)


def can_be_token(text: str) -> bool:
    """
    Check whether a text can be a bearer token.
    """
    return _BEARER_TOKEN.fullmatch(text) is not None
