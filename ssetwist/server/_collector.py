"""
Python's garbage collector, in a process that holds many streams.
"""

import gc


def collect_rarely() -> None:
    """
    Make the garbage collector walk through objects less often, and through few of them at a time.

    The objects of a stream live long and are freed without the collector, and yet it walks through
    all of them again and again while clients connect.  With 10,000 streams this costs a sixth of a
    connect (measured; ``benchmarks/README.rst``).  Objects that exist at the time of the call are
    never walked through again, and all others only after 100 million new ones.

    Until then each walk is short: it passes 1,000 new objects, and each fifth time 5,000, which
    takes a few milliseconds.  A walk through 50,000 stopped every stream for up to 40 milliseconds.

    ``twistd ssetwist`` does this.  An application that holds thousands of streams calls it once,
    before ``reactor.run()``.  No other part of ssetwist does, because the collector belongs to the
    process.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(1_000, 5, 20_000)
