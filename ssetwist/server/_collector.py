"""
Python's garbage collector, in a process that holds many streams.
"""

import gc


def collect_rarely() -> None:
    """
    Make the garbage collector run less often: every 50,000 new objects instead of Python's 700.

    The objects of a stream live long and are freed without the collector, and yet it walks through
    all of them again and again while clients connect.  With 10,000 streams this costs a sixth of a
    connect (measured; ``benchmarks/README.rst``).  Objects that exist at the time of the call are
    never walked through again.

    ``twistd ssetwist`` does this.  An application that holds thousands of streams calls it once,
    before ``reactor.run()``.  No other part of ssetwist does, because the collector belongs to the
    process.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
