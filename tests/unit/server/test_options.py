"""
What may be said on the command line of ``twistd ssetwist``.
"""

import contextlib
import dataclasses
import io
import re
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import ssetwist
import twisted.plugins
from ssetwist import HubConfig, UnknownCursor, WhenBehind
from ssetwist.server.tap import Options


class OptionsTests(SynchronousTestCase):
    """
    The command line.
    """

    def config(self, *arguments: str) -> HubConfig:
        """
        Return what the arguments ask for.
        """
        options = Options()
        options.parseOptions(arguments)
        return options.config

    def refused(self, *arguments: str) -> str:
        """
        Check that these arguments end the process, and return what is said.
        """
        problem = self.assertRaises(SystemExit, self.config, *arguments)
        self.assertIsInstance(problem.code, str)
        self.assertNotIn("\n", problem.code)
        return problem.code

    def test_defaults(self) -> None:
        """
        Without options the defaults are those of the configuration.
        """
        self.assertEqual(HubConfig(), self.config())

    def test_good_values(self) -> None:
        """
        Each option sets its own value and nothing else.
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
            ("--max-subscribers", "0", {"max_subscribers": 0}),
            ("--max-subscribers", "999999999", {"max_subscribers": 999999999}),
            ("--max-per-address", "0", {"max_per_address": 0}),
            ("--max-per-address", "6", {"max_per_address": 6}),
            ("--stall-timeout", "0.1", {"stall_timeout": 0.1}),
            ("--stall-timeout", "60", {"stall_timeout": 60.0}),
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

    def test_bad_values(self) -> None:
        """
        What cannot be meant ends the process with one line, which names the option and the value.
        """
        seconds = ("", "x", "-1", "-0.1", "nan", "inf", "-inf", "86401", "1e99", "1e2", "5s", "1,5")
        numbers = ("", "x", "-1", "+1", "1.5", "1e3", "1_000", " 1", "٣", "²", "1000000000", "nan")
        endpoints = ("", "8080", "tcp", "tcp:x", "tcp:80:x=1", "nope:80", "ssl:443:privateKey=/no")
        cases = {
            "heartbeat": seconds,
            "reconnection-time": seconds,
            "tick": seconds,
            "stall-timeout": (*seconds, "0", "0.09"),
            "drain-timeout": seconds,
            "lifetime": (*seconds, "0.9"),
            "log-age": (*seconds, "0", "0.9"),
            "log-events": numbers,
            "log-bytes": numbers,
            "flush-threads": (*numbers, "65"),
            "when-behind": ("", "foo", "Skip", "SKIP", "skip ", "live"),
            "unknown-cursor": ("", "foo", "All", "none", "skip"),
            "max-subscribers": numbers,
            "max-per-address": numbers,
            "max-body": (*numbers, "0"),
            "max-matchers": (*numbers, "0"),
            "max-topics": (*numbers, "0", "1001"),
            "max-per-token": numbers,
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
                if option not in ("key", "authorize-url"):  # what may be secret is not said again
                    self.assertIn(text or "''", said)

    def test_twice(self) -> None:
        """
        An option that has one value is refused when it is there twice: of two keys it would be
        half of what is meant.
        """
        for option, text in (("key", "env:PATH"), ("tick", "1"), ("authorize-url", "http://a/")):
            self.assertEqual(
                f"twistd ssetwist: --{option}: it is there 2 times; once is all",
                self.refused(f"--{option}", text, f"--{option}={text}"),
            )
        self.config("--subscriptions", "--subscriptions")

    def test_where_options_are(self) -> None:
        """
        Where an option is unknown it is said where to find those there are.
        """
        self.assertEqual(
            "twistd ssetwist: option --audiance not recognized; --help lists what there is",
            self.refused("--audiance", "x"),
        )
        self.assertEqual("twistd ssetwist: option --tick requires argument", self.refused("--tick"))

    def test_help(self) -> None:
        """
        The help is in sentences: with one blank between two words, and no value that is empty.
        """
        text = str(Options())
        paragraphs = re.split(r"\n {6}--\S+ +", text)
        self.assertIn("heartbeat", text)
        for paragraph in paragraphs:
            self.assertNotRegex(re.sub(r"\n +", " ", paragraph), r"[a-z]  +[a-z]")
        self.assertNotIn("[default: ]", text)

    def test_no_pem(self) -> None:
        """
        Where a file of a TLS endpoint is no PEM, it is said what must be there, and in which words.
        """
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "file")
            path.write_text("no PEM\n")
            said = self.refused(f"--listen=ssl:8443:privateKey={path}")
        self.assertIn("such as 'ssl:8443:privateKey=key.pem:certKey=cert.pem'", said)

    def test_version(self) -> None:
        """
        The version that is asked for is that of the hub, and of Twisted, too.
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
        Where there is a choice it is said which.
        """
        self.assertEqual(
            "twistd ssetwist: --when-behind: 'foo' is none of disconnect, skip, latest",
            self.refused("--when-behind=foo"),
        )
        self.assertEqual(
            "twistd ssetwist: --unknown-cursor: 'foo' is none of live, all",
            self.refused("--unknown-cursor=foo"),
        )

    def test_bounds_are_named(self) -> None:
        """
        Where a number is out of bounds these are said, in the option's name.
        """
        self.assertIn(
            "--lifetime: 0.5 is not 0, or from 1 to 86400 seconds", self.refused("--lifetime=0.5")
        )
        self.assertIn("--log-age: 0 is not from 1 to 86400", self.refused("--log-age=0"))
        self.assertIn("--flush-threads: 65 is not from 0 to 64", self.refused("--flush-threads=65"))

    def test_gap_is_a_type(self) -> None:
        """
        What could be no type of an event is refused.
        """
        for text in ("a\nb", "a\rb", "\udcff"):
            self.assertIn("--gap: ", self.refused("--gap", text))

    def test_lifetime_needs_a_log(self) -> None:
        """
        Streams do not end by themselves where those who come back would miss something.
        """
        for missing in ("--log-events=0", "--log-bytes=0"):
            said = self.refused("--lifetime=60", missing)
            self.assertIn("--lifetime: needs a log", said)

    def test_seconds_as_numbers(self) -> None:
        """
        Times are refused in the spellings in which whole numbers are.
        """
        for text in ("1_0", "٣", " 5"):
            self.assertIn("--reconnection-time", self.refused("--reconnection-time", text))

    def test_backlog_by_position(self) -> None:
        """
        An endpoint may name its backlog in any way that Twisted knows.
        """
        listen = "tcp:80:127.0.0.1:5"
        self.assertEqual([listen], list(self.config("--listen", listen).listen))

    def test_listen_again(self) -> None:
        """
        There may be several endpoints, in their order.
        """
        config = self.config("--listen", "tcp:81", "--listen", "tcp:80")
        self.assertEqual(["tcp:81", "tcp:80"], list(config.listen))

    def test_two_command_lines(self) -> None:
        """
        What one command line says is not remembered for the next.
        """
        self.config("--listen", "tcp:80", "--reconnection-time", "5")
        self.assertEqual(HubConfig(), self.config())

    def test_unknown(self) -> None:
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
        Something that is no option is named.
        """
        self.assertIn("'8080'", self.refused("8080"))
