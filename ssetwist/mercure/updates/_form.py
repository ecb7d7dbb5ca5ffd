"""
The form that queries and bodies of Mercure have (``application/x-www-form-urlencoded``).

As in the URL Standard, 5.1, and unlike ``urllib.parse.parse_qsl``, which drops empty values unless
told otherwise, and puts U+FFFD where there is no UTF-8: a topic would be another one than was sent.
"""

from urllib.parse import unquote_to_bytes

from ...errors import Refused

#: How many fields are read; an update has at most a thousand topics.
MAX_FIELDS = 10_000

#: How much of a field's name an error repeats, in characters.
_SHOWN = 40


def read_form(form: bytes) -> list[tuple[str, str]]:
    """
    Return the fields of a form in their order: names and values.  A name without ``=`` has an empty
    value (S2).

    :raises Refused: 400, which names the field, if one is not in UTF-8; 413, if there are more than
        10,000.
    """
    pairs = form.split(b"&", MAX_FIELDS)
    if len(pairs) > MAX_FIELDS:
        raise Refused(413, f"there are more than {MAX_FIELDS} fields")
    return [_read_field(pair) for pair in pairs if pair]


def _read_field(pair: bytes) -> tuple[str, str]:
    raw_name, _, raw_value = pair.partition(b"=")
    name = _unquote(raw_name)
    try:
        return name.decode(), _unquote(raw_value).decode()
    except UnicodeDecodeError:
        shown = name[: 4 * _SHOWN].decode("utf-8", "replace")[:_SHOWN]
        raise Refused(400, f"the field {shown!r} is not in UTF-8") from None


def _unquote(text: bytes) -> bytes:
    return unquote_to_bytes(text.replace(b"+", b" "))  # a % without two digits stays as it is
