"""
``python -m ssetwist``: subscribe and publish to a hub, check and make its tokens.
"""

import os
import re
import signal
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import react

from . import __version__
from ._reactor import AnyReactor
from .clock import steady
from .commands import (
    Terminal,
    add_check,
    add_mint,
    add_publish,
    add_subscribe,
    check,
    mint,
    run_publish,
    run_subscribe,
)
from .errors import InvalidOption

#: Shells add this to the number of the signal that ended a process.
_BY_SIGNAL = 128

#: Words that are not options: a negative number may be data.
_WORD = re.compile(r"(?!-)|-[0-9]+$|-[0-9]*\.[0-9]+$")

#: Signals that end a command, without a message.
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def parse(arguments: Sequence[str]) -> Namespace:
    """
    Parse a command line.

    :returns: The options, with ``run``, the function of the command, and its ``parser``.
    """
    # Without abbreviations: a new option would change their meaning.
    parser = ArgumentParser("python -m ssetwist", description=__doc__, allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"ssetwist {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add(
        commands,
        ("subscribe", "write the events of a stream as they come", add_subscribe, run_subscribe),
        ("publish", "publish to a Mercure hub", add_publish, run_publish),
    )
    token = commands.add_parser("token", help="explain a token, or make one", allow_abbrev=False)
    _add(
        token.add_subparsers(required=True, metavar="COMMAND"),
        ("check", "explain what the hub thinks of a token", add_check, check),
        ("mint", "make a token, to try a hub", add_mint, mint),
    )
    found, rest = parser.parse_known_args(arguments)
    # argparse misses an optional argument if an option stands between it and the one before.
    is_marked = rest[:1] == ["--"]
    words = rest[1:] if is_marked else rest
    is_data = len(words) == 1 and (is_marked or _WORD.match(words[0]) is not None)
    if is_data and getattr(found, "data", "") is None:
        found.data = words[0]
    elif rest:
        found.parser.error(f"unrecognized arguments: {' '.join(rest)}")
    return found


def _add(
    commands: Any,  # argparse does not have a public name for it
    *described: tuple[str, str, Callable[[ArgumentParser], None], Callable[..., Any]],
) -> None:
    for name, help, add, run in described:
        command = commands.add_parser(name, help=help, description=help, allow_abbrev=False)
        add(command)
        command.set_defaults(run=run, parser=command)


def run(reactor: AnyReactor, arguments: Namespace, terminal: Terminal) -> "Deferred[None]":
    """
    Run a command.

    :returns: Fails with ``SystemExit`` of the status.  Cancelling it ends the command with the
        status of ``SIGINT``.
    """
    reactor = steady(reactor)

    async def done() -> None:
        try:
            status = await arguments.run(arguments, reactor, terminal)
        except InvalidOption as problem:
            arguments.parser.exit(2, f"{arguments.parser.prog}: {problem.on_command_line}\n")
        except ValueError as problem:
            arguments.parser.exit(2, f"{arguments.parser.prog}: {problem}\n")
        except CancelledError:
            status = _BY_SIGNAL + signal.SIGINT
        except BrokenPipeError:
            status = _BY_SIGNAL + getattr(signal, "SIGPIPE", 13)  # missing on Windows
        except OSError as problem:  # a full disk
            arguments.parser.exit(1, f"{arguments.parser.prog}: {problem}\n")
        raise SystemExit(status)

    return Deferred.fromCoroutine(done())


def run_until_signal(
    reactor: AnyReactor, arguments: Namespace, terminal: Terminal
) -> "Deferred[None]":
    """
    Run a command until it ends, or a signal ends it.

    :returns: Fails with ``SystemExit`` of the status.
    """
    running = run(reactor, arguments, terminal)

    def ended(number: int, _: object) -> None:
        for each in _SIGNALS:  # a second signal ends the process at once
            signal.signal(each, signal.SIG_DFL)
        caught.append(number)
        reactor.callFromThread(running.cancel)

    def listen() -> None:
        for number in _SIGNALS:
            signal.signal(number, ended)

    caught: list[int] = []
    reactor.callWhenRunning(listen)  # after Twisted has installed its own

    def with_signal(status: Any) -> Any:  # always a Failure
        if caught:
            raise SystemExit(_BY_SIGNAL + caught[0])
        return status

    return running.addBoth(with_signal)


def main() -> None:
    # Until a command runs, a signal ends the process at once.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    arguments = parse(sys.argv[1:])
    nowhere = os.open(os.devnull, os.O_RDWR)  # for standard streams that are closed
    terminal = Terminal(
        sys.stdin or os.fdopen(nowhere, closefd=False),
        sys.stdout or os.fdopen(nowhere, "w", closefd=False),
        sys.stderr or os.fdopen(nowhere, "w", closefd=False),
    )
    try:
        react(run_until_signal, (arguments, terminal))
    except SystemExit as end:
        if isinstance(end.code, int) and end.code > _BY_SIGNAL:
            # By a signal, so that the parent process knows: a shell also ends its loop.
            signal.signal(end.code - _BY_SIGNAL, signal.SIG_DFL)
            os.kill(os.getpid(), end.code - _BY_SIGNAL)
        raise


if __name__ == "__main__":
    main()
