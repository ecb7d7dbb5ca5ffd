"""
Rights: what a client may do, however that was decided.
"""

from ._checks import Checks, one_of, shown
from ._grants import (
    DETAIL_TYPE,
    MAX_GRANTED,
    reading_details,
    reading_legacy,
    rights_of_details,
    rights_of_legacy,
)
from ._rights import Action, Rights, can_be_payload

__all__ = [
    "DETAIL_TYPE",
    "MAX_GRANTED",
    "Action",
    "Checks",
    "Rights",
    "can_be_payload",
    "one_of",
    "reading_details",
    "reading_legacy",
    "rights_of_details",
    "rights_of_legacy",
    "shown",
]
