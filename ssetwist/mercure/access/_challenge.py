"""
The challenge to a client without access: the value of ``WWW-Authenticate`` (RFC 6750, 3).
"""

import re

from ...errors import Refused

#: Characters that an error description must not have (RFC 6750, 3).
_NOT_IN_DESCRIPTIONS = re.compile(r"[^ !#-\[\]-~]")


def challenge(refused: Refused, metadata_url: str = "") -> str | None:
    """
    Return the value of the header.

    A client without a token gets neither a code nor a description (RFC 6750, 3.1).

    :param metadata_url: URL of a document on how to get a token (RFC 9728, 5.1), or empty.
    :returns: ``None`` if the refusal is not a challenge.
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
