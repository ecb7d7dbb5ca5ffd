"""
A configuration: what it takes, and what it refuses.
"""

import dataclasses

from twisted.trial.unittest import SynchronousTestCase

from ssetwist import HubConfig, HubService


class HubConfigTests(SynchronousTestCase):
    """
    All that a service can be told.
    """

    def test_frozen(self) -> None:
        """
        It cannot be changed under a running service.
        """
        config = HubConfig()
        with self.assertRaises(dataclasses.FrozenInstanceError):
            config.reconnection_time = 1.0

    def test_listen_is_a_sequence(self) -> None:
        """
        One string is no sequence of them, and none is none: both are mistakes, told at once.
        """
        for listen in ("tcp:8080", "", (), []):
            error = self.assertRaises(ValueError, HubConfig, listen=listen)
            self.assertIn("listen must be one or more endpoint strings", str(error))

    def test_bounds(self) -> None:
        """
        What makes no sense is told by the configuration, too, by its name.
        """
        nan, inf = float("nan"), float("inf")
        cases = {
            "heartbeat": (-1, 0.09, 86401, nan, inf),
            "reconnection_time": (-0.1, 86401, nan),
            "tick": (-1, 0.0009, 86401, nan),
            "stall_timeout": (0, 0.09, -1, nan),
            "drain_timeout": (-1, 86401, nan),
            "lifetime": (-1, 0.9, 86401, nan),
            "log_age": (0, 0.9, 86401, inf, nan),
            "log_events": (-1,),
            "log_bytes": (-1,),
            "flush_threads": (-1, 65),
            "gap": ("a\nb",),
        }
        for name, values in cases.items():
            for value in values:
                error = self.assertRaises(ValueError, HubConfig, **{name: value})
                self.assertIn(name, str(error), (name, value))

    def test_numbers(self) -> None:
        """
        A text, such as variables of the environment are, is no number.
        """
        for name in ("heartbeat", "max_body", "max_subscribers", "log_events", "publish_rate"):
            error = self.assertRaises(TypeError, HubConfig, **{name: "15"})
            self.assertEqual(f"{name} must be a number, not '15'", str(error))

    def test_lifetime_needs_a_log(self) -> None:
        """
        Streams do not end by themselves where those who come back would miss something.
        """
        for missing in ("log_events", "log_bytes"):
            error = self.assertRaises(ValueError, HubConfig, **{"lifetime": 60, missing: 0})
            self.assertIn("lifetime needs a log", str(error))

    def test_anonymous_or_asked(self) -> None:
        """
        An application that is asked decides about clients without a token, too: an option that
        decides the same is refused by its name, and not passed over.
        """
        url = "https://app.example/may"
        error = self.assertRaises(ValueError, HubConfig, anonymous=True, authorize_url=url)
        self.assertTrue(str(error).startswith("anonymous has no meaning with authorize_url"))
        HubConfig(authorize_url=url)
        HubConfig(anonymous=True)

    def test_without_reactor(self) -> None:
        """
        Who forgets the reactor is told so.
        """
        error = self.assertRaises(TypeError, HubService, HubConfig())
        self.assertEqual("the reactor comes first, then the HubConfig", str(error))

    def test_loopback(self) -> None:
        """
        Unless told otherwise, only this machine can connect.
        """
        self.assertEqual(["tcp:8080:interface=127.0.0.1"], list(HubConfig().listen))
