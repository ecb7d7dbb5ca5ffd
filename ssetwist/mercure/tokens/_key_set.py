"""
Many keys in one document, which an issuer publishes and changes as it likes.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from ._keys import VerificationKey

#: How many keys one set may have.  A token that names none of them is tried with each.
MAX_KEYS = 100

#: How many of those that are skipped are named.
_NAMED = 10


@dataclass(frozen=True, slots=True)
class KeySet:
    """
    The keys of a JWK set.

    :ivar skipped: Why each of the others cannot be used, in a sentence that names it.
    """

    keys: tuple[VerificationKey, ...]
    skipped: tuple[str, ...] = ()

    @property
    def reasons(self) -> str:
        """
        Why keys were skipped, for a log line: the first ten.
        """
        more = len(self.skipped) - _NAMED
        return "; ".join((*self.skipped[:_NAMED], *([f"{more} others"] if more > 0 else [])))

    @classmethod
    def of(cls, document: object, algorithms: Iterable[str] | None = None) -> "KeySet":
        """
        Read a JWK set (RFC 7517, 5): what cannot be used is skipped.

        :param document: As JSON has it.
        :param algorithms: Those to choose from, of :data:`PUBLIC_ALGORITHMS`; all unless told
            otherwise.
        :raises ValueError: If it is no set, or has more than 100 keys.
        """
        entries = document.get("keys") if isinstance(document, dict) else None
        if not isinstance(entries, list):
            raise ValueError('it is no JWK set, which is an object with an array "keys"')
        if len(entries) > MAX_KEYS:
            raise ValueError(f"it has {len(entries)} keys; there may be {MAX_KEYS}")
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
    Read a JWK set as a file or a server has it.

    :raises ValueError: If it is none.
    """
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):  # what these say has parts of it
        raise ValueError("it is not JSON, which a JWK set is written in") from None
    return KeySet.of(document, algorithms)


def _name(index: int, entry: object) -> str:
    kid = entry.get("kid") if isinstance(entry, dict) else None
    if isinstance(kid, str) and re.fullmatch(r"[\w.:/+=-]{1,64}", kid, re.ASCII):
        return f"key {kid!r}"
    return f"key number {index + 1}"
