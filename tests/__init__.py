"""
All tests.

Both pytest and trial import this package before any test, so what holds for each test is said here:
how many examples Hypothesis tries, and that a test leaves nothing behind.
"""

import os
import sys

#: By how much more examples are tried than on the machine of a contributor; CI wants more.
_MORE = float(os.environ.get("SSETWIST_EXAMPLES", "1"))


def examples(count: int) -> int:
    """
    Return how many examples to try where a contributor's machine tries this many.
    """
    return max(1, round(count * _MORE))


def _prepare() -> None:
    from hypothesis import HealthCheck, settings

    from tests.leftovers import watch

    # No example is held to a time, and none is refused because it took long to make: a busy
    # machine is not a failure.  Each failure prints the line that repeats it.
    settings.register_profile(
        "ssetwist",
        deadline=None,
        derandomize=False,  # in CI also, where Hypothesis has it otherwise
        print_blob=True,
        max_examples=examples(50),
        suppress_health_check=[HealthCheck.too_slow],
    )
    settings.load_profile("ssetwist")
    watch()


# The programs beside the tests, run as "python -m tests.functional.NAME", want none of it.
if sys.argv[0] != "-m":
    _prepare()
