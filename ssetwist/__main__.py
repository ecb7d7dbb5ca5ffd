"""
``python -m ssetwist``: what is done with a hub from the command line, besides running one.
"""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from ._token_command import Terminal, add_check, add_mint, check, mint


def parse(arguments: Sequence[str]) -> Namespace:
    """
    Read a command line.

    :returns: Besides its options ``run``, which does what it says, and ``parser``.
    """
    # Without abbreviations: a new option would change what they mean.
    parser = ArgumentParser("python -m ssetwist", description=__doc__, allow_abbrev=False)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    token = commands.add_parser("token", help="explain a token, or make one", allow_abbrev=False)
    of_token = token.add_subparsers(required=True, metavar="COMMAND")
    for name, help, statuses, add, run in (
        (
            "check",
            "explain what the hub thinks of a token",
            "0 if it is accepted for one action at least, 1 if it is refused, 2 if the command "
            "line is wrong",
            add_check,
            check,
        ),
        (
            "mint",
            "make a token, to try a hub",
            "0 if it is made, 2 if the command line is wrong",
            add_mint,
            mint,
        ),
    ):
        command = of_token.add_parser(
            name,
            help=help,
            description=help,
            epilog=f"The exit status is {statuses}.",
            allow_abbrev=False,
        )
        add(command)
        command.set_defaults(run=run, parser=command)
    return parser.parse_args(arguments)


def run(
    reactor: Any,  # a clock, and what can connect: no one interface has both
    arguments: Namespace,
    terminal: Terminal,
) -> "Deferred[None]":
    """
    Do what a command line says.

    :returns: It fails with the status of the process.
    """

    async def done() -> None:
        try:
            status = await arguments.run(arguments, reactor, terminal)
        except ValueError as problem:
            arguments.parser.exit(2, f"{arguments.parser.prog}: {problem}\n")
        raise SystemExit(status)

    return Deferred.fromCoroutine(done())


def main() -> None:
    """
    Be the process.
    """
    arguments = parse(sys.argv[1:])
    react(run, (arguments, Terminal(sys.stdin, sys.stdout)))


if __name__ == "__main__":
    main()
