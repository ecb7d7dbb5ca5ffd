"""
Forms, which Mercure uses in queries and bodies (``application/x-www-form-urlencoded``).

They are read as in the URL Standard, 5.1.  ``urllib.parse.parse_qsl`` drops empty values by
default, and writes U+FFFD for bytes that are not UTF-8, which would change a topic.
"""

from urllib.parse import unquote_to_bytes

from ...errors import Refused

#: Maximum number of fields of a form; an update has at most a thousand topics.
MAX_FIELDS = 2000

#: Maximum length of a field's name in an error, in characters.
_SHOWN = 40


def read_form(form: bytes) -> list[tuple[str, str]]:
    """
    Return the names and values of a form, in their order.  A name without ``=`` has an empty value
    (S2).

    :raises Refused: 400, if a field is not in UTF-8; the error names it.  413, if there are more
        than 2,000 fields.
    """
    if form.count(b"&") >= MAX_FIELDS:  # checked before each field becomes an object
        raise Refused(413, f"the form has more than {MAX_FIELDS} fields")
    return [_read_field(pair) for pair in form.split(b"&") if pair]


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
