"""
Duties of ``twistd ssetwist`` for its process, besides running the hub.
"""

import gc

from ssetwist import HubConfig, HubService
from ssetwist.server.tap import _TwistdService
from tests.unit.server.case import ServiceTestCase


class CollectorTests(ServiceTestCase):
    """
    The garbage collector of the process.
    """

    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(gc.unfreeze)
        self.addCleanup(gc.set_threshold, *gc.get_threshold())
        gc.unfreeze()

    def is_rare(self, service: HubService) -> bool:
        """
        Tell whether the collector comes by less often once the service has started.
        """
        before = gc.get_threshold()[0]
        service.startService()
        self.addCleanup(self.stop, service)
        is_rare = gc.get_threshold()[0] > before
        self.assertEqual(is_rare, gc.get_freeze_count() > 0)
        return is_rare

    def test_rarely(self) -> None:
        """
        The process of ``twistd ssetwist`` has many streams and nothing else: it collects rarely.
        """
        self.assertTrue(self.is_rare(_TwistdService(self.reactor, HubConfig())))

    def test_application(self) -> None:
        """
        A service within an application leaves the collector as it is.
        """
        self.assertFalse(self.is_rare(HubService(self.reactor, HubConfig())))
