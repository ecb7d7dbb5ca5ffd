"""
Batches of updates, each small enough for one request.  Pure.
"""

from collections.abc import Iterator

from ._update import Update

#: Lines of a batch, at most: our hub does not take more in one request.
MAX_LINES = 1000

#: Bytes of a batch, at most: half of what our hub takes by default.  A larger update goes alone.
MAX_BATCH = 512 * 1024


def batches_of(updates: Iterator[Update]) -> Iterator[list[Update]]:
    """
    Cut updates into batches.

    :raises TypeError: If one is not an :class:`Update`, but a pair, say.
    """
    batch: list[Update] = []
    size = 0
    for update in updates:
        if not isinstance(update, Update):
            raise TypeError(f"each must be an Update, not {type(update).__name__}")
        # Roughly the bytes of its line.
        length = 64 + len(update.event.data.encode()) + sum(map(len, update.topics))
        if batch and (len(batch) >= MAX_LINES or size + length > MAX_BATCH):
            yield batch
            batch, size = [], 0
        batch.append(update)
        size += length
    if batch:
        yield batch
