"""
A program that runs ``twistd ssetwist`` with many command lines, one after the other, and says how
each ended.

Each runs in a process of its own, to its end.  They are forked from this one, which has imported
everything, so that a test may try many.
"""

import gc
import json
import os
import signal
import sys
from tempfile import TemporaryFile

from twisted.scripts import _twistd_unix, twistd

import ssetwist.service
import ssetwist.tap
from tests.patience import PATIENCE

#: Modules that a process has need of later, and that must be there before the first fork.  The
#: reactor must not, for then all would share it.
_IMPORTED = (_twistd_unix, ssetwist.service, ssetwist.tap)


def result_of(options: list[str]) -> tuple[int, str, str]:
    """
    Run it; return its exit status, its output and its errors.
    """
    with TemporaryFile() as output, TemporaryFile() as errors:
        process = os.fork()
        if not process:
            signal.alarm(int(PATIENCE))  # which ends it, should it not end by itself
            os.dup2(output.fileno(), 1)
            os.dup2(errors.fileno(), 2)
            sys.argv = ["twistd", "-n", "--pidfile=", "ssetwist", *options]
            sys.exit(twistd.run())
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
    Read a JSON array of arrays of options; write the results.
    """
    list(twistd.ServerOptions().subCommands)  # which imports every plugin there is
    assert "twisted.internet.reactor" not in sys.modules
    gc.freeze()  # or each that ends takes apart all that was imported
    json.dump([result_of(options) for options in json.load(sys.stdin)], sys.stdout)


if __name__ == "__main__":
    main()
