"""
Many updates, cut into what fits into one request each.  Pure.
"""

from collections.abc import Iterator

from ._update import Update

#: How many lines a batch has at most.  The hub takes no more in one request.
MAX_LINES = 1000

#: After how many bytes a batch is not made longer: half of what the hub takes unless told
#: otherwise.  An update that is larger goes alone.
MAX_BATCH = 512 * 1024


def batches_of(updates: Iterator[Update]) -> Iterator[list[Update]]:
    """
    Cut updates into what fits into one request.

    :raises TypeError: If one is no update, but a pair, say.
    """
    batch: list[Update] = []
    size = 0
    for update in updates:
        if not isinstance(update, Update):
            raise TypeError(f"each must be an Update, not {type(update).__name__}")
        length = _size_of(update)
        if batch and (len(batch) >= MAX_LINES or size + length > MAX_BATCH):
            yield batch
            batch, size = [], 0
        batch.append(update)
        size += length
    if batch:
        yield batch


def _size_of(update: Update) -> int:
    """
    Return about how many bytes its line has.
    """
    return 64 + len(update.event.data.encode()) + sum(map(len, update.topics))
