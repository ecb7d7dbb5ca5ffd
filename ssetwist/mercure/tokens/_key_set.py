"""
JWK sets: documents with many keys, which their issuers publish and change.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from ._keys import VerificationKey

#: Maximum number of keys in a set.  A token without a known ``kid`` is tried with each.
MAX_KEYS = 100

#: Maximum number of skipped keys in a log line.
_NAMED = 10


@dataclass(frozen=True, slots=True)
class KeySet:
    """
    The keys of a JWK set.

    :ivar skipped: For each unusable key, a sentence with its name and the reason.
    """

    keys: tuple[VerificationKey, ...]
    skipped: tuple[str, ...] = ()

    @property
    def reasons(self) -> str:
        more = len(self.skipped) - _NAMED
        return "; ".join((*self.skipped[:_NAMED], *([f"{more} others"] if more > 0 else [])))

    @classmethod
    def of(cls, document: object, algorithms: Iterable[str] | None = None) -> "KeySet":
        """
        Read a JWK set (RFC 7517, 5), and skip the keys that cannot be used.

        :param document: A parsed JSON value.
        :param algorithms: Algorithms allowed, of :data:`PUBLIC_ALGORITHMS`; by default all.
        :raises ValueError: If it is not a JWK set, or has more than 100 keys.
        """
        entries = document.get("keys") if isinstance(document, dict) else None
        if not isinstance(entries, list):
            raise ValueError('it is not a JWK set, which is an object with an array "keys"')
        if len(entries) > MAX_KEYS:
            raise ValueError(f"it has {len(entries)} keys; at most {MAX_KEYS} are allowed")
        chosen = None if algorithms is None else tuple(algorithms)
        keys, skipped = [], []
        for index, entry in enumerate(entries):
            try:
                if not isinstance(entry, dict):
                    raise ValueError("it is not an object")
                keys.append(VerificationKey.from_jwk(entry, chosen))
            except ValueError as problem:
                skipped.append(f"{_name(index, entry)}: {problem}")
        return cls(tuple(keys), tuple(skipped))


def parse_set(content: bytes, algorithms: Iterable[str] | None = None) -> KeySet:
    """
    Read a JWK set from the bytes of a file or a response.

    :raises ValueError: If it is not one.
    """
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):  # their messages may quote the content
        raise ValueError("it is not JSON, which a JWK set is written in") from None
    return KeySet.of(document, algorithms)


def _name(index: int, entry: object) -> str:
    kid = entry.get("kid") if isinstance(entry, dict) else None
    if isinstance(kid, str) and re.fullmatch(r"[\w.:/+=-]{1,64}", kid, re.ASCII):
        return f"key {kid!r}"
    return f"key number {index + 1}"
