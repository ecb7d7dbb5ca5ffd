"""
Rights that make no sense.
"""

from math import inf, nan
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from ssetwist.hub import Matchers
from ssetwist.mercure import Rights

NEWS = Matchers.of(["news"])

#: Names of values, values that make no sense, and the beginning of the message for the author.
SENSELESS: tuple[tuple[str, Any, str], ...] = (
    ("publish", "news", "publish must be Matchers or None, such as Matchers.of(['news']), not"),
    ("publish", ["news"], "publish must be Matchers or None"),
    ("publish", True, "publish must be Matchers or None"),
    ("subscribe", "news", "subscribe must be Matchers, such as Matchers.of(['news'])"),
    ("subscribe", None, "subscribe must be Matchers"),
    ("topics", ("news",), "topics must be Matchers or None"),
    ("expires", None, "expires must be a date in seconds since 1970, such as time.time()"),
    ("expires", "60", "expires must be a date in seconds since 1970"),
    ("expires", True, "expires must be a date in seconds since 1970"),
    ("expires", nan, "expires must be a date in seconds since 1970, and nan is not a number"),
    ("payloads", {"a": 1}, "payloads must be a tuple of pairs"),
    ("payloads", (1,), "payloads must have pairs of Matchers and a value, not 1"),
    ("payloads", (("news", 1),), "the first of each pair in payloads must be Matchers"),
    ("payloads", ((NEWS, nan),), "a payload must be possible in JSON, which nan is not"),
    ("payloads", ((NEWS, object()),), "a payload must be possible in JSON"),
    ("identity", None, "identity must be str, not None"),
    ("identity", 7, "identity must be str, not 7"),
    ("is_ambient", None, "is_ambient must be True or False, not None"),
    ("is_legacy", 0, "is_legacy must be True or False, not 0"),
)


class RightsTests(SynchronousTestCase):
    """
    Values of ``Rights``.
    """

    def test_senseless(self) -> None:
        """
        A value that makes no sense is reported where the rights are made, with its name.
        """
        for name, value, message in SENSELESS:
            problem = self.assertRaises((TypeError, ValueError), Rights, **{name: value})
            self.assertEqual(message, str(problem)[: len(message)])

    def test_sensible(self) -> None:
        """
        Values at the bounds are fine.
        """
        for expires in (inf, -inf, 0, 1e300, 2**70):
            self.assertEqual(expires, Rights(expires=expires).expires)
        Rights(NEWS, NEWS, payloads=((NEWS, None), (NEWS, {"a": [1]})), topics=NEWS, identity="a")
