"""
Ids that a log gives to events, and that clients send back to say how far they have come.

Such an id is ``#`` + epoch + ``.`` + position.  The position is read from it without a search.  An
id of another log, or of an earlier life of this one, has another epoch, and so is never mistaken
for a position here.  All its characters pass every header unchanged and need no CORS preflight.  An
id carries no rights, and every id is accepted: any other text may come from a publisher, or be
garbage.
"""

import re
import secrets

#: The longest id that a publisher may give, in characters; those of a log are shorter.
MAX_ID = 256

_OURS = re.compile(r"#([0-9a-z]{1,32})\.(0|[1-9][0-9]{0,17})", re.ASCII)


def new_epoch() -> str:
    # 60 random bits, so that two are never the same.
    return secrets.token_hex(8)[:15]


def render_id(epoch: str, position: int) -> str:
    """
    Return the id of the event at a position.
    """
    return f"#{epoch}.{position}"


def position_of(epoch: str, text: str) -> int | None:
    """
    Read the position from an id.

    :returns: ``None`` if this life of this log has not given the id.
    """
    if len(text) > MAX_ID or (found := _OURS.fullmatch(text)) is None or found[1] != epoch:
        return None
    return int(found[2])
