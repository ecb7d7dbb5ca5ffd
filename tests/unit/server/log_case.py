"""
Parts for tests of the log.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from twisted.trial.unittest import SynchronousTestCase

from ssetwist.server._line_queue import Gap


@contextmanager
def patched(case: SynchronousTestCase, holder: object, name: str, value: object) -> Iterator[None]:
    """
    Replace something for the time of a block.
    """
    patch = case.patch(holder, name, value)
    yield
    patch.restore()


def report(gap: Gap) -> bytes:
    return f"({gap.count}: {gap.reason})\n".encode()
