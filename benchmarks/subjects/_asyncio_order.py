"""
``POST /publish`` for the subjects on asyncio.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

from ._order import Order, data


async def carry_out(order: Order, publish: Callable[[str], Awaitable[object]]) -> None:
    """
    Publish the events of an order; each of its turns is a turn of the event loop.
    """
    due = time.monotonic()
    for events in order.turns:
        for one in data(order.size, events):
            await publish(one)
        due += order.pause
        await asyncio.sleep(max(0, due - time.monotonic()))
