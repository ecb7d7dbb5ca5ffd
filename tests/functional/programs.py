"""
The programs of ours, in a process that was forked from one that has imported this module.
"""

import atexit
import gc
import os
import resource
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from twisted.scripts import _twistd_unix, twistd  # noqa: F401  # a process needs both

import ssetwist.server.tap  # noqa: F401  # a process needs it
from ssetwist.__main__ import main

#: Programs, by the first word of a command line.
_PROGRAMS = {"twistd": twistd.run, "ssetwist": main}

list(twistd.ServerOptions().subCommands)  # imports every plugin
gc.freeze()  # or the end of each process would tear all modules down

_server = os.getpid()


def run(
    command_line: Sequence[str],
    standard: Sequence[int],
    folder: Path,
    files: int | None,
    environment: Mapping[str, str],
) -> None:
    """
    Run a command line to its end, as an interpreter of its own would.

    :param standard: Descriptors for standard input, output and errors.
    :param folder: The current folder.
    :param files: The number of files that the process may open; by default as many as before.
    """
    assert os.getpid() != _server, "not imported before the fork: run the tests in the main folder"
    assert "twisted.internet.reactor" not in sys.modules  # all processes would share it
    for number, descriptor in enumerate(standard):
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", errors="backslashreplace", buffering=1, closefd=False)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    if files is not None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    sys.argv = list(command_line)
    try:
        _PROGRAMS[command_line[0]]()
    finally:
        threading._shutdown()  # type: ignore[attr-defined]  # waits for threads, as at an exit
        atexit._run_exitfuncs()
