"""
What somebody is told who is not let in: the value of ``WWW-Authenticate`` (RFC 6750, 3).
"""

import re

from ...errors import Refused

#: What an error description may not have in it (RFC 6750, 3).
_NOT_IN_DESCRIPTIONS = re.compile(r"[^ !#-\[\]-~]")


def challenge(refused: Refused, metadata_url: str = "") -> str | None:
    """
    Return the value of the header.

    Who shows no token gets no code and no description (RFC 6750, 3.1).

    :param metadata_url: Where it is written how to get a token (RFC 9728, 5.1), if it is.
    :returns: ``None`` if the refusal is no challenge.
    """
    if refused.error is None:
        return None
    parameters = []
    if refused.error:
        description = _NOT_IN_DESCRIPTIONS.sub("'", refused.text)
        parameters += [("error", refused.error), ("error_description", description)]
    if metadata_url:
        parameters.append(("resource_metadata", metadata_url))
    return f"Bearer {', '.join(f'{name}={quoted(value)}' for name, value in parameters)}".strip()


def quoted(text: str) -> str:
    """
    Return a text as a quoted string (RFC 9110, 5.6.4).
    """
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
