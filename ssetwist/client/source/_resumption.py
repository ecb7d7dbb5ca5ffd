"""
Position of an event source, which passes from each stream to the next.
"""

from collections.abc import Callable

from ...eventstream import Event, EventStreamParser
from ._options import SourceOptions


class Resumption:
    """
    Position in the events of a source, over all of its streams.

    :param options: Limits of the parsers, and the id to begin after.
    """

    def __init__(self, options: SourceOptions, on_comment: Callable[[str], object] | None) -> None:
        self._options = options
        self._on_comment = on_comment
        self._reconnection_time: float | None = None
        self._parser = self._new_parser(options.last_event_id)

    @property
    def last_event_id(self) -> str:
        return self._parser.last_event_id

    @property
    def reconnection_time(self) -> float | None:
        found = self._parser.reconnection_time
        return self._reconnection_time if found is None else found

    def id_after(self, event: Event | None) -> str:
        """
        Return the last event ID after an event; ``None`` stands for the time before the first.
        """
        return self._options.last_event_id if event is None else event.id or ""

    def next_parser(self) -> EventStreamParser:
        """
        Return the parser of the next stream.  An event that the last one left unfinished is lost.
        """
        self._reconnection_time = self.reconnection_time
        self._parser = self._new_parser(self.last_event_id)
        return self._parser

    def _new_parser(self, last_event_id: str) -> EventStreamParser:
        return EventStreamParser(
            max_line=self._options.max_line,
            max_event=self._options.max_event,
            on_comment=self._on_comment,
            last_event_id=last_event_id,
        )
