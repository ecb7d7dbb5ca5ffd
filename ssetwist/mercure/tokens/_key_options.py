"""
Options of keys and tokens: one table for ``twistd ssetwist`` and for ``python -m ssetwist token``,
and the function that reads their values.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from ...errors import InvalidOption
from ._credentials import COOKIE, LEGACY_COOKIE, check_cookie_name
from ._jwks import MAX_SET_BYTES
from ._jwks_source import is_url, name_of_url
from ._key_set import parse_set
from ._keys import PUBLIC_ALGORITHMS, VerificationKey, check_algorithms, from_bytes
from ._secrets import read_secret
from ._settings import TokenSettings

_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True)
class KeyOption:
    name: str
    help: str


#: Options with a value; an option that is not given is ``None``.
KEY_OPTIONS = (
    KeyOption(
        "key",
        "the source of the key that checks tokens: env:NAME for an environment variable, "
        "file:PATH or a path for a file; the key is a secret of at least 32 bytes, or PEM",
    ),
    KeyOption("publisher-key", "the source of a key for tokens to publish, in place of --key"),
    KeyOption("subscriber-key", "the source of a key for tokens to subscribe, in place of --key"),
    KeyOption(
        "jwks",
        "the source of a JWK set with more keys: a URL, which is fetched every five minutes, or "
        "as for --key",
    ),
    KeyOption(
        "algorithm",
        "the algorithms for which the keys may be used, with commas between them; by default HS256 "
        "for secrets and all that fit for other keys",
    ),
    KeyOption(
        "issuer", "the issuer (iss) whose tokens of 1.0 are accepted; by default the audience"
    ),
    KeyOption(
        "audience",
        "the hub's own URL, for which tokens of 1.0 must be made (aud); without it they are "
        "refused",
    ),
    KeyOption(
        "cookie-name",
        f"the cookie that may have a token; by default {COOKIE} and, without --no-legacy, "
        f"{LEGACY_COOKIE}",
    ),
)

#: A flag; without it tokens and requests of 0.x are also accepted.
NO_LEGACY = KeyOption("no-legacy", "accept Mercure 1.0 only, and nothing of 0.x")


def token_settings(values: Mapping[str, Any]) -> TokenSettings:  # as options have them
    """
    Read the keys that options name, and check the rest.

    :param values: Options by name, as ``twistd`` or ``argparse`` has them; others are ignored.
    :raises InvalidOption: If a value makes no sense.  The text never contains a possible secret.
    """
    given = {name.replace("_", "-"): value for name, value in values.items()}
    is_legacy_allowed = not given.get(NO_LEGACY.name)
    algorithms = read_option(given, "algorithm", algorithms_of)
    audience = read_option(given, "audience", hub_url)
    cookie = read_option(given, "cookie-name", check_cookie_name)
    usual_cookies = (COOKIE, LEGACY_COOKIE) if is_legacy_allowed else (COOKIE,)

    def key(source: str) -> VerificationKey:
        return from_bytes(read_secret(source), algorithms)

    common = read_option(given, "key", key)
    publish = read_option(given, "publisher-key", key) or common
    subscribe = read_option(given, "subscriber-key", key) or common
    jwks = read_option(given, "jwks", lambda source: _jwk_set(source, algorithms))
    if (publish or subscribe or jwks) and not audience and not is_legacy_allowed:
        raise InvalidOption(
            "audience", "it must be given with --no-legacy, or no token is accepted"
        )
    return TokenSettings(
        publish=() if publish is None else (publish,),
        subscribe=() if subscribe is None else (subscribe,),
        jwks=jwks,
        algorithms=tuple(algorithms or PUBLIC_ALGORITHMS),
        issuer=read_option(given, "issuer", _filled) or audience,
        audience=audience,
        is_legacy_allowed=is_legacy_allowed,
        cookie_names=(cookie,) if cookie else usual_cookies,
    )


def read_option(values: Mapping[str, Any], name: str, read: Callable[[str], _Read]) -> _Read | None:
    """
    Read an option, if it is given.

    :param read: Raises a ``ValueError`` if the value makes no sense.
    :raises InvalidOption: If ``read`` raises a ``ValueError``.
    """
    value = values.get(name)
    if value is None:
        return None
    try:
        return read(value)
    except ValueError as problem:
        raise InvalidOption(name.replace("-", "_"), str(problem)) from None


def algorithms_of(text: str) -> tuple[str, ...]:
    """
    Read the names of algorithms, with commas between them.

    :raises ValueError: If one of them is not known.
    """
    return check_algorithms(name.strip() for name in text.split(","))


def _jwk_set(source: str, algorithms: tuple[str, ...] | None) -> str:
    """
    Check the source of a set, and the set itself if it is on this machine.
    """
    if algorithms and not set(algorithms) & set(PUBLIC_ALGORITHMS):
        raise ValueError(f"{', '.join(algorithms)} does not fit the keys of a set")
    if is_url(source):
        name_of_url(source)
        return source
    found = parse_set(read_secret(source, max_bytes=MAX_SET_BYTES), algorithms)
    if not found.keys:
        raise ValueError(
            f"there is no key in it that can be used; {found.reasons or 'it is empty'}"
        )
    return source


def hub_url(text: str) -> str:
    """
    Check the URL of a hub.

    :raises ValueError: If it is not a URL, or cannot be that of a hub.
    """
    try:
        name_of_url(text)
    except ValueError as problem:
        raise ValueError(f"{problem}, such as https://hub.example/.well-known/mercure") from None
    if "?" in text or "#" in text:
        raise ValueError("it must have neither ? nor #")
    return text


def _filled(text: str) -> str:
    if not text:
        raise ValueError("it is empty")
    return text
