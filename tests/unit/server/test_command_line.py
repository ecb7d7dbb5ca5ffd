"""
Command line of ``twistd ssetwist``: its options, its help and its errors.
"""

import contextlib
import dataclasses
import io
import os
import re
import sys
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import ssetwist
import twisted.plugins
from ssetwist import HubConfig, UnknownCursor, WhenBehind
from ssetwist.mercure import KEY_OPTIONS, NO_LEGACY, TokenSettings
from ssetwist.mercure.tokens._credentials import COOKIE
from ssetwist.mercure.tokens._keys import VerificationKey
from ssetwist.server._options import options_of
from ssetwist.server.tap import Options


def _algorithms(keys: tuple[VerificationKey, ...]) -> tuple[str, ...]:
    return tuple(keys[0].algorithms)


class CommandLineTests(SynchronousTestCase):
    """
    Options of ``twistd ssetwist``.
    """

    def config(self, *arguments: str) -> HubConfig:
        """
        Return the configuration that some arguments make.
        """
        options = Options()
        options.parseOptions(arguments)
        return options.config

    def refused(self, *arguments: str) -> str:
        """
        Check that these arguments end the process, and return the message.
        """
        problem = self.assertRaises(SystemExit, self.config, *arguments)
        self.assertIsInstance(problem.code, str)
        self.assertNotIn("\n", problem.code)
        return problem.code

    def test_defaults(self) -> None:
        """
        Without options, the configuration has its own defaults.
        """
        self.assertEqual(HubConfig(), self.config())

    def test_good_values(self) -> None:
        """
        Each option sets one value of the configuration, and no other.
        """
        cases = (
            ("--heartbeat", "0", {"heartbeat": 0.0}),
            ("--heartbeat", "0.5", {"heartbeat": 0.5}),
            ("--heartbeat", ".5", {"heartbeat": 0.5}),
            ("--heartbeat", "2.", {"heartbeat": 2.0}),
            ("--heartbeat", "86400", {"heartbeat": 86400.0}),
            ("--reconnection-time", "0", {"reconnection_time": 0.0}),
            ("--reconnection-time", "10", {"reconnection_time": 10.0}),
            ("--tick", "0", {"tick": 0.0}),
            ("--tick", "0.1", {"tick": 0.1}),
            ("--max-connections", "1000", {"max_connections": 1000}),
            ("--max-subscribers", "0", {"max_subscribers": 0}),
            ("--max-subscribers", "999999999", {"max_subscribers": 999999999}),
            ("--max-per-address", "0", {"max_per_address": 0}),
            ("--max-per-address", "6", {"max_per_address": 6}),
            ("--stall-timeout", "0.1", {"stall_timeout": 0.1}),
            ("--stall-timeout", "60", {"stall_timeout": 60.0}),
            ("--authorize-timeout", "0.1", {"authorize_timeout": 0.1}),
            ("--authorize-timeout", "20", {"authorize_timeout": 20.0}),
            ("--drain-timeout", "0", {"drain_timeout": 0.0}),
            ("--drain-timeout", "30", {"drain_timeout": 30.0}),
            ("--lifetime", "0", {"lifetime": 0.0}),
            ("--lifetime", "1", {"lifetime": 1.0}),
            ("--lifetime", "3600", {"lifetime": 3600.0}),
            ("--log-events", "0", {"log_events": 0}),
            ("--log-events", "999999999", {"log_events": 999_999_999}),
            ("--log-bytes", "0", {"log_bytes": 0}),
            ("--log-bytes", "1000000", {"log_bytes": 1_000_000}),
            ("--log-age", "1", {"log_age": 1.0}),
            ("--log-age", "86400", {"log_age": 86400.0}),
            ("--when-behind", "disconnect", {"when_behind": WhenBehind.DISCONNECT}),
            ("--when-behind", "skip", {"when_behind": WhenBehind.SKIP}),
            ("--when-behind", "latest", {"when_behind": WhenBehind.LATEST}),
            ("--unknown-cursor", "live", {"unknown_cursor": UnknownCursor.LIVE}),
            ("--unknown-cursor", "all", {"unknown_cursor": UnknownCursor.ALL}),
            ("--gap", "", {"gap": ""}),
            ("--gap", "missed", {"gap": "missed"}),
            ("--flush-threads", "0", {"flush_threads": 0}),
            ("--flush-threads", "1", {"flush_threads": 1}),
            ("--flush-threads", "64", {"flush_threads": 64}),
            ("--max-body", "1", {"max_body": 1}),
            ("--max-body", "1000", {"max_body": 1000}),
            ("--max-matchers", "5", {"max_matchers": 5}),
            ("--max-topics", "1", {"max_topics": 1}),
            ("--max-topics", "1000", {"max_topics": 1000}),
            ("--max-per-token", "6", {"max_per_token": 6}),
            ("--max-pattern", "10", {"max_pattern": 10}),
            ("--max-distinct-patterns", "7", {"max_distinct_patterns": 7}),
            (
                "--max-distinct-patterns-per-address",
                "8",
                {"max_distinct_patterns_per_address": 8},
            ),
            ("--max-distinct-patterns-per-token", "9", {"max_distinct_patterns_per_token": 9}),
            ("--publish-rate", "0.5", {"publish_rate": 0.5}),
            ("--authorize-url", "http://a/b", {"authorize_url": "http://a/b"}),
            ("--listen", "tcp:80", {"listen": ["tcp:80"]}),
            ("--listen", "unix:/run/sse", {"listen": ["unix:/run/sse"]}),
            ("--listen", "tcp:80:backlog=5", {"listen": ["tcp:80:backlog=5"]}),
        )
        for option, text, values in cases:
            config = self.config(option, text)
            expected = dataclasses.replace(HubConfig(), **values)
            for field in dataclasses.fields(HubConfig):
                wanted, found = getattr(expected, field.name), getattr(config, field.name)
                if field.name == "listen":
                    wanted, found = list(wanted), list(found)
                self.assertEqual(wanted, found, (option, text, field.name))
        others = {"--cors-origin", "--publish-origin", "--anonymous", "--subscriptions"}
        fields = {f"--{one.name.replace('_', '-')}" for one, _ in options_of(HubConfig)}
        self.assertEqual(fields, others | {option for option, _, _ in cases})

    def test_others(self) -> None:
        """
        The options that need a key, or that are flags, set their own value.
        """
        with_key = self.key("--key")
        for name in ("cors_origin", "publish_origin"):
            option = f"--{name.replace('_', '-')}"
            origins = ("https://a.example", "https://b.example")
            config = self.config(*with_key, *(f"{option}={origin}" for origin in origins))
            self.assertEqual(origins, getattr(config, name))
        for name in ("anonymous", "subscriptions"):
            config, without = self.config(*with_key, f"--{name}"), self.config(*with_key)
            self.assertEqual((True, False), (getattr(config, name), getattr(without, name)))
            self.assertEqual(without, dataclasses.replace(config, **{name: False}))

    def key(self, option: str) -> tuple[str, str]:
        """
        Return an option with a key.
        """
        self.patch(os, "environ", {**os.environ, "SSETWIST_TEST_KEY": "k" * 64})
        return option, "env:SSETWIST_TEST_KEY"

    def test_options_of_keys(self) -> None:
        """
        Each option of keys and tokens changes the settings of tokens, and no other field.
        """
        key, url = self.key("--key"), "https://hub.example/hub"
        cases = (
            ((), key, "publish", lambda keys: len(keys), 0, 1),
            ((), key, "subscribe", lambda keys: len(keys), 0, 1),
            ((), self.key("--publisher-key"), "publish", lambda keys: len(keys), 0, 1),
            ((), self.key("--subscriber-key"), "subscribe", lambda keys: len(keys), 0, 1),
            ((), ("--jwks", url), "jwks", str, "None", url),
            (key, ("--algorithm", "HS512"), "publish", _algorithms, ("HS256",), ("HS512",)),
            ((*key, "--audience", url), ("--issuer", "i"), "issuer", str, url, "i"),
            (key, ("--audience", url), "audience", str, "None", url),
            (
                key,
                ("--cookie-name", "mine"),
                "cookie_names",
                lambda names: names[0],
                COOKIE,
                "mine",
            ),
            ((*key, "--audience", url), ("--no-legacy",), "is_legacy_allowed", bool, True, False),
        )
        for beside, given, name, look, without, with_it in cases:
            configs = [self.config(*beside), self.config(*beside, *given)]
            found = [look(getattr(config.tokens, name)) for config in configs]
            self.assertEqual([without, with_it], found, given)
            fewer = [dataclasses.replace(config, tokens=TokenSettings()) for config in configs]
            self.assertEqual(fewer[0], fewer[1])
        names = {f"--{option.name}" for option in (*KEY_OPTIONS, NO_LEGACY)}
        self.assertEqual(names, {given[0] for _, given, *_ in cases})

    def test_bad_values(self) -> None:
        """
        A wrong value ends the process with one line, which names the option and the value.
        """
        seconds = ("", "x", "-1", "-0.1", "nan", "inf", "-inf", "86401", "1e99", "1e2", "5s", "1,5")
        numbers = ("", "x", "-1", "+1", "1.5", "1e3", "1_000", " 1", "٣", "²", "1000000000", "nan")
        endpoints = ("", "8080", "tcp", "tcp:x", "tcp:80:x=1", "nope:80", "ssl:443:privateKey=/no")
        cases = {
            "heartbeat": seconds,
            "reconnection-time": seconds,
            "tick": seconds,
            "stall-timeout": (*seconds, "0", "0.09"),
            "authorize-timeout": (*seconds, "0", "0.09"),
            "drain-timeout": seconds,
            "lifetime": (*seconds, "0.9"),
            "log-age": (*seconds, "0", "0.9"),
            "log-events": numbers,
            "log-bytes": numbers,
            "flush-threads": (*numbers, "65"),
            "when-behind": ("", "foo", "Skip", "SKIP", "skip ", "live"),
            "unknown-cursor": ("", "foo", "All", "none", "skip"),
            "max-connections": numbers,
            "max-subscribers": numbers,
            "max-per-address": numbers,
            "max-body": (*numbers, "0"),
            "max-matchers": (*numbers, "0"),
            "max-topics": (*numbers, "0", "1001"),
            "max-per-token": numbers,
            "max-pattern": (*numbers, "0"),
            "max-distinct-patterns": numbers,
            "max-distinct-patterns-per-address": numbers,
            "max-distinct-patterns-per-token": numbers,
            "publish-rate": ("", "x", "-1", "nan", "inf", "1e2", "1/s"),
            "cors-origin": ("", "example.com", "https://a/b", "null", "https://*.com"),
            "publish-origin": ("", "example.com", "https://a/b", "null", "https://*.com"),
            "authorize-url": ("", "x", "ftp://a/", "https://u:p@a/"),
            "key": ("no such file", "env:NO_SUCH_VARIABLE"),
            "listen": endpoints,
        }
        for option, texts in cases.items():
            for text in texts:
                said = self.refused(f"--{option}", text)
                self.assertIn(f"--{option}: ", said)
                if option not in ("key", "authorize-url"):  # a possible secret is not repeated
                    self.assertIn(text or "''", said)

    def test_twice(self) -> None:
        """
        An option with one value is refused if it is given twice: with two keys, one would not be
        used.
        """
        for option, text in (("key", "env:PATH"), ("tick", "1"), ("authorize-url", "http://a/")):
            self.assertEqual(
                f"twistd ssetwist: --{option}: given 2 times; give it once",
                self.refused(f"--{option}", text, f"--{option}={text}"),
            )
        self.config("--subscriptions", "--subscriptions")

    def test_unknown_option(self) -> None:
        """
        The message about an unknown option says how to list all options.
        """
        self.assertEqual(
            "twistd ssetwist: option --audiance not recognized; --help lists all options",
            self.refused("--audiance", "x"),
        )
        self.assertEqual("twistd ssetwist: option --tick requires argument", self.refused("--tick"))

    def test_help(self) -> None:
        """
        The help has one blank between two words, and shows no empty default.
        """
        text = str(Options())
        paragraphs = re.split(r"\n {6}--\S+ +", text)
        self.assertIn("heartbeat", text)
        for paragraph in paragraphs:
            self.assertNotRegex(re.sub(r"\n +", " ", paragraph), r"[a-z]  +[a-z]")
        self.assertNotIn("[default: ]", text)

    def test_all_options(self) -> None:
        """
        Every field of the configuration but ``tokens`` is an option, and the help lists it.
        """
        text = str(Options())
        for field in dataclasses.fields(HubConfig):
            if field.name != "tokens":
                self.assertRegex(text, rf"\n {{6}}--{field.name.replace('_', '-')}\b", field.name)

    def test_log_file(self) -> None:
        """
        A ``--logfile`` of twistd itself is checked with our options.
        """
        with tempfile.TemporaryDirectory() as folder:
            os.mkfifo(path := f"{folder}/pipe")
            for parent, is_refused in (
                ({"logfile": path}, True),
                ({"logfile": f"{folder}/log"}, False),
                ({}, False),
            ):
                options = Options()
                options.parent = parent
                if is_refused:
                    problem = self.assertRaises(SystemExit, options.parseOptions, [])
                    self.assertIn(
                        f"twistd ssetwist: --logfile: {path!r} is not a file", problem.code
                    )
                else:
                    options.parseOptions([])

    def test_process(self) -> None:
        """
        Without arguments the options are those of the process.
        """
        self.patch(sys, "argv", ["twistd", "--heartbeat=5"])
        options = Options()
        options.parseOptions()
        self.assertEqual(5.0, options.config.heartbeat)

    def test_not_pem(self) -> None:
        """
        If a file of a TLS endpoint is not PEM, the message shows a TLS endpoint string.
        """
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "file")
            path.write_text("not PEM\n")
            said = self.refused(f"--listen=ssl:8443:privateKey={path}")
        self.assertIn("such as 'ssl:8443:privateKey=key.pem:certKey=cert.pem'", said)

    def test_version(self) -> None:
        """
        ``--version`` prints the versions of ssetwist and of Twisted.
        """
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            ended = self.assertRaises(SystemExit, self.config, "--version")
        self.assertEqual(0, ended.code)
        self.assertEqual(
            f"ssetwist {ssetwist.__version__}, Twisted {twisted.__version__}\n", output.getvalue()
        )

    def test_choices_are_named(self) -> None:
        """
        The message about a wrong choice lists the choices.
        """
        self.assertEqual(
            "twistd ssetwist: --when-behind: 'foo' is not one of disconnect, skip, latest",
            self.refused("--when-behind=foo"),
        )
        self.assertEqual(
            "twistd ssetwist: --unknown-cursor: 'foo' is not one of live, all",
            self.refused("--unknown-cursor=foo"),
        )

    def test_bounds_are_named(self) -> None:
        """
        The message about a number out of bounds names the option and the bounds.
        """
        self.assertIn(
            "--lifetime: 0.5 is not 0, or from 1 to 86400 seconds", self.refused("--lifetime=0.5")
        )
        self.assertIn("--log-age: 0 is not from 1 to 86400", self.refused("--log-age=0"))
        self.assertIn("--flush-threads: 65 is not from 0 to 64", self.refused("--flush-threads=65"))

    def test_units_are_named(self) -> None:
        """
        The message about a text that is not a number names the unit.
        """
        for option, unit in (("publish-rate", "events a second"), ("heartbeat", "seconds")):
            self.assertEqual(
                f"twistd ssetwist: --{option}: 'x' is not a number of {unit}, such as 2.5",
                self.refused(f"--{option}=x"),
            )

    def test_gap_is_a_type(self) -> None:
        """
        A ``--gap`` that cannot be the type of an event is refused.
        """
        for text in ("a\nb", "a\rb", "\udcff"):
            self.assertIn("--gap: ", self.refused("--gap", text))

    def test_lifetime_needs_a_log(self) -> None:
        """
        A lifetime is refused without a log, because clients that reconnect would miss events.
        """
        for missing in ("--log-events=0", "--log-bytes=0"):
            said = self.refused("--lifetime=60", missing)
            self.assertIn("--lifetime: it needs a log", said)

    def test_digits_of_seconds(self) -> None:
        """
        Times have the digits 0 to 9 only, without underscores and blanks.
        """
        for text in ("1_0", "٣", " 5"):
            self.assertIn("--reconnection-time", self.refused("--reconnection-time", text))

    def test_backlog_by_position(self) -> None:
        """
        An endpoint may name its backlog by its position.
        """
        listen = "tcp:80:127.0.0.1:5"
        self.assertEqual([listen], list(self.config("--listen", listen).listen))

    def test_several_endpoints(self) -> None:
        """
        ``--listen`` may be repeated, and the order of the endpoints is kept.
        """
        config = self.config("--listen", "tcp:81", "--listen", "tcp:80")
        self.assertEqual(["tcp:81", "tcp:80"], list(config.listen))

    def test_two_command_lines(self) -> None:
        """
        The options of one command line are not remembered for the next.
        """
        self.config("--listen", "tcp:80", "--reconnection-time", "5")
        self.assertEqual(HubConfig(), self.config())

    def test_unknown_is_named(self) -> None:
        """
        An unknown option is named.
        """
        self.assertIn("--port", self.refused("--port", "80"))

    def test_without_value(self) -> None:
        """
        An option that lacks its value is named.
        """
        self.assertIn("--reconnection-time", self.refused("--reconnection-time"))

    def test_arguments(self) -> None:
        """
        An argument that is not an option is named.
        """
        self.assertIn("'8080'", self.refused("8080"))
