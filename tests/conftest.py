"""
Pytest's part of the tests: how they are spread over the cores of a machine.
"""

from typing import Any

import pytest


@pytest.hookimpl(optionalhook=True)  # it is one of pytest-xdist's
def pytest_xdist_make_scheduler(
    config: pytest.Config, log: Any
) -> Any:  # neither has a public type
    """
    Give each worker whole files, for tests of one file share hubs and browsers; and begin with
    those of ``conformance`` and ``functional``, which take longer than those of ``unit``.
    """
    from xdist.scheduler import LoadFileScheduling

    config.option.loadscopereorder = False  # by which those with the most tests would be first
    return LoadFileScheduling(config, log)
