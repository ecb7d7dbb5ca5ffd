"""
The client of a Mercure hub: subscribing, publishing and discovery.
"""

from ...eventstream import EARLIEST
from ._bulk import MAX_LINES
from ._discovery import Discovery, FoundHub, discover, hub_metadata, metadata_path, metadata_url
from ._publisher import Publisher, check_url
from ._subscribe import Loss, loss_in, subscribe
from ._token import Bearer, check_token
from ._update import Update

__all__ = [
    "EARLIEST",
    "MAX_LINES",
    "Bearer",
    "Discovery",
    "FoundHub",
    "Loss",
    "Publisher",
    "Update",
    "check_token",
    "check_url",
    "discover",
    "hub_metadata",
    "loss_in",
    "metadata_path",
    "metadata_url",
    "subscribe",
]
