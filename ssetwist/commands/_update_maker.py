"""
Updates made of an argument or a line.
"""

import json
from argparse import Namespace
from collections.abc import Sequence

from ..client import Update
from ..errors import InvalidEvent
from ..eventstream import Event, is_hub_id


class UpdateMaker:
    def __init__(self, arguments: Namespace) -> None:
        self._topics: Sequence[str] = arguments.topic
        self._arguments = arguments
        try:  # once, and not at each line
            Event(type=arguments.type, id=arguments.id, retry=arguments.retry)
        except InvalidEvent as problem:
            raise ValueError(f"--{problem.field}: {problem}") from None
        if self._topics:
            Update(self._topics)

    def of_data(self, data: str) -> Update:
        arguments = self._arguments
        event = Event(data, type=arguments.type, id=arguments.id, retry=arguments.retry)
        return Update(self._topics, event, private=arguments.private)

    def of_line(self, line: bytes) -> Update:
        """
        Make an update of a line.

        :raises ValueError: If the line cannot be one; the text says why.
        """
        try:
            text = line.decode()
        except UnicodeDecodeError:
            raise ValueError("it is not in UTF-8") from None
        return self._of_json(text) if self._arguments.json else self.of_data(text)

    def _of_json(self, text: str) -> Update:
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            raise ValueError("it is not JSON") from None
        if not isinstance(value, dict):
            raise ValueError("it is not a JSON object")
        arguments = self._arguments
        id = value.get("id")
        if isinstance(id, str) and is_hub_id(id):
            id = None  # another hub's own id, which only that hub may give
        fields = {
            "type": arguments.type if value.get("type") is None else value["type"],
            "id": id,
            "retry": value.get("retry", arguments.retry),
        }
        if "data" not in value:
            raise ValueError("it does not have data")
        data = value["data"]
        make = Event if isinstance(data, str) else Event.with_json
        try:
            event = make(data, **fields)
            return Update(
                value.get("topic") or self._topics,
                event,
                private=bool(value.get("private", arguments.private)),
            )
        except TypeError as problem:
            raise ValueError(str(problem)) from None
