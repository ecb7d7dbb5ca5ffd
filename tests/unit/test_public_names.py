"""
Public names: users always import a name from the same place, wherever its code is.
"""

import re
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from types import ModuleType

from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).resolve().parents[2]

#: Names that each package promises.  To remove or change one needs a news fragment.
PROMISED = {
    "ssetwist": """
        CannotListen EndReason Event EventStreamResource EventTooLarge Everything Exact Hub
        HubClosed HubConfig HubService InvalidEvent InvalidMatcher InvalidOption InvalidTopic
        LogUnavailable MemoryLog Pattern Refused SSETwistError Send Site Streams Subscriber
        UnknownCursor View WhenBehind collect_rarely stream""",
    "ssetwist.client": """
        Backoff Discovery EARLIEST EventSource FoundHub Interruption Loss Opened Publisher
        ReadyState ResponseEvents Update discover hub_metadata is_worth_another_try stream_events
        subscribe""",
    "ssetwist.eventstream": """
        DEFAULT_TYPE EARLIEST Event EventStreamParser GAP MAX_EVENT MAX_LINE encode_comment
        encode_event encode_id encode_reconnection_time is_hub_id require_event""",
    "ssetwist.log": """
        DEFAULT_MAX_AGE DEFAULT_MAX_BYTES DEFAULT_MAX_COUNT Entry EventLog Followers MAX_ID
        MemoryLog position_of render_id""",
    "ssetwist.hub": """
        DEFAULT_HEARTBEAT DEFAULT_RECONNECTION_TIME DEFAULT_STALL_TIMEOUT EARLIEST END END_ID
        EVERYTHING EndReason Everything Exact Filter Hub MAX_TOPICS Matcher Matchers NOTHING Pattern
        ReplayPolicy Streams Subscriber Topics Turns UnknownCursor View WhenBehind""",
    "ssetwist.matching": """
        EVERYTHING Everything Exact MAX_LENGTH Matcher Matchers NOTHING Pattern Steps
        Topics at_once is_utf8 routes_of trying""",
    "ssetwist.hub.outlets": "Chunk HasEnd NOT_SENT Outlet PIECE Writer not_sent",
    "ssetwist.web": "EventStreamResource Send Site console stream",
    "ssetwist.web.opening": """
        LAST_EVENT_ID_PARAMETERS RequestOutlet Start StreamOpener address_of decode_id header_of
        is_browser is_over outlet_for path_of peer_of write_pieces""",
    "ssetwist.mercure": """
        ALL_TOPICS Action AllowEveryone Authorizer CallbackAuthorizer
        DEFAULT_AUTHORIZE_TIMEOUT DEFAULT_LIMITS DEFAULT_MAX_BODY DEFAULT_PATH KEY_OPTIONS Limits
        LoopbackOnly LoopbackOrigins
        MercureResource MercureSettings MetadataResource NO_LEGACY Origins Rights TokenAuthorizer
        TokenSettings TokenThenCallback check_own_url link metadata_path name_of_url
        token_settings""",
    "ssetwist.errors": """
        SSETwistError InvalidEvent EventTooLarge HubClosed CannotListen InvalidMatcher InvalidOption
        InvalidTopic LogUnavailable Refused Disconnected NotAnEventStream RedirectRefused
        HeadersUnavailable EventSourceClosed NotPublished NoHub""",
    "ssetwist.testing": "Listener MemoryHub MemoryOutlet",
    "ssetwist.server": "HubConfig HubService collect_rarely",
}


class PublicNamesTests(SynchronousTestCase):
    """
    Names that users may rely on.
    """

    def test_promised(self) -> None:
        """
        Each package has exactly the public names in the list.
        """
        for package, names in PROMISED.items():
            module = import_module(package)
            self.assertEqual(set(names.split()), set(_listed(module)), package)
            for name in names.split():
                self.assertTrue(hasattr(module, name), f"{package}.{name}")

    def test_readme_and_examples(self) -> None:
        """
        The README and the examples import only public names, each from its public place.
        """
        statements = 0
        for path in (ROOT / "README.rst", *sorted((ROOT / "examples").glob("*.py"))):
            for found in _IMPORT.finditer(path.read_text(encoding="utf-8")):
                statements += 1
                promised = PROMISED[found["module"]].split()
                for name in re.findall(r"\w+", found["names"]):
                    self.assertIn(name, promised, f"{path.name}: {found[0]}")
        self.assertGreater(statements, 10)


def _listed(module: ModuleType) -> Iterable[str]:
    """
    Return the names in a module's ``__all__``, or the classes that it defines.
    """
    own = [
        one for one in vars(module).values() if getattr(one, "__module__", "") == module.__name__
    ]
    return getattr(module, "__all__", [one.__name__ for one in own])


_IMPORT = re.compile(
    r"^ *from (?P<module>ssetwist[\w.]*) import (?P<names>\([^)]*\)|[^\n(]+)", re.MULTILINE
)
