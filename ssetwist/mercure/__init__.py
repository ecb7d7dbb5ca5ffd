"""
The Mercure protocol, 1.0 and the deployed 0.x, over the hub.

:class:`MercureResource` is the hub at its URL.  An :class:`Authorizer` decides what each client may
do: by tokens (:class:`TokenAuthorizer`), by asking the application (:class:`CallbackAuthorizer`),
or by allowing everything (:class:`AllowEveryone`).
"""

from ._resource import MercureResource, MetadataResource
from .access import (
    ALL_TOPICS,
    AllowEveryone,
    Authorizer,
    CallbackAuthorizer,
    LoopbackOnly,
    LoopbackOrigins,
    Origins,
    TokenAuthorizer,
    TokenThenCallback,
)
from .discovery import link, metadata_path
from .rights import Action, Rights
from .settings import (
    DEFAULT_AUTHORIZE_TIMEOUT,
    DEFAULT_MAX_BODY,
    DEFAULT_PATH,
    MercureSettings,
    check_own_url,
)
from .tokens import KEY_OPTIONS, NO_LEGACY, TokenSettings, name_of_url, token_settings
from .topics import DEFAULT_LIMITS, Limits

__all__ = [
    "ALL_TOPICS",
    "DEFAULT_AUTHORIZE_TIMEOUT",
    "DEFAULT_LIMITS",
    "DEFAULT_MAX_BODY",
    "DEFAULT_PATH",
    "KEY_OPTIONS",
    "NO_LEGACY",
    "Action",
    "AllowEveryone",
    "Authorizer",
    "CallbackAuthorizer",
    "Limits",
    "LoopbackOnly",
    "LoopbackOrigins",
    "MercureResource",
    "MercureSettings",
    "MetadataResource",
    "Origins",
    "Rights",
    "TokenAuthorizer",
    "TokenSettings",
    "TokenThenCallback",
    "check_own_url",
    "link",
    "metadata_path",
    "name_of_url",
    "token_settings",
]
