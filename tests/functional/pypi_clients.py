"""
A program that runs one client from PyPI in its own process, because some clients change Python
itself, or cannot be stopped.

Run it with ``python -m tests.functional.pypi_clients NAME URL``; it prints JSON.
"""

import asyncio
import json
import sys
from importlib import import_module
from typing import Any

from tests.functional.mercure_process import SECRET, TOPIC, legacy_token


def mercure_publisher(url: str) -> list[str]:
    """
    Publish with ``mercure-publisher``, which makes its own token.
    """
    from mercure_publisher import MercureConfig, MercurePublisher

    with MercurePublisher(MercureConfig(url, SECRET, [TOPIC])) as publisher:
        return [
            publisher.publish(TOPIC, "one"),
            publisher.publish([TOPIC], {"nummer": "zwei é"}, private=True, type="t"),
            publisher.publish(TOPIC, "three", id="urn:x:3", retry=5000),
        ]


def mercure_publisher_async(url: str) -> list[str]:
    """
    Publish with the other class of ``mercure-publisher``.
    """
    from mercure_publisher import AsyncMercurePublisher, MercureConfig

    async def publish() -> list[str]:
        async with AsyncMercurePublisher(MercureConfig(url, SECRET, [TOPIC])) as publisher:
            return [await publisher.publish(TOPIC, "one")]

    return asyncio.run(publish())


def mercure_publisher_not_granted(url: str) -> list[object]:
    """
    Publish with ``mercure-publisher`` to a topic that its token does not grant.
    """
    from mercure_publisher import MercureConfig, MercurePublisher, MercurePublishError

    with MercurePublisher(MercureConfig(url, SECRET, ["https://example.com/else"])) as publisher:
        try:
            return [publisher.publish(TOPIC, "one")]
        except MercurePublishError as error:
            return [error.status_code, error.response_body]


def pymercure(url: str) -> list[str]:
    """
    Publish with ``pymercure`` and a token.
    """
    from pymercure.message import Message
    from pymercure.publisher.sync import SyncPublisher

    publisher = SyncPublisher(url, legacy_token())
    return [
        publisher.publish(Message([TOPIC], "one")),
        publisher.publish(Message([TOPIC], "zwei é", message_id="urn:x:2", event_type="t")),
        publisher.publish(Message([TOPIC], "three", target="nobody")),
    ]


def pymercure_async(url: str) -> list[str]:
    """
    Publish with the other class of ``pymercure``, in a module that has the name of a keyword.
    """
    publisher = import_module("pymercure.publisher.async").AsyncPublisher(url, legacy_token())
    from pymercure.message import Message

    return [publisher.publish(Message([TOPIC], "one"))]


def pymercure_expired(url: str) -> list[str]:
    """
    Publish with ``pymercure`` and an invalid token.
    """
    from pymercure.exceptions import UnauthorizedPublisherError
    from pymercure.message import Message
    from pymercure.publisher.sync import SyncPublisher

    try:
        return [SyncPublisher(url, legacy_token(lifetime=-1)).publish(Message([TOPIC], "one"))]
    except UnauthorizedPublisherError as error:
        return [type(error).__name__, str(error)]


def pymercure_consumer(url: str) -> None:
    """
    Read with ``pymercure``, without end: a list of id, type and data of each event.
    """
    from pymercure.consumer import Consumer

    def hear(message: Any) -> None:  # of pymercure
        say([message.message_id, message.event_type, message.data])

    consumer = Consumer(url, [TOPIC], hear)
    consumer.start_consumption()
    say("opened")
    consumer.join()


def say(what: object) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    say(globals()[sys.argv[1]](sys.argv[2]))
