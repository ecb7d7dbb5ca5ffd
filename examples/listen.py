"""
A client that prints the events of a stream: run ``python examples/clock.py``, and in another
terminal ``python examples/listen.py``.  Stop the clock and start it again.
"""

from twisted.internet.task import react

from ssetwist.client import EventSource


async def main(reactor):
    async with EventSource("http://127.0.0.1:8000/", reactor=reactor) as source:
        async for event in source:
            print(event.data)


react(main)
