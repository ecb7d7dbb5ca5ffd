"""
Forms, which Mercure uses in queries and bodies (``application/x-www-form-urlencoded``).

They are read as in the URL Standard, 5.1.  ``urllib.parse.parse_qsl`` drops empty values by
default, and writes U+FFFD for bytes that are not UTF-8, which would change a topic.
"""

import re
from binascii import a2b_qp

from ...errors import Refused
from ...matching import Steps

#: Maximum number of fields of a form; an update has at most a thousand topics.
MAX_FIELDS = 2000

#: Maximum length of a field's name in an error, in characters.
_SHOWN = 40

#: Bytes that are decoded before other work may be done: about a millisecond, for percent signs
#: alone.
PIECE = 4 * 1024

#: Cost of a field besides that of its bytes, in bytes.
FIELD = 64

#: A percent sign that stands for itself.
_PLAIN_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")

Pairs = list[tuple[str, str]]


def read_form(form: bytes) -> Pairs:
    """
    Do what :func:`reading_form` does, at once; for a form in a request's head.
    """
    return [_text(_unquote(name), _unquote(value)) for name, _, value in _fields(form)]


def reading_form(form: bytes) -> Steps[Pairs]:
    """
    Return the names and values of a form, in their order, in steps of a millisecond or two.  A name
    without ``=`` has an empty value (S2).

    :raises Refused: 400, if a field is not in UTF-8; the error names it.  413, if there are more
        than 2,000 fields.
    """
    pairs = []
    decoded = 0
    for name, _, value in _fields(form):
        texts = []
        decoded += FIELD
        for text in (name, value):
            pieces = []
            for piece in _pieces(text):
                pieces.append(_unquote(piece))
                decoded += len(piece)
                if decoded >= PIECE:
                    decoded = 0
                    yield
            texts.append(b"".join(pieces))
        pairs.append(_text(*texts))
    return pairs


def _fields(form: bytes) -> list[tuple[bytes, bytes, bytes]]:
    """
    Return the name, the sign ``=`` and the value of each field.
    """
    if form.count(b"&") >= MAX_FIELDS:  # checked before each field becomes an object
        raise Refused(413, f"the form has more than {MAX_FIELDS} fields")
    return [field.partition(b"=") for field in form.split(b"&") if field]


def _text(name: bytes, value: bytes) -> tuple[str, str]:
    try:
        return name.decode(), value.decode()
    except UnicodeDecodeError:
        shown = name[: 4 * _SHOWN].decode("utf-8", "replace")[:_SHOWN]
        raise Refused(400, f"the field {shown!r} is not in UTF-8") from None


def _pieces(text: bytes) -> list[bytes]:
    """
    Return pieces that can be decoded one by one.
    """
    pieces = []
    begin = 0
    while (end := begin + PIECE) < len(text):
        cut = text.rfind(b"%", end - 2, end)  # the beginning of an escape that would be cut
        end = end if cut < 0 else cut
        pieces.append(text[begin:end])
        begin = end
    return [*pieces, text[begin:]]


def _unquote(text: bytes) -> bytes:
    """
    Decode plus signs and escapes; a percent sign without two digits stays as it is.

    Quoted-printable (RFC 2045, 6.7) is the same with another sign, and ``binascii`` decodes it ten
    times as fast as ``urllib``, which makes two objects of each escape.
    """
    text = text.replace(b"+", b" ")
    if b"%" not in text:
        return text
    escaped = _PLAIN_PERCENT.sub(b"%25", text)
    return a2b_qp(escaped.replace(b"=", b"=3D").replace(b"%", b"="))
