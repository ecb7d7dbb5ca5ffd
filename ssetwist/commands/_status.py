"""
Messages of a command on the standard error, besides its results.
"""

from ._terminal import Terminal, escaped, has_colour


class StatusOutput:
    def __init__(self, terminal: Terminal, *, is_quiet: bool) -> None:
        self._terminal = terminal
        self._is_quiet = is_quiet
        self._is_coloured = has_colour(terminal.errors)
        self.has_progress = terminal.errors.isatty() and not is_quiet
        self._width = 0

    def write(self, text: str, *, is_urgent: bool = False) -> None:
        """
        Write a message; with ``--quiet`` only an urgent one.
        """
        if self._is_quiet and not is_urgent:
            return
        self.wipe()
        text = escaped(text)
        if self._is_coloured:
            text = f"\x1b[{31 if is_urgent else 2}m{text}\x1b[0m"
        self._terminal.write_status(text)

    def progress(self, text: str) -> None:
        self._terminal.write_status(f"\r{text:<{self._width}}", end="")
        self._width = len(text)

    def wipe(self) -> None:
        if self._width:
            self._terminal.write_status(f"\r{'':<{self._width}}\r", end="")
            self._width = 0
