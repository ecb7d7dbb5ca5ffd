"""
Requests that are made to be slow to read: they cost little, and nobody else waits for them.
"""

import os
import time
from contextlib import closing
from pathlib import Path
from threading import Thread
from urllib.parse import quote

from twisted.trial.unittest import SynchronousTestCase

from tests.functional.mercure_process import PATH, TOPIC, access_token, mercure_hub
from tests.functional.support import HubProcess
from tests.functional.twistd_process import http

#: The largest body that the hub takes, in bytes.
_MAX_BODY = 1024 * 1024

#: Requests of one kind: a processor's time is counted in hundredths of a second.
_TIMES = 20


class SlowRequestTests(SynchronousTestCase):
    """
    A publisher that sends what is slow to read.
    """

    def send(self, process: HubProcess, method: str, target: str, body: bytes = b"") -> int:
        """
        Send a request, and return the status of its answer.
        """
        fields = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Authorization": f"Bearer {access_token()}",
        }
        with closing(http(process)) as connection:
            connection.request(method, target, body, fields)
            response = connection.getresponse()
            response.read()
            return response.status

    def cost(self, process: HubProcess, method: str, body: bytes, status: int) -> float:
        """
        Send the same request several times, and return the seconds of processor time that the hub
        took for all.
        """
        before = self.processor_time(process)
        for _ in range(_TIMES):
            self.assertEqual(status, self.send(process, method, PATH, body))
        return self.processor_time(process) - before

    def processor_time(self, process: HubProcess) -> float:
        state = Path(f"/proc/{process.process.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, state[11:13])) / os.sysconf("SC_CLK_TCK")

    def test_many_fields(self) -> None:
        """
        A body with half a million fields is refused with 413 before a field is read, and costs the
        hub about as much as any body of its size; a long query is refused, too.
        """
        with mercure_hub() as process:
            plain = b"a=".ljust(_MAX_BODY - 1, b"x")
            many = b"a&" * (len(plain) // 2)
            usual = self.cost(process, "POST", plain, 400)
            for method in ("POST", "QUERY"):
                self.assertLess(self.cost(process, method, many, 413), 3 * usual + 0.05, method)
            self.assertEqual(414, self.send(process, "GET", f"{PATH}?{'a&' * 7000}"))

    def test_others_do_not_wait(self) -> None:
        """
        While a body of percent signs alone is decoded, which takes long, others get their answers.
        """
        body = f"topic={quote(TOPIC)}&data=".encode().ljust(_MAX_BODY, b"%")
        with mercure_hub() as process:
            longest = min(self.longest_part(process, body) for _ in range(3))
        self.assertLess(longest, 0.4)

    def longest_part(self, process: HubProcess, body: bytes) -> float:
        """
        Publish in a thread, while another client asks for something small again and again.

        :returns: Its longest wait, as a part of the time in which the hub published.
        """
        publishing = Thread(target=self.send, args=(process, "POST", PATH, body))
        longest = 0.0
        began = time.monotonic()
        with closing(http(process)) as connection:
            publishing.start()
            while publishing.is_alive():
                asked = time.monotonic()
                connection.request("GET", "/status")
                connection.getresponse().read()
                longest = max(longest, time.monotonic() - asked)
        publishing.join()
        return longest / (time.monotonic() - began)
