"""
A resource that is kept up to date: ``python examples/mercure_subscription.py
https://example.com/books/1``.

The resource names its hub in a ``Link`` header.  The program prints each update of the resource,
and loads the resource again if it missed an update.  It sends the token in ``HUB_TOKEN`` to the hub
in ``HUB``, and to no other hub.
"""

import os
import sys

from twisted.internet.task import deferLater, react

from ssetwist.client import discover, subscribe


async def main(reactor, url):
    while True:
        # Send the token only to the hub in HUB, not to any hub that a page may name.
        trusted = [os.environ["HUB"]] if "HUB" in os.environ else None
        found = await discover(url, reactor=reactor, trusted=trusted)
        print("is:", found.body.decode(), flush=True)
        missed = []

        def load_anew(loss):
            print("missed:", loss, flush=True)
            missed.append(loss)  # noqa: B023  # called in this turn of the loop only
            source.close()  # noqa: B023

        source = subscribe(
            found.hub.url,
            found.topic,
            reactor=reactor,
            token=os.environ.get("HUB_TOKEN") if trusted else None,
            since=found.hub.last_event_id,  # the newest update that the resource already includes
            on_loss=load_anew,
        )
        async with source:
            async for event in source:
                print("becomes:", event.data, flush=True)
        if not missed:
            return  # the hub has ended the stream for good
        await deferLater(reactor, 1)


react(main, sys.argv[1:])
