"""
Paths of the subscription API.
"""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.errors import Refused
from ssetwist.mercure.subscribing._path import SubscriptionQuery, read_path
from ssetwist.mercure.subscribing._subscriptions import ActiveSubscription

HUB = "/.well-known/mercure"
ROOT = f"{HUB}/subscriptions"

EXACT = ActiveSubscription("exact", "a/b", "urn:uuid:1")
PATTERN = ActiveSubscription("urlpattern", "a/b", "urn:uuid:1")
SELECTOR = ActiveSubscription(None, "a/b", "urn:uuid:1")
ELSEWHERE = ActiveSubscription("exact", "a/b", "urn:uuid:2")
OTHER = ActiveSubscription("exact", "c", "urn:uuid:1")
ALL = (EXACT, PATTERN, SELECTOR, ELSEWHERE, OTHER)

names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


class ReadPathTests(SynchronousTestCase):
    """
    Reading paths of both dialects.
    """

    def refused(self, path: str, *, has_legacy: bool = True, **options: bool) -> int:
        """
        Return the status of the refusal of a path.
        """
        refused = self.assertRaises(Refused, read_path, path, HUB, has_legacy=has_legacy, **options)
        return refused.status

    def test_modern(self) -> None:
        """
        In 1.0, two segments select all subscriptions with a matcher, and three segments select a
        single one.
        """
        for has_legacy in (False, True):
            for segments, expected in (
                ("/exact/a%2Fb", ("exact", "a/b", None)),
                ("/urlpattern/%2A", ("urlpattern", "*", None)),
                ("/exact/a%2Fb/urn%3Auuid%3A1", ("exact", "a/b", "urn:uuid:1")),
                ("/exact/a+b/%C3%A9", ("exact", "a+b", "é")),
            ):
                path = ROOT + segments
                self.assertEqual(
                    SubscriptionQuery(path, False, *expected),
                    read_path(path, HUB, has_legacy=has_legacy),
                )

    def test_legacy(self) -> None:
        """
        In 0.x, one segment selects all subscriptions with a selector, and two segments select a
        single one.
        """
        for segments, expected in (
            ("/a%2Fb", ("a/b", None)),
            ("/exact", ("exact", None)),
            ("/a%2Fb/urn%3Auuid%3A1", ("a/b", "urn:uuid:1")),
        ):
            path = ROOT + segments
            self.assertEqual(
                SubscriptionQuery(path, True, None, *expected),
                read_path(path, HUB, has_legacy=True),
            )

    def test_all(self) -> None:
        """
        The path for all subscriptions selects subscriptions in the dialect of the token.
        """
        for has_legacy, prefers_legacy, is_legacy in (
            (True, True, True),
            (True, False, False),
            (False, True, False),
        ):
            self.assertEqual(
                SubscriptionQuery(ROOT, is_legacy),
                read_path(ROOT, HUB, has_legacy=has_legacy, prefers_legacy=prefers_legacy),
            )

    def test_no_legacy(self) -> None:
        """
        Without 0.x, its paths are unknown.
        """
        self.assertEqual(404, self.refused(f"{ROOT}/a", has_legacy=False))
        self.assertEqual(400, self.refused(f"{ROOT}/a/b", has_legacy=False))

    def test_unknown_type(self) -> None:
        """
        Three segments must begin with a known matcher type, in its exact case.
        """
        self.assertEqual(400, self.refused(f"{ROOT}/regexp/a/b"))
        self.assertEqual(400, self.refused(f"{ROOT}/Exact/a/b"))

    def test_other_paths(self) -> None:
        """
        Other paths, and paths with an empty segment, get 404.
        """
        for path in (
            "",
            "/",
            HUB,
            f"{ROOT}x",
            f"{ROOT}xa",
            f"{ROOT}/",
            f"{ROOT}/a/",
            f"{ROOT}//a",
            "/x" + ROOT,
        ):
            self.assertEqual(404, self.refused(path), path)
        self.assertEqual(404, self.refused(f"{ROOT}/exact/a/b/c"))

    def test_bad_encoding(self) -> None:
        """
        Segments that are not percent-encoded UTF-8 are refused.
        """
        for segment in ("%", "%4", "%zz", "%FF", "%ED%A0%80", "\ud800"):
            self.assertEqual(400, self.refused(f"{ROOT}/exact/{segment}"), segment)

    @given(st.sampled_from(["exact", "urlpattern", None]), names, names)
    def test_round_trip(self, match_type: str | None, match: str, subscriber: str) -> None:
        """
        The path of a subscription selects this subscription, and no others.
        """
        subscription = ActiveSubscription(match_type, match, subscriber)
        if match_type is None and match in ("exact", "urlpattern"):
            return  # ambiguous: two segments that begin with a matcher type are of 1.0
        asked = read_path(subscription.path(HUB), HUB, has_legacy=True)
        self.assertTrue(asked.includes(subscription))
        self.assertEqual((match_type, match), (asked.match_type, asked.match))
        self.assertFalse(asked.includes(ActiveSubscription(match_type, match, subscriber + "x")))

    @given(
        st.text(max_size=30)
        | st.lists(
            st.sampled_from(["exact", "urlpattern", "a", "%C3%A9", "%z", ""]), max_size=4
        ).map("/".join),
        st.booleans(),
    )
    def test_any(self, rest: str, has_legacy: bool) -> None:
        """
        Any path selects subscriptions or is refused.
        """
        path = f"{ROOT}/{rest}"
        try:
            asked = read_path(path, HUB, has_legacy=has_legacy)
        except Refused as refused:
            self.assertIn(refused.status, (400, 404))
            return
        self.assertEqual(path, asked.path)
        assert asked.match is not None, "each path here has at least one segment"
        named = ActiveSubscription(asked.match_type, asked.match, asked.subscriber or "x")
        self.assertTrue(asked.includes(named))
        self.assertFalse(asked.includes(replace(named, match=f"{asked.match}x")))
        self.assertFalse(asked.includes(replace(named, match_type="other")))
        is_one = asked.subscriber is not None
        self.assertEqual(is_one, not asked.includes(replace(named, subscriber="another")))


class AskedTests(SynchronousTestCase):
    """
    Subscriptions that a path selects.
    """

    def test_includes(self) -> None:
        """
        A path selects subscriptions of its dialect that agree with all its segments.
        """
        for segments, expected in (
            ("", [EXACT, PATTERN, ELSEWHERE, OTHER]),
            ("/exact/a%2Fb", [EXACT, ELSEWHERE]),
            ("/urlpattern/a%2Fb", [PATTERN]),
            ("/exact/a%2Fb/urn%3Auuid%3A2", [ELSEWHERE]),
            ("/exact/d", []),
            ("/a%2Fb", [SELECTOR]),
            ("/a%2Fb/urn%3Auuid%3A1", [SELECTOR]),
            ("/a%2Fb/urn%3Auuid%3A2", []),
        ):
            asked = read_path(ROOT + segments, HUB, has_legacy=True)
            self.assertEqual(expected, [one for one in ALL if asked.includes(one)], segments)

    def test_all_of_legacy(self) -> None:
        """
        With 0.x, the path for all subscriptions selects subscriptions of 0.x.
        """
        asked = read_path(ROOT, HUB, has_legacy=True, prefers_legacy=True)
        self.assertEqual([SELECTOR], [one for one in ALL if asked.includes(one)])
