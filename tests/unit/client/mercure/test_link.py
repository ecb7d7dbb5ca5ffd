"""
``Link`` headers.
"""

from functools import partial

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.client.mercure._link import MAX_LINKS, Link, parse_links
from tests.cost import assert_linear


class ParseLinksTests(SynchronousTestCase):
    """
    Parsing of header values.
    """

    def test_read(self) -> None:
        """
        Targets and attributes are read as RFC 8288 says.
        """
        cases: dict[str, list[Link]] = {
            "": [],
            "<https://hub.example/m>": [Link("https://hub.example/m", {})],
            '</m>; rel="mercure"': [Link("/m", {"rel": "mercure"})],
            "</m>; rel=mercure": [Link("/m", {"rel": "mercure"})],
            "</m>;REL=Mercure;;": [Link("/m", {"rel": "Mercure"})],
            '< /m >\t;\trel = "mercure" ; type=a , </n>;type=b': [
                Link("/m", {"rel": "mercure", "type": "a"}),
                Link("/n", {"type": "b"}),
            ],
            # Commas and semicolons inside quotes, and inside a target, are text.
            '</a,b;c>; title="x, <y>; rel=z"; rel=self': [
                Link("/a,b;c", {"title": "x, <y>; rel=z", "rel": "self"})
            ],
            r'</m>; last-event-id="a\"b\\c"': [Link("/m", {"last-event-id": r'a"b\c'})],
            "</m>; rel=a; rel=b": [Link("/m", {"rel": "a"})],
            "</m>; crossorigin; rel=a": [Link("/m", {"crossorigin": "", "rel": "a"})],
            ",, </m>,,</n>,": [Link("/m", {}), Link("/n", {})],
            # An unreadable part ends the parsing; links before it count.
            "</m>; rel=a, nonsense, </n>": [Link("/m", {"rel": "a"})],
            "</m": [],
            '</m>; rel="open': [Link("/m", {"rel": '"open'})],
        }
        for header, expected in cases.items():
            with self.subTest(header=header):
                self.assertEqual(expected, parse_links([header]))

    def test_several_headers(self) -> None:
        """
        A response may have several ``Link`` headers.
        """
        found = parse_links(["</a>, </b>", "", "</c>"])
        self.assertEqual(["/a", "/b", "/c"], [link.target for link in found])

    def test_relations(self) -> None:
        """
        A link may have several relations, in either case of letters.
        """
        (link,) = parse_links(['</m>; rel="self Mercure"'])
        self.assertTrue(link.is_a("mercure"))
        self.assertTrue(link.is_a("self"))
        self.assertFalse(link.is_a("merc"))

    def test_too_many(self) -> None:
        """
        The number of links has a limit.
        """
        self.assertEqual(MAX_LINKS, len(parse_links(["</a>," * (MAX_LINKS + 1)] * 2)))

    def test_hostile(self) -> None:
        """
        Parsing takes linear time, even for headers with unclosed or repeated parts.
        """
        for part in ("<", "</a>;", '</a>;a="', '</a>;a="\\', "</a>;a=", "; ", " ", ",", "</a>; \t"):
            assert_linear(
                lambda size, part=part: partial(parse_links, [part * (size // len(part))]), 1024
            )

    @given(st.text(alphabet='<>;,="\\ \tarel/', max_size=60))
    def test_any_text(self, header: str) -> None:
        """
        Any text can be parsed.
        """
        for link in parse_links([header]):
            self.assertNotIn(">", link.target)
