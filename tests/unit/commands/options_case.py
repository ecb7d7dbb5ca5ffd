"""
Tables of command-line options: each option is in the table of its command, with its effect.
"""

import contextlib
import io
import os
from argparse import Namespace
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from twisted.trial.unittest import SynchronousTestCase

from ssetwist.__main__ import parse, run
from ssetwist.commands import Terminal
from ssetwist.mercure.tokens._jwt import Token
from tests.clock import Clock
from tests.unit.client.fake_hub import FakeHub
from tests.unit.commands.test_terminal import OnTerminal
from tests.unit.mercure.fake_tokens import NOW


@dataclass(frozen=True)
class Effect:
    """
    The effect of one option.

    :ivar option: The name of the option in the namespace of argparse.
    :ivar given: The arguments with which the option has another value than its default.
    :ivar seen: The name of an attribute of :class:`Seen`.
    :ivar without: Its value without these arguments.
    :ivar with_it: Its value with them.
    :ivar beside: Arguments of both runs.
    :ivar input: The standard input of both runs.
    :ivar answers: The answers of the hub in both runs; by default those of the test case.
    :ivar is_terminal: True if the output is a terminal.
    :ivar command: The least command line of both runs; by default that of the test case.
    """

    option: str
    given: tuple[str, ...]
    seen: str
    without: object
    with_it: object
    beside: tuple[str, ...] = ()
    input: str = ""
    answers: tuple[Any, ...] | None = None
    is_terminal: bool = False
    command: tuple[str, ...] | None = None


class Seen:
    """
    The result of one run, as the user and the hub see it.
    """

    def __init__(self, status: object, hub: FakeHub, output: str, errors: str) -> None:
        self.status = status
        self.output = output
        self.errors = errors
        self.requests = hub.requests

    def __getattr__(self, name: str) -> object:
        # Headers of the first request, such as ``idempotency_key``; members of a minted token.
        if self.requests:
            return self.requests[0].header(name.replace("_", "-"))
        token = Token.parse(self.output.strip())
        return {**token.header, **token.claims}.get(name)

    @property
    def count(self) -> int:
        """
        The number of requests.
        """
        return len(self.requests)

    @property
    def publications(self) -> int:
        """
        The number of requests before the first repetition of one.
        """
        keys = [sent.header("Idempotency-Key") for sent in self.requests]
        return next((n for n, key in enumerate(keys) if key in keys[:n]), len(keys))

    @property
    def url(self) -> str:
        """
        The URL of the first request.
        """
        return self.requests[0].url.decode()

    @property
    def body(self) -> str:
        """
        The body of the first request.
        """
        return self.requests[0].body.decode()

    @property
    def last(self) -> str:
        """
        The last line of the output.
        """
        return self.output.splitlines()[-1]


class OptionsCase(SynchronousTestCase):
    """
    Runs of commands on a clock, with a hub in memory.
    """

    environ: ClassVar[dict[str, str]] = {"TOKEN": "abc"}

    def setUp(self) -> None:
        self.patch(os, "environ", {"TERM": "dumb", **self.environ})  # without colours

    def options_of(self, *arguments: str) -> set[str]:
        """
        Return the names of all options and arguments that a command has.
        """
        return set(vars(parse(arguments))) - {"run", "parser"}

    def see(
        self,
        *arguments: str,
        input: str = "",
        answers: tuple[Any, ...] | None = (),
        is_terminal: bool = False,
    ) -> Seen:
        """
        Run a command until it ends, or for some minutes, and return the result.
        """
        clock, hub = Clock(), FakeHub(deepcopy(list(answers or ())))  # each is used up once
        clock.advance(NOW)
        output = OnTerminal() if is_terminal else io.StringIO()
        errors = io.StringIO()
        with contextlib.redirect_stderr(errors):
            found: Namespace = parse(arguments)
            if arguments[0] != "token":
                found.run = partial(found.run, client=hub)
            running = run(clock, found, Terminal(io.StringIO(input), output, errors))
            clock.pump([1.0] * 300)
            ended: list[Any] = []
            running.addErrback(lambda failure: ended.append(failure.value.code))
            status = ended[0] if ended else None
            running.cancel()
        self.assertEqual([], clock.getDelayedCalls(), "no timer is left")
        return Seen(status, hub, output.getvalue(), errors.getvalue())

    def check(self, command: tuple[str, ...], table: tuple[Effect, ...], answers: Any = ()) -> None:
        """
        Check that the table has each option of the command, and that each has its effect.

        :param command: The least command line, without options.
        """
        self.assertEqual(self.options_of(*command), {effect.option for effect in table})
        for effect in table:
            for given, expected in ((), effect.without), (effect.given, effect.with_it):
                arguments = (*(effect.command or command), *effect.beside, *given)
                seen = self.see(
                    *arguments,
                    input=effect.input,
                    answers=answers if effect.answers is None else effect.answers,
                    is_terminal=effect.is_terminal,
                )
                self.assertEqual(expected, getattr(seen, effect.seen), arguments)
