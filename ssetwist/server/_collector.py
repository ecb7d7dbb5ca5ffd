"""
Python's garbage collector, in a process that holds many streams.
"""

import gc


def collect_rarely() -> None:
    """
    Have the garbage collector come by less often: every 50,000 new objects, where Python's own
    figure is 700.

    What a stream holds lives long and is freed without it, and yet it looks at all of it again and
    again while clients connect: with 10,000 of them for a sixth of all that a connect costs
    (measured; ``benchmarks/README.rst``).  What exists when this is called is never looked at
    again.

    ``twistd ssetwist`` does it.  An application that holds thousands of streams calls it once,
    before ``reactor.run()``; no part of ssetwist does, because the collector is the process's own.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
