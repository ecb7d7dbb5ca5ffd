"""
Cursors: what a client sends to say how far it has come.

An id of our own is ``#`` + epoch + ``.`` + sequence.  The position is read out of it without a
search, and an id of another log, or of an earlier life of this one, has another epoch, so that it
is never mistaken for a position here.  All its characters pass every header unchanged and need no
CORS preflight.  A cursor carries no rights, and none is refused: what is no id of ours is one that
somebody else may have given, or garbage.
"""

import re
import secrets

#: The longest id, in characters: a publisher may give no longer one, and ours are shorter.
MAX_ID = 256

_OURS = re.compile(r"#([0-9a-z]{1,32})\.(0|[1-9][0-9]{0,17})", re.ASCII)


def new_epoch() -> str:
    """
    Return the name of one life of one log: 60 random bits, so that no two are ever the same.
    """
    return secrets.token_hex(8)[:15]


def render_id(epoch: str, position: int) -> str:
    """
    Return the id of the event at a position.
    """
    return f"#{epoch}.{position}"


def position_of(epoch: str, text: str) -> int | None:
    """
    Read a position out of an id.

    :returns: ``None`` if it is no id of this life of this log.
    """
    if len(text) > MAX_ID or (found := _OURS.fullmatch(text)) is None or found[1] != epoch:
        return None
    return int(found[2])
