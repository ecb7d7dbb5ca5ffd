"""
Tokens: the keys that are trusted, and the rights that a token signed with one of them gives.
"""

from ._credentials import Credential, CredentialPlace, credential_of
from ._jwks_source import name_of_url
from ._jwt import MAX_TOKEN, moment, seconds
from ._key_options import (
    KEY_OPTIONS,
    NO_LEGACY,
    KeyOption,
    algorithms_of,
    hub_url,
    read_option,
    token_settings,
)
from ._mint import DEFAULT_LIFETIME, Grant, SigningKey, mint_access_token, mint_legacy_token
from ._secrets import read_secret
from ._settings import TokenSettings
from ._verifier import TokenVerifier

__all__ = [
    "DEFAULT_LIFETIME",
    "KEY_OPTIONS",
    "MAX_TOKEN",
    "NO_LEGACY",
    "Credential",
    "CredentialPlace",
    "Grant",
    "KeyOption",
    "SigningKey",
    "TokenSettings",
    "TokenVerifier",
    "algorithms_of",
    "credential_of",
    "hub_url",
    "mint_access_token",
    "mint_legacy_token",
    "moment",
    "name_of_url",
    "read_option",
    "read_secret",
    "seconds",
    "token_settings",
]
