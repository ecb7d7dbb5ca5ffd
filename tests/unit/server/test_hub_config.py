"""
Configuration of a hub: values that it takes, and values that it refuses.
"""

import dataclasses

from twisted.trial.unittest import SynchronousTestCase

from ssetwist import HubConfig, HubService, InvalidOption
from ssetwist.mercure import TokenSettings
from ssetwist.server._options import options_of
from tests.unit.server.case import KEY


class HubConfigTests(SynchronousTestCase):
    """
    Fields of a configuration.
    """

    def test_frozen(self) -> None:
        """
        A configuration cannot be changed while a service runs with it.
        """
        config = HubConfig()
        with self.assertRaises(dataclasses.FrozenInstanceError):
            config.reconnection_time = 1.0

    def test_listen_is_a_sequence(self) -> None:
        """
        ``listen`` must not be one string, nor empty.
        """
        for listen in ("tcp:8080", "", (), []):
            error = self.assertRaises(ValueError, HubConfig, listen=listen)
            self.assertIn("listen: it must be one or more texts", str(error))

    def test_bounds(self) -> None:
        """
        A value that makes no sense raises an error with the name of its field, once.
        """
        nan, inf = float("nan"), float("inf")
        cases = {
            "heartbeat": (-1, 0.09, 86401, nan, inf),
            "reconnection_time": (-0.1, 86401, nan),
            "tick": (-1, 0.0009, 86401, nan),
            "stall_timeout": (0, 0.09, -1, nan),
            "authorize_timeout": (0, 0.09, -1, nan),
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
                error = self.assertRaises(InvalidOption, HubConfig, **{name: value})
                self.assertEqual(name, error.field, value)
                self.assertEqual(f"{name}: {error.problem}", str(error))
                self.assertFalse(error.problem.startswith(name), error)

    def test_at_the_bounds(self) -> None:
        """
        The least and the greatest value of each number are accepted; only times end at a day.
        """
        cases = {
            "heartbeat": (0, 0.1, 86400),
            "reconnection_time": (0, 86400),
            "tick": (0, 0.001, 86400),
            "stall_timeout": (0.1, 86400),
            "authorize_timeout": (0.1, 86400),
            "drain_timeout": (0, 86400),
            "lifetime": (0, 1, 86400),
            "log_age": (1, 86400),
            "flush_threads": (0, 64),
            "max_topics": (1, 1000),
            **dict.fromkeys(("max_body", "max_matchers", "max_pattern"), (1, 10**9)),
            **dict.fromkeys(("log_events", "log_bytes", "max_per_token"), (0, 10**9)),
            **dict.fromkeys(("max_connections", "max_subscribers", "max_per_address"), (0, 10**9)),
            **dict.fromkeys(
                (
                    "max_distinct_patterns",
                    "max_distinct_patterns_per_address",
                    "max_distinct_patterns_per_token",
                ),
                (0, 10**9),
            ),
            "publish_rate": (0, 0.001, 10**9),
        }
        for name, values in cases.items():
            for value in values:
                self.assertEqual(value, getattr(HubConfig(**{name: value}), name))
        numbers = {
            one.name for one, _ in options_of(HubConfig) if type(one.default) in (int, float)
        }
        self.assertEqual(numbers, cases.keys() - {"tick"})  # its default depends on others

    def test_audience(self) -> None:
        """
        An audience must be the hub's own URL, and needs a key.
        """
        for audience, keys, said in (
            ("https://hub.example/hub", (), "it has no meaning without a key"),
            ("hub.example", KEY.publish, ""),
        ):
            tokens = TokenSettings(publish=keys, audience=audience)
            error = self.assertRaises(InvalidOption, HubConfig, tokens=tokens)
            self.assertEqual("audience", error.field)
            self.assertIn(said, error.problem)
        HubConfig(tokens=TokenSettings(publish=KEY.publish, audience="https://hub.example/hub"))

    def test_numbers(self) -> None:
        """
        A text where a number must be, such as from the environment, is an error of type.
        """
        for name in ("heartbeat", "max_body", "max_subscribers", "log_events", "publish_rate"):
            error = self.assertRaises(TypeError, HubConfig, **{name: "15"})
            self.assertEqual(f"{name} must be a number, not '15'", str(error))

    def test_whole_numbers(self) -> None:
        """
        Numbers of things are whole numbers when the configuration is made: a part of a thread would
        fail much later, in the first flush.
        """
        whole = {one.name for one, _ in options_of(HubConfig) if type(one.default) is int}
        self.assertLess({"flush_threads", "log_events", "max_topics", "max_body"}, whole)
        for name in whole:
            for value in (2.5, 2.0, True):
                error = self.assertRaises(TypeError, HubConfig, **{name: value})
                self.assertTrue(str(error).startswith(f"{name} must be a "), error)

    def test_flags(self) -> None:
        """
        A text where true or false must be, such as from the environment, opens nothing.
        """
        for name in ("anonymous", "subscriptions"):
            error = self.assertRaises(TypeError, HubConfig, tokens=KEY, **{name: "false"})
            self.assertEqual(f"{name} must be True or False, not 'false'", str(error))

    def test_lifetime_needs_a_log(self) -> None:
        """
        A lifetime is refused without a log, because clients that reconnect would miss events.
        """
        for missing in ("log_events", "log_bytes"):
            error = self.assertRaises(ValueError, HubConfig, **{"lifetime": 60, missing: 0})
            self.assertIn("lifetime: it needs a log", str(error))

    def test_anonymous_or_asked(self) -> None:
        """
        An application that is asked also decides about clients without a token: an option that
        decides the same is refused by its name, and not passed over.
        """
        url = "https://app.example/may"
        error = self.assertRaises(ValueError, HubConfig, anonymous=True, authorize_url=url)
        self.assertTrue(str(error).startswith("anonymous: it has no meaning with authorize_url"))
        HubConfig(authorize_url=url)
        HubConfig(anonymous=True)

    def test_without_reactor(self) -> None:
        """
        A configuration in place of the reactor gets a message that says the order.
        """
        error = self.assertRaises(TypeError, HubService, HubConfig())
        self.assertEqual("the reactor comes first, then the HubConfig", str(error))

    def test_described(self) -> None:
        """
        ``help(HubConfig)`` describes each field.
        """
        for field in dataclasses.fields(HubConfig):
            self.assertRegex(HubConfig.__doc__, rf"(?m)^:ivar {field.name}: [A-Z].+")

    def test_loopback(self) -> None:
        """
        By default, only this machine can connect.
        """
        self.assertEqual(["tcp:8080:interface=127.0.0.1"], list(HubConfig().listen))
