"""
Updates made of an argument or a line.
"""

import json
from argparse import Namespace
from collections.abc import Mapping, Sequence
from typing import Any

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
        if "data" not in value:
            raise ValueError("it does not have data")
        data = value["data"]
        arguments = self._arguments
        # A field of null counts as missing, as it does to the hub; then the option counts.
        fields = {
            "topic": self._topics,
            "type": arguments.type,
            "id": None,
            "retry": arguments.retry,
            "private": arguments.private,
        } | {name: one for name, one in value.items() if one is not None}
        _check_types(fields)
        id = fields["id"]
        if id is not None and is_hub_id(id):
            id = None  # another hub's own id, which only that hub may give
        make = Event if isinstance(data, str) else Event.with_json
        event = make(data, type=fields["type"], id=id, retry=fields["retry"])
        return Update(fields["topic"], event, private=fields["private"])


def _check_types(fields: Mapping[str, Any]) -> None:  # any JSON values
    """
    Check the types of fields as a hub does.  An :class:`Event` checks that of ``retry``.
    """
    topics = fields["topic"]
    if not isinstance(topics, str | list) or not all(isinstance(one, str) for one in topics):
        raise ValueError("topic must be a string, or an array of strings")
    for name in ("type", "id"):
        if not isinstance(fields[name], str | None):
            raise ValueError(f"{name} must be a string")
    if not isinstance(fields["private"], bool):
        raise ValueError("private must be true or false")
