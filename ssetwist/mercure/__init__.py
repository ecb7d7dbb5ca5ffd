"""
The Mercure protocol, 1.0 and the deployed 0.x, over the hub.

:class:`MercureResource` is the hub at its URL.  Who may do what is decided by an
:class:`Authorizer`: tokens (:class:`TokenAuthorizer`), the application, or
nobody (:class:`AllowEveryone`).
"""

from ._authorize_url import CallbackAuthorizer
from ._authorizer import ALL_TOPICS, AllowEveryone, Authorizer, TokenAuthorizer, TokenThenCallback
from ._development import LoopbackOnly, LoopbackOrigins
from ._jwks_source import name_of_url
from ._key_options import KEY_OPTIONS, LEGACY_FLAGS, token_settings
from ._limits import Limits
from ._link import link
from ._metadata import metadata_path
from ._origins import Origins
from ._resource import MercureResource, MetadataResource
from ._rights import Action, Rights
from ._settings import DEFAULT_MAX_BODY, DEFAULT_PATH, MercureSettings
from ._token_settings import TokenSettings

__all__ = [
    "ALL_TOPICS",
    "DEFAULT_MAX_BODY",
    "DEFAULT_PATH",
    "KEY_OPTIONS",
    "LEGACY_FLAGS",
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
    "link",
    "metadata_path",
    "name_of_url",
    "token_settings",
]
