"""
A resource that is kept up to date: ``python examples/mercure_subscription.py
https://example.com/books/1``.

The resource names its hub in a ``Link`` header.  What the hub says of it is written as it comes,
and when something was missed, the resource is loaded anew.  ``HUB_TOKEN`` in the environment is
shown to the hub, if it is the one at ``HUB``.
"""

import os
import sys

from twisted.internet.task import deferLater, react

from ssetwist.client import discover, subscribe


async def main(reactor, url):
    while True:
        # A token is for the hub that one knows, not for any that a page may name.
        trusted = [os.environ["HUB"]] if "HUB" in os.environ else None
        found = await discover(url, reactor=reactor, trusted=trusted)
        print("is:", found.body.decode(), flush=True)
        missed = []

        def load_anew(loss):
            print("missed:", loss, flush=True)
            missed.append(loss)  # noqa: B023  # called in this round only
            source.close()  # noqa: B023

        source = subscribe(
            found.hub.url,
            found.topic,
            reactor=reactor,
            token=os.environ.get("HUB_TOKEN") if trusted else None,
            since=found.hub.last_event_id,  # the newest that the resource has in it already
            on_loss=load_anew,
        )
        async with source:
            async for event in source:
                print("becomes:", event.data, flush=True)
        if not missed:
            return  # the hub said that this is the end
        await deferLater(reactor, 1)


react(main, sys.argv[1:])
