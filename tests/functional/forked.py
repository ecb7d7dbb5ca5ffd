"""
A program that runs many command lines, one after the other, and reports the end of each.

Each command line runs in its own process to its end.  These processes are forked from this one,
which has imported everything, so that a test can try many.
"""

import gc
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from tempfile import TemporaryFile

from tests.functional.support import PATIENCE, ROOT, write_plugin_cache


def run_all(program: str, command_lines: Iterable[Iterable[str]]) -> list[tuple[int, str, str]]:
    """
    Run a program with each command line; return for each its exit status, its output and its
    errors.

    :param program: A name from :func:`main`.
    """
    write_plugin_cache()
    done = subprocess.run(
        [sys.executable, "-m", "tests.functional.forked", program],
        input=json.dumps([list(arguments) for arguments in command_lines]),
        capture_output=True,
        cwd=ROOT,
        text=True,
        timeout=2 * PATIENCE,
    )
    if done.returncode:
        raise AssertionError(done.stderr)
    return [(status, output, errors) for status, output, errors in json.loads(done.stdout)]


def _twistd_ssetwist() -> Callable[[list[str]], object]:
    from twisted.scripts import _twistd_unix, twistd

    import ssetwist.server.tap

    # All modules that a process needs later.
    assert _twistd_unix, ssetwist
    list(twistd.ServerOptions().subCommands)  # imports every plugin

    def run(arguments: list[str]) -> None:
        sys.argv = ["twistd", "-n", "--pidfile=", "ssetwist", *arguments]
        twistd.run()

    return run


def _ssetwist() -> Callable[[list[str]], object]:
    from ssetwist.__main__ import main

    def run(arguments: list[str]) -> None:
        sys.argv = ["ssetwist", *arguments]
        main()

    return run


def _result_of(run: Callable[[list[str]], object], arguments: list[str]) -> tuple[int, str, str]:
    with TemporaryFile() as output, TemporaryFile() as errors:
        process = os.fork()
        if not process:
            signal.alarm(int(PATIENCE))  # kills it if it does not end by itself
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(output.fileno(), 1)
            os.dup2(errors.fileno(), 2)
            run(arguments)
            sys.exit()
        _, status = os.waitpid(process, 0)
        for file in (output, errors):
            file.seek(0)
        return (
            os.waitstatus_to_exitcode(status),
            output.read().decode(),
            errors.read().decode(),
        )


def main() -> None:
    """
    Read a JSON array of arrays of arguments; write the results.
    """
    command_lines = json.load(sys.stdin)
    programs = {"twistd ssetwist": _twistd_ssetwist, "python -m ssetwist": _ssetwist}
    run = programs[sys.argv[1]]()
    # The reactor does not exist yet, because all processes would share it.
    assert "twisted.internet.reactor" not in sys.modules
    gc.freeze()  # or each end would tear down everything that was imported
    json.dump([_result_of(run, arguments) for arguments in command_lines], sys.stdout)


if __name__ == "__main__":
    main()
