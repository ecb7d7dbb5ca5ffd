"""
All tests.

Both pytest and trial import this package before any test.  So the rules for all tests are here: the
number of examples that Hypothesis tries, and the checks that a test ends and leaves nothing behind.
"""

import os
import sys

#: Factor for the number of examples; CI sets a higher one.
_MORE = float(os.environ.get("SSETWIST_EXAMPLES", "1"))


def examples(count: int) -> int:
    """
    Return the number of random examples to try in place of ``count``, the number on a contributor's
    machine.
    """
    return max(1, round(count * _MORE))


def _prepare() -> None:
    from hypothesis import HealthCheck, settings

    from tests.hanging import LIMIT, MORE_LIMIT, fail_if_hanging
    from tests.leftovers import watch

    # Examples have no time limit, and none is refused because it took long to make: a busy machine
    # is not a failure.  Each failure prints the line that repeats it.
    settings.register_profile(
        "ssetwist",
        deadline=None,
        derandomize=False,  # even in CI, where Hypothesis has another default
        print_blob=True,
        max_examples=examples(10),
        suppress_health_check=[HealthCheck.too_slow],
    )
    settings.load_profile("ssetwist")
    watch()
    fail_if_hanging(LIMIT + MORE_LIMIT * _MORE)


# The programs beside the tests, run as "python -m tests.functional.NAME", do not need this.
if sys.argv[0] != "-m":
    _prepare()
