"""
Updates from the body of a publication: a form, JSON, or lines of JSON.
"""

from ._content import (
    EVENT_STREAM,
    FORM,
    JSON,
    JSON_LINES,
    media_type_of,
    read_body,
    takes_event_stream,
)
from ._form import read_form, reading_form
from ._json import answer_line, lines_of, update_from_json
from ._strict_json import read_object
from ._update import RESERVED_TYPE, Update, update_from_form

__all__ = [
    "EVENT_STREAM",
    "FORM",
    "JSON",
    "JSON_LINES",
    "RESERVED_TYPE",
    "Update",
    "answer_line",
    "lines_of",
    "media_type_of",
    "read_body",
    "read_form",
    "read_object",
    "reading_form",
    "takes_event_stream",
    "update_from_form",
    "update_from_json",
]
